"""Imports of ocr_jax go down one table of layers, and never in a circle.

Imports inside functions count as well. This prints the circles, and how many there are:

    python -m tests.test_layers
"""

import ast
from pathlib import Path

import ocr_jax

PACKAGE = Path(ocr_jax.__file__).parent
# From the top down. A module imports from lower rows only; those of one package, which
# is one entry, also each other.
LAYERS = (
    ("__main__",),
    ("app",),
    ("cli", "main", "predict", "transcribe", "tune_decoder", "compare", "ensemble"),
    ("export", "restore"),
    ("onnx_graph", "stablehlo", "onnx_reader"),
    ("prepare", "page_reader"),
    ("train",),
    ("pages", "line_training", "between"),
    ("progress", "recognizer"),
    ("evaluate", "transfer"),
    ("scoring", "sources", "corpora"),
    ("images", "decoders", "rereading"),
    ("data", "trained"),
    ("checkpoints",),
    ("run_names",),
    ("pretrained",),
    ("weights",),
    ("tracking", "steps", "optimizers", "models"),
    ("inference",),
    ("train_state",),
    ("augmentation", "ctc", "decoding"),
    ("runtime",),
    ("reading_tables", "reading_formats", "reading_bar"),
    ("claims", "readings"),
    ("workdirs",),
    ("config", "recipes"),
    ("config_mistakes",),
    (
        "alike",
        "charset",
        "checkout",
        "config_keys",
        "extras",
        "locks",
        "regular_files",
        "shipped_configs",
    ),
    ("errors", "display_order"),
    ("",),  # ocr_jax itself: its version
)
FLOORS = {entry: floor for floor, row in enumerate(reversed(LAYERS)) for entry in row}


def name_of(path: Path) -> str:
    """A module's name within ocr_jax; "" is ocr_jax itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph() -> dict[str, set[str]]:
    """What each module of ocr_jax imports from ocr_jax."""
    sources = {name_of(path): path.read_text() for path in PACKAGE.rglob("*.py")}
    return {
        name: set(imports(ast.parse(source), set(sources)))
        for name, source in sources.items()
    }


def imports(tree: ast.AST, modules: set[str]):
    """The modules that a tree imports, at its top and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in wanted:
            package, _, rest = name.partition(".")
            if package == "ocr_jax":
                # The name may be a module, or something in one.
                yield rest if rest in modules else rest.rpartition(".")[0]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or by way of others."""
    reached = {name: reachable(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return sorted(map(list, groups))


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """What a module imports, and what that imports, and so on."""
    found, waiting = set(), [start]
    while waiting:
        for name in graph[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found


def test_every_module_has_one_place_in_the_table():
    entries = [entry for row in LAYERS for entry in row]
    assert len(entries) == len(set(entries))
    assert set(entries) == {name.partition(".")[0] for name in graph()}


def test_imports_go_down():
    upward = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if (entry := name.partition(".")[0]) != (below := other.partition(".")[0])
        and FLOORS[entry] <= FLOORS[below]
    ]
    assert not upward


def test_there_is_no_circle():
    assert circles(graph()) == []


def test_a_circle_is_found_also_through_a_function():
    tree = ast.parse("def f():\n    from ocr_jax.data import plan\n")
    assert list(imports(tree, {"data.plan"})) == ["data.plan"]
    found = circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}})
    assert found == [["a", "b", "c"], ["e"]]


def test_no_file_is_over_300_lines_and_no_function_over_60():
    long = []
    folders = PACKAGE, PACKAGE.parent / "experiments", PACKAGE.parent / "tests"
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        source = path.read_text()
        sizes = [(path.name, len(source.splitlines()), 300)]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                sizes.append((node.name, node.end_lineno - node.lineno + 1, 60))
        long += [f"{name}: {size}" for name, size, most in sizes if size > most]
    assert not long


if __name__ == "__main__":
    found = circles(graph())
    print(*(" → ".join(circle) for circle in found), sep="\n", end="")
    print(f"{len(found)} circles in {len(graph())} modules")

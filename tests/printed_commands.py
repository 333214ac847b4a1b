"""Finds the commands that README, docs, docstrings and messages show to a user."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
# What an f-string fills in: it fits flags that take text, and those that take numbers.
FILLED_IN = "1"
COMMAND = r"python -m ocr_jax[\w.]*|python experiments/[\w/]+\.py|ocr-jax\b"
# A line of its own, in a comment of YAML or after what binds it to cores and nodes.
BLOCK = re.compile(
    rf"\s*(?:#\s*)?(?:taskset \S+ \S+ |srun .*?|\.venv-peers/bin/)?"
    rf"((?:{COMMAND}).*|make [a-z-]+(?:\s+[#|].*)?)$"
)
# In a sentence, or in backticks there.
INLINE = re.compile(rf"`((?:{COMMAND}|make (?=[a-z]))[^`]*)`|({COMMAND})(?=([^`]*))")
# What belongs to a command that stands in a sentence.
ARGUMENT = re.compile(r"--?\w[\w.]*(=\S*)?|-|[A-Z_.]{2,}|\S*[/*]\S*|\S+\.[a-z0-9]+|1")
ENDS_A_SENTENCE = ".,;:)'\""
SHELL = ("|", ">", "<", "&&", ";")


class Printed(NamedTuple):
    """A command as words, and the file that shows it."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.words)}"


def texts() -> Iterator[tuple[str, str]]:
    """Yield (file, text) of everything that a user may read."""
    for pattern in ("*.md", "docs/**/*.md", "configs/*.md", "experiments/**/*.md"):
        for path in sorted(ROOT.glob(pattern)):
            # The past may name commands that are gone.
            if path.name != "CHANGELOG.md":
                yield _name(path), path.read_text()
    for path in sorted(ROOT.glob("experiments/**/*.yaml")):
        yield _name(path), re.sub(r"^\s*#+", "", path.read_text(), flags=re.MULTILINE)
    for path in sorted(ROOT.glob("experiments/**/*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            yield _name(path), "".join(cell["source"])
    for folder in ("ocr_jax", "configs", "experiments"):
        for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
            for text in strings(path.read_text()):
                yield _name(path), text


def strings(code: str) -> Iterator[str]:
    """Yield the strings of a program, docstrings too, with FILLED_IN for values."""
    nodes = [ast.parse(code)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else FILLED_IN
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        else:
            nodes += ast.iter_child_nodes(node)


def all_commands() -> list[Printed]:
    """Return each command once, in the order of the files."""
    found = {}
    for where, text in texts():
        for words in commands(text):
            found.setdefault(words, Printed(where, words))
    return list(found.values())


def commands(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the commands in a text: lines of their own, and those in sentences."""
    sentences = []
    for line in re.sub(r"\s*\\\n[\s#]*", " ", text).splitlines():
        if block := BLOCK.match(line):
            yield _shell_words(block[1])
            line = ""
        sentences.append(line.strip())
    for paragraph in "\n".join(sentences).split("\n\n"):
        for quoted, start, rest in INLINE.findall(" ".join(paragraph.split("\n"))):
            yield _shell_words(quoted) if quoted else (*start.split(), *_head(rest))


def _shell_words(command: str) -> tuple[str, ...]:
    """Split a command as a shell does, up to a pipe; [--optional] arguments count."""
    command = re.sub(r" \[(--[^\]]*)\]", r" \1", command)
    command = re.sub(r" '?\[[^\]]*\]'?", "", command)
    words = shlex.split(command, comments=True)
    ends = [i for i, word in enumerate(words) if word in SHELL or word[0] == "$"]
    return tuple(words[: min(ends, default=None)])


def _head(sentence: str) -> Iterator[str]:
    """Yield the words at the start of a sentence that are arguments."""
    if not sentence.startswith(" "):
        return
    for word in sentence.split():
        bare = word.rstrip(ENDS_A_SENTENCE)
        if not ARGUMENT.fullmatch(bare):
            return
        yield bare
        if bare != word:
            return


def flags(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each --name or --name=value in a text."""
    for name, value in re.findall(r"(?<![\w-])--([a-z][\w.]*)(=[^\s`|]*)?", text):
        value = value.removeprefix("=").rstrip(ENDS_A_SENTENCE)
        yield name.rstrip("."), value + ")" * value.count("(")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))

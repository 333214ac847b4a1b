"""Traces where a training step's time goes, and names the largest parts."""

import collections
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

# Steps before the trace, which compile programs and touch buffers for the first time.
WARM_UP = 3
SHOWN = 5
# Operations that only wait for, or contain, the ones that do the work.
HOLDERS = re.compile(r"while|call|conditional|async")
# Wrappers that JAX puts around and between the names that users give.
WRAPPERS = re.compile(r"(?:jvp|transpose|vmap|checkpoint|custom_\w+)\((.*)\)$")
NAMELESS = re.compile(
    r"|jit\(.*\)|while|body|cond|closed_call|eval_jaxpr|shard_map|branch_\d+_fun"
    r"|.*->.*|.*__call__"
)


class Trace:
    """Traces config.profile_steps dispatches of a training into WORKDIR/profile.

    The trace opens in Perfetto, TensorBoard or xprof. `say` prints the largest parts of
    the step. With 0 steps nothing is traced.
    """

    def __init__(self, config, workdir: Path, say: Callable[[str], None]):
        self._steps = steps = config.profile_steps
        self._folder = workdir / "profile"
        self._say = say
        self._left = WARM_UP + steps
        self._tracing = False

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, *_):
        if self._tracing:  # the training ended before its last step
            self._stop()

    def of(self, train_step: Callable) -> Callable:
        """Wrap a training step to trace it after the warm-up."""

        def step(state, batch):
            if self._left == self._steps:
                self._start(state)
            state, metrics = train_step(state, batch)
            self._left -= 1
            if self._left == 0:
                jax.block_until_ready(state)
                self._stop()
            return state, metrics

        return step if self._steps else train_step

    def _start(self, state):
        jax.block_until_ready(state)
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0  # tracing every call would slow the steps
        jax.profiler.start_trace(self._folder, profiler_options=options)
        self._tracing = True

    def _stop(self):
        jax.profiler.stop_trace()
        self._tracing = False
        shares = largest_parts(self._folder)[:SHOWN]
        parts = ", ".join(f"{part} {share:.0%}" for part, share in shares)
        calls = self._steps - self._left
        self._say(f"{calls} compiled calls traced in {self._folder}: {parts}")


def largest_parts(folder: Path) -> list[tuple[str, float]]:
    """Return (part, share of the operations' time), the largest first.

    folder: the output of `jax.profiler.trace`. Must run in the traced process, whose
    compiled programs tell which part of the network an operation belongs to.
    """
    seconds = collections.defaultdict(collections.Counter)
    for program, operation, duration in _operations(folder):
        seconds[program][operation] += duration
    texts = _programs({name for name, _ in seconds})
    times = collections.Counter()
    for (name, _), of_program in seconds.items():
        # Programs for other shapes share the name; the right one has all operations.
        known = [parts(text) for text in texts[name]]
        part_of = max(known, key=lambda part: len(part.keys() & of_program), default={})
        for operation, duration in of_program.items():
            times[part_of.get(operation, "other")] += duration
    total = sum(times.values())
    return [(part, time / total) for part, time in times.most_common()]


def _operations(folder: Path) -> Iterator[tuple[tuple[str, int], str, float]]:
    """Yield ((program, its number), operation, seconds) for every operation run."""
    for file in Path(folder).glob("**/*.xplane.pb"):
        for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
            lines = list(plane.lines)
            # If this line exists, the other lines repeat the same operations.
            chosen = [line for line in lines if line.name == "XLA Ops"] or lines
            for event in (event for line in chosen for event in line.events):
                stats = dict(event.stats)
                operation = stats.get("hlo_op")
                if operation and not HOLDERS.match(operation):
                    program = stats.get("hlo_module", ""), stats.get("program_id", 0)
                    yield program, operation, event.duration_ns / 1e9


def _programs(names: set[str]) -> dict[str, list[str]]:
    """Return the texts of this process's compiled programs of these names."""
    texts = {name: [] for name in names}
    for program in jax.local_devices()[0].client.live_executables():
        for module in program.hlo_modules():
            if module.name in names:
                texts[module.name].append(module.to_string())
    return texts


def parts(text: str) -> dict[str, str]:
    """Map the operations in a compiled program's text to the parts of the step.

    An unnamed operation, such as the convolution that computes a weight gradient,
    belongs to the part that first uses its result.
    """
    part_of, users = {}, {}
    for line in reversed(text.splitlines()):
        if match := re.match(r"\s*(?:ROOT )?%([\w.-]+) = (.*)", line):
            name, rest = match.groups()
            scope = re.search(r'op_name="([^"]*)"', rest)
            part = _part(scope[1]) if scope else users.get(name)
            if part is not None:
                part_of[name] = part
                users |= dict.fromkeys(re.findall(r"%([\w.-]+)", rest), part)
    return part_of


def _part(scope: str) -> str:
    """`jit(f)/transpose(jvp(Net))/encoder/Conv_0/dot` → `encoder/Conv_0 backward`."""
    if "/(" in scope:  # sums of many parts: (encoder/Conv_0/dot:head/dot:…)
        return "sums over devices"
    program, *scopes = scope.split(";")[0].split("/")
    names = [name for name in map(_unwrapped, scopes[:-1]) if name]
    # The first name is the whole network, or something beside it, such as the loss.
    part = "/".join(names[1:3] or names) or re.sub(r"\w+\((.*)\)", r"\1", program)
    return part + " backward" * ("transpose(" in scope)


def _unwrapped(name: str) -> str:
    """`transpose(jvp(Net))` → `Net`; empty for scopes that users did not name."""
    while match := WRAPPERS.match(name):
        name = match[1]
    return "" if NAMELESS.fullmatch(name) else name

"""Traces where a training step's time goes, and names the largest parts."""

import collections
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

# Steps before the trace: in these, programs are compiled and buffers are first used.
WARM_UP = 3
SHOWN = 5
# Operations that only wait for, or hold, the ones that do the work.
HOLDERS = re.compile(r"while|call|conditional|async")
# What JAX puts around the names that its users give, and between them.
WRAPPERS = re.compile(r"(?:jvp|transpose|vmap|checkpoint|custom_\w+)\((.*)\)$")
NAMELESS = re.compile(
    r"|jit\(.*\)|while|body|cond|closed_call|eval_jaxpr|shard_map|branch_\d+_fun"
    r"|.*->.*|.*__call__"
)


class Trace:
    """Traces config.profile_steps dispatches of a training into WORKDIR/profile.

    The trace opens in Perfetto, TensorBoard or xprof. `say` gets the largest parts of
    the step, as text. With 0 steps nothing is traced.
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
        """The step, traced when its turn comes."""

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
        options.python_tracer_level = 0  # every call of a function: it would slow them
        jax.profiler.start_trace(self._folder, profiler_options=options)
        self._tracing = True

    def _stop(self):
        jax.profiler.stop_trace()
        self._tracing = False
        shares = largest_parts(self._folder)[:SHOWN]
        parts = ", ".join(f"{part} {share:.0%}" for part, share in shares)
        self._say(f"{self._steps - self._left} steps traced in {self._folder}: {parts}")


def largest_parts(folder: Path) -> list[tuple[str, float]]:
    """(part, its share of the operations' time), the largest first.

    folder: what `jax.profiler.trace` left, in the process whose programs it traced:
    the programs' texts say which part of the network an operation is of.
    """
    seconds = collections.defaultdict(collections.Counter)
    for program, operation, duration in _operations(folder):
        seconds[program][operation] += duration
    texts = _programs({name for name, _ in seconds})
    times = collections.Counter()
    for (name, _), of_program in seconds.items():
        # Programs for other shapes have the same name: the right one has all of them.
        known = [parts(text) for text in texts[name]]
        found = max(known, key=lambda found: len(found.keys() & of_program), default={})
        for operation, duration in of_program.items():
            times[found.get(operation, "other")] += duration
    total = sum(times.values())
    return [(part, time / total) for part, time in times.most_common()]


def _operations(folder: Path) -> Iterator[tuple[tuple[str, int], str, float]]:
    """((program, its number), operation, seconds) of all that ran, on any device."""
    for file in Path(folder).glob("**/*.xplane.pb"):
        for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
            lines = list(plane.lines)
            # On devices that have it, other lines show the same once more.
            chosen = [line for line in lines if line.name == "XLA Ops"] or lines
            for event in (event for line in chosen for event in line.events):
                about = dict(event.stats)
                operation = about.get("hlo_op")
                if operation and not HOLDERS.match(operation):
                    program = about.get("hlo_module", ""), about.get("program_id", 0)
                    yield program, operation, event.duration_ns / 1e9


def _programs(names: set[str]) -> dict[str, list[str]]:
    """The texts of this process's compiled programs of these names."""
    texts = {name: [] for name in names}
    for program in jax.local_devices()[0].client.live_executables():
        for module in program.hlo_modules():
            if module.name in names:
                texts[module.name].append(module.to_string())
    return texts


def parts(text: str) -> dict[str, str]:
    """Operation → part of the step, of a compiled program's text.

    An operation without a name of its own, such as the convolution that makes a weight
    gradient, is of the part that first uses its result.
    """
    found, users = {}, {}
    for line in reversed(text.splitlines()):
        if match := re.match(r"\s*(?:ROOT )?%([\w.-]+) = (.*)", line):
            name, rest = match.groups()
            scope = re.search(r'op_name="([^"]*)"', rest)
            part = _part(scope[1]) if scope else users.get(name)
            if part is not None:
                found[name] = part
                users |= dict.fromkeys(re.findall(r"%([\w.-]+)", rest), part)
    return found


def _part(scope: str) -> str:
    """`jit(f)/transpose(jvp(Net))/encoder/Conv_0/dot` → `encoder/Conv_0 backward`."""
    if "/(" in scope:  # many parts' sums at once: (encoder/Conv_0/dot:head/dot:…)
        return "sums over devices"
    program, *scopes = scope.split(";")[0].split("/")
    names = [name for name in map(_unwrapped, scopes[:-1]) if name]
    # The first is the whole network, or something beside it, such as the loss.
    part = "/".join(names[1:3] or names) or re.sub(r"\w+\((.*)\)", r"\1", program)
    return part + " backward" * ("transpose(" in scope)


def _unwrapped(name: str) -> str:
    """`transpose(jvp(Net))` → `Net`; empty for what its writers gave no name."""
    while match := WRAPPERS.match(name):
        name = match[1]
    return "" if NAMELESS.fullmatch(name) else name

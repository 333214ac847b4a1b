"""Where a training step's time goes: a trace to look at, and its largest parts."""

import collections
import re
from collections.abc import Iterable
from pathlib import Path

import jax

# What the parts of a step are called by those who wrote it, in JAX's names of scopes.
WRAPPERS = re.compile(r"^(jit|jvp|transpose|vmap|checkpoint|custom_\w+)\((.*)\)$")
# Events that only wait for, or hold, the ones that do the work.
HOLDERS = re.compile(r"^(while|call|conditional|async|ThunkExecutor|end: |Wait)")


def largest_parts(folder: Path, programs: Iterable[str]) -> list[tuple[str, float]]:
    """(part, its share of the operations' time), the largest first.

    folder: what `jax.profiler.trace` left; programs: the text of the compiled programs
    that ran in it, whose metadata say which part of the network an operation is of.
    """
    parts = {}
    for text in programs:
        parts |= _parts(text)
    times = collections.Counter()
    for name, seconds in _operations(folder):
        if (part := parts.get(name)) is not None:
            times[part] += seconds
    total = sum(times.values())
    return [(part, time / total) for part, time in times.most_common()]


def _operations(folder: Path):
    """(name, seconds) of every operation that ran, on CPU threads and devices."""
    for file in sorted(Path(folder).glob("**/*.xplane.pb")):
        for plane in jax.profiler.ProfileData.from_file(str(file)).planes:
            for line in plane.lines:
                for event in line.events:
                    if not HOLDERS.match(event.name):
                        yield event.name, event.duration_ns / 1e9


def _parts(text: str) -> dict[str, str]:
    """Operation → part, of a compiled program's text."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r'\s*(?:ROOT )?%([\w.-]+) = .*op_name="([^"]*)"', line):
            found[match[1]] = _part(match[2])
    return found


def _part(scope: str) -> str:
    """`jit(f)/transpose(jvp(Net))/encoder/Conv_0/dot` → `encoder/Conv_0 backward`."""
    backward = " backward" if "transpose(" in scope else ""
    names = [name for name in scope.split("/") if not WRAPPERS.match(name)]
    return "/".join(names[:2] if len(names) > 2 else names[:1]) + backward

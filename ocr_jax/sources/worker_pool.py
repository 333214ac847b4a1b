"""Reads the tasks of a source in several processes, in the tasks' order."""

import collections
import dataclasses
import itertools
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import process

import cv2
import rich.console
import rich.progress

from ocr_jax import charset, sources
from ocr_jax.data import pages_file
from ocr_jax.errors import UserError

# In a log, which has no room for a bar.
SECONDS_BETWEEN_LINES = 30.0

Read = Callable[[object, int], list[sources.Item]]


def read_all(
    read: Read, tasks: list, height: int, workers: int, *, ahead: int = 64
) -> Iterator[list[sources.Item]]:
    """Yield what `read` returns for each task, in the tasks' order.

    ahead: how many results per worker may wait in memory.
    Raises UserError if a worker process was killed.
    """
    calls = zip(itertools.repeat(read), tasks, itertools.repeat(height))
    # Forkserver, because a fork of a process that has run jax or TensorFlow may hang.
    context = multiprocessing.get_context("forkserver")
    pool = futures.ProcessPoolExecutor(workers, context, initializer=_start_worker)
    try:
        yield from shown_progress(
            _in_order(pool, calls, ahead=ahead * workers), len(tasks)
        )
    except process.BrokenProcessPool:
        raise UserError(
            "a worker process was killed, perhaps for lack of memory: try --workers=1"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def shown_progress(results: Iterable, total: int) -> Iterator:
    """Yield the results, and show on stderr how far they are: a bar, or log lines."""
    if sys.stderr.isatty():
        yield from rich.progress.track(
            results,
            total=total,
            description="Preparing",
            console=rich.console.Console(stderr=True),
        )
        return
    started = said = time.monotonic()
    for done, result in enumerate(results, start=1):
        yield result
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said, rate = now, done / (now - started)
            line = f"Preparing: {done:,} of {total:,} read, {rate:,.1f} a second"
            print(line, file=sys.stderr, flush=True)


def _in_order(
    pool: futures.Executor, calls: Iterable[tuple], ahead: int
) -> Iterator[list[sources.Item]]:
    """Yield results in the order of calls, with at most `ahead` of them pending."""
    pending = collections.deque()
    for call in calls:
        pending.append(pool.submit(_read, *call))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _read(read: Read, task, height: int) -> list[sources.Item]:
    try:
        items = read(task, height)
    except UserError as error:
        # Drop the path, so that equal reasons are counted together.
        path, reason = getattr(task, "path", None), str(error)
        reason = reason.replace(str(path), "it") if path else reason
        items = [sources.Skipped(task.name, reason)]
    return [_writable(item) for item in items]


def _writable(item: sources.Item) -> sources.Item:
    """Return the item, or skip it if HDF5 cannot store its text."""
    if isinstance(item, sources.Skipped):
        return item._replace(name=_shown(item.name), reason=_shown(item.reason))
    line = item[1]
    if isinstance(line, pages_file.Page):
        page = dataclasses.replace(line, page_id=_shown(line.page_id))
        return item[0], page
    for text in (line.line_id, line.writer, line.transcript):
        if "\0" in text or _shown(text) != text:
            reason = "a zero byte or invalid UTF-8 in its name or transcript"
            return sources.Skipped(_shown(line.line_id), reason)
    if not charset.written(line.transcript)[0]:
        reason = "a transcript of characters that can't be seen"
        return sources.Skipped(line.line_id, reason)
    return item


def _shown(text: str) -> str:
    """Escape the bytes of a file name that are not UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def _start_worker():
    # The parent handles Ctrl-C and stops its workers. Each worker uses one core.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)

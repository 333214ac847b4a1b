"""Ctrl-C and SIGTERM: a training stops after a checkpoint; what must be whole ends."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def stop_signals():
    """Yield an event that the first Ctrl-C or SIGTERM sets; a second stops at once."""
    requested = threading.Event()

    def handler(*_):
        if requested.is_set():
            raise KeyboardInterrupt("Stopped at once; the last checkpoint stands.")
        requested.set()

    if threading.current_thread() is not threading.main_thread():
        yield requested
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, handler) for number in signals}
    try:
        yield requested
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


@contextlib.contextmanager
def deferred():
    """Let Ctrl-C and SIGTERM wait for the end of a block that must run whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting = []
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {n: signal.signal(n, lambda *_: waiting.append(1)) for n in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if waiting:
            raise KeyboardInterrupt

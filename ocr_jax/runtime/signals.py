"""Ctrl-C and SIGTERM while training: the first stops the run after a checkpoint."""

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
    """Let Ctrl-C wait for the block's end, where half of the work is worse than all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    previous = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if pressed:
            raise KeyboardInterrupt

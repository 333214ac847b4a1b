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

"""Ctrl-C, counted, and a sleep that the end of a child process or a signal ends."""

import os
import select
import signal


class Interrupts:
    """While entered, `count` says how often Ctrl-C was pressed.

    SIGTERM and SIGHUP, from a batch system or a closed terminal, count as two presses;
    under nohup, SIGHUP counts as none.
    """

    def __enter__(self) -> "Interrupts":
        self.count = 0
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
            numbers.append(signal.SIGHUP)
        self._previous = {n: signal.signal(n, self._handle) for n in numbers}
        return self

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        for end in self._pipe:
            os.close(end)

    def wait(self, seconds: float):
        """Sleep until a signal comes or a child ends, `seconds` at most."""
        if select.select([self._pipe[0]], [], [], seconds)[0]:
            os.read(self._pipe[0], 4096)

    def _handle(self, number: int, _):
        if number == signal.SIGINT:
            self.count += 1
        elif number != signal.SIGCHLD:
            self.count = max(self.count + 1, 2)

"""Notifies all processes of a run at once when one of them leaves.

jax only notices by a missing heartbeat, a minute later. Process 0 listens and forwards
each message to all. If it cannot be reached, the heartbeat remains.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError, connection

import jax
import numpy as np
from jax.experimental import multihost_utils

KEY_BYTES, HOST_BYTES = 16, 256


class Bell:
    """A bell that one process rings and the others hear. All create theirs together.

    host: the host of process 0, or "" for its own name. heard: called, in a thread,
    with the number of the process that rang.
    """

    def __init__(self, host: str, heard: Callable[[int], None]):
        self._heard, self._lock = heard, threading.Lock()
        self._forwards = jax.process_index() == 0
        self._peers: list[connection.Connection] = []
        self._rung = b""
        key, listener = os.urandom(KEY_BYTES), None
        if self._forwards:
            # Listen on all addresses: the ones that other hosts can reach are unknown.
            listener = connection.Listener(
                ("", 0), backlog=jax.process_count(), authkey=key
            )
            host, port = host or socket.gethostname(), listener.address[1]
            message = key + port.to_bytes(2) + host.encode().ljust(HOST_BYTES)
        else:
            message = bytes(KEY_BYTES + 2 + HOST_BYTES)
        # Everyone gets the address of process 0, and a key that keeps strangers out.
        rows = multihost_utils.process_allgather(np.frombuffer(message, np.uint8))
        message = rows[0].tobytes()
        key, port = message[:KEY_BYTES], int.from_bytes(message[KEY_BYTES:][:2])
        address = message[KEY_BYTES + 2 :].decode().strip(), port
        if listener:
            threading.Thread(target=self._listen, args=(listener,), daemon=True).start()
        else:
            # In a thread: connecting to an unreachable host takes minutes to fail.
            threading.Thread(
                target=self._join, args=(address, key), daemon=True
            ).start()

    def ring(self, number: int):
        """Tell the others the number of the process that leaves."""
        with self._lock:
            self._rung = str(number).encode()
            for peer in self._peers:
                _send(peer, self._rung)

    def _listen(self, listener: connection.Listener):
        while True:
            with contextlib.suppress(AuthenticationError, EOFError, OSError):
                peer = listener.accept()
                self._add(peer)
                threading.Thread(target=self._hear, args=(peer,), daemon=True).start()

    def _join(self, address: tuple[str, int], key: bytes):
        with contextlib.suppress(AuthenticationError, EOFError, OSError):
            peer = connection.Client(address, authkey=key)
            self._add(peer)
            self._hear(peer)

    def _add(self, peer: connection.Connection):
        """Add a listener, and tell it what has already been rung."""
        with self._lock:
            self._peers.append(peer)
            if self._rung:
                _send(peer, self._rung)

    def _hear(self, peer: connection.Connection):
        """Wait for a number. A process that finishes closes the connection silently."""
        with contextlib.suppress(EOFError, OSError):
            number = int(peer.recv_bytes())
            if self._forwards:
                self.ring(number)
            self._heard(number)


def _send(peer: connection.Connection, message: bytes):
    with contextlib.suppress(OSError):  # it has ended
        peer.send_bytes(message)

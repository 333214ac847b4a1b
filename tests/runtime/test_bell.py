"""One process of a run leaves: the others hear its number, those that come late too."""

import queue
from multiprocessing import connection

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from ocr_jax.runtime import bell


@pytest.fixture
def join(monkeypatch):
    """A function: number → what the process of that number hears, and its Bell.

    Process 0 comes first.
    """
    rows = []

    def gather(row):
        rows.append(row)
        return np.stack(rows)

    monkeypatch.setattr(multihost_utils, "process_allgather", gather)

    def join(number):
        monkeypatch.setattr(jax, "process_index", lambda: number)
        heard = queue.Queue()
        return heard, bell.Bell("127.0.0.1", heard.put)

    join.rows = rows
    return join


def test_all_others_hear_who_leaves_and_so_does_who_comes_later(join):
    (main, _), (_, first), (other, _) = (join(number) for number in range(3))
    first.ring(1)
    assert main.get(timeout=10) == other.get(timeout=10) == 1
    late, _ = join(3)
    assert late.get(timeout=10) == 1


def test_process_0_is_heard_as_the_others_are(join):
    (main, of_main), (other, _) = join(0), join(1)
    of_main.ring(0)
    assert other.get(timeout=10) == 0
    assert main.empty()


def test_a_stranger_is_not_let_in(join):
    join(0)
    message = join.rows[0].tobytes()
    port = int.from_bytes(message[bell.KEY_BYTES :][:2])
    with pytest.raises(connection.AuthenticationError):
        connection.Client(("127.0.0.1", port), authkey=b"no key of this run")
    other, _ = join(1)
    _, of_third = join(2)
    of_third.ring(2)
    assert other.get(timeout=10) == 2

"""Finds images of a collection that are copies of each other."""

import collections
import hashlib
import os
from collections.abc import Sequence


def find(entries: Sequence) -> list[str]:
    """Return what is equal for entries whose image files are the same, byte by byte.

    entries: of splitting.Entry. Only files of one size are read. Where most are copies
    of one image, which no real collection is, copies count as different.
    """
    by_size = collections.defaultdict(list)
    for index, entry in enumerate(entries):
        try:
            size = os.stat(entry.path).st_size if entry.path else 0
        except OSError:
            size = 0
        by_size[size].append(index)
    different = [str(index) for index in range(len(entries))]
    copies = different.copy()
    for size, indices in by_size.items():
        if size and len(indices) > 1:
            for index in indices:
                copies[index] = _digest(entries[index].path) or copies[index]
    most = max(collections.Counter(copies).values(), default=0)
    return different if most > max(2, len(entries) / 2) else copies


def _digest(path) -> str:
    """Return the digest of a file, or "" if it can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""

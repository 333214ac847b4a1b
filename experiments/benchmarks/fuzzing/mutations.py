"""Ways to damage the files of a folder, as disks, tools and people do."""

import os
import random
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

# Names that file systems take and programs stumble over.
NAMES = (
    "a b",
    "-rf",
    "new\nline",
    "tab\there",
    "caf\u00e9",
    "cafe\u0301",
    "\u202egnp",
    "x" * 200,
    ".hidden",
    "%s{0}",
    "CON",
    "\udcff\udcfe",
    "validation",
    "Test",
)
# Pieces of text that parsers stumble over.
PIECES = (
    "",
    "\0",
    "\ufeff",
    "\u200b\u202e",
    "\x1b[31m",
    "\t\t",
    '"',
    "''",
    "<",
    "&bad;",
    "]]>",
    "{",
    "}: [",
    "&a [*a]",
    "- - -",
    "-1",
    "0",
    "1e999",
    "nan",
    "99999999999999999999",
    "\u0660\u0661",
    "\n" * 50,
    "{" * 3000,
    "<a>" * 3000,
    "null",
    "true",
    "!!python/object:os.system x",
    "../../etc/passwd",
    "/dev/zero",
    "A" * 100_000,
)
CODECS = ("utf-16", "utf-8-sig", "latin-1", "cp1252", "utf-32", "cp037")


def mutate(folder: Path, rng: random.Random) -> list[str]:
    """Damage up to three things in the folder; return what was done."""
    done = []
    for _ in range(rng.randint(1, 3)):
        entries = sorted(folder.rglob("*"))
        files = [path for path in entries if path.is_file()]
        if not files:
            break
        path, damage = rng.choice(files), rng.choice(DAMAGES)
        try:
            damage(path, rng)
        except (OSError, UnicodeError, shutil.Error) as error:
            done.append(f"({damage.__name__}: {error})")
        else:
            done.append(f"{damage.__name__} {os.fsencode(path.name)!r}")
    return done


def _bits(path: Path, rng: random.Random):
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3, 50))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _truncated(path: Path, rng: random.Random):
    os.truncate(path, rng.randint(0, path.stat().st_size))


def _emptied(path: Path, rng: random.Random):
    path.write_bytes(b"")


def _slice(path: Path, rng: random.Random):
    """A slice moved, repeated or lost."""
    data = path.read_bytes()
    start, end = sorted(rng.randint(0, len(data)) for _ in range(2))
    piece = data[start : min(end, start + 5000)] * rng.choice((0, 2, 20))
    path.write_bytes(data[:start] + piece + data[end:])


def _piece(path: Path, rng: random.Random):
    """A strange piece of text put in, or in the place of a word."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    at = rng.randint(0, len(text))
    end = at + rng.choice((0, 0, 1, 8))
    text = text[:at] + rng.choice(PIECES) + text[end:]
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def _number(path: Path, rng: random.Random):
    """A number changed into another."""
    data = path.read_bytes()
    places = [i for i, byte in enumerate(data[:100_000]) if 48 <= byte <= 57]
    if places:
        at = rng.choice(places)
        new = rng.choice((b"-", b"0", b"99999999999", b"1e400", b".", b"nan", b""))
        path.write_bytes(data[:at] + new + data[at + 1 :])


def _recoded(path: Path, rng: random.Random):
    text = path.read_bytes().decode("utf-8")
    path.write_bytes(text.encode(rng.choice(CODECS), "replace"))


def _line_ends(path: Path, rng: random.Random):
    end = rng.choice((b"\r\n", b"\r", b"\x0b", b"\xe2\x80\xa8"))
    path.write_bytes(path.read_bytes().replace(b"\n", end))


def _renamed(path: Path, rng: random.Random):
    path.rename(path.with_name(rng.choice(NAMES) + path.suffix))


def _other_suffix(path: Path, rng: random.Random):
    suffix = rng.choice((".PNG", ".txt", ".xml", ".tif", ".gif", ".zip", "", ".h5"))
    path.rename(path.with_suffix(suffix))


def _decomposed(path: Path, rng: random.Random):
    name = unicodedata.normalize(rng.choice(("NFC", "NFD")), f"\u00e9{path.name}")
    path.rename(path.with_name(name))


def _copied(path: Path, rng: random.Random):
    suffix = rng.choice((".png", ".jpg", ".txt", ".xml", ".tgz", ".nrm.png"))
    shutil.copy(path, path.with_suffix(suffix))


def _nested(path: Path, rng: random.Random):
    folder = path.parent
    for _ in range(rng.choice((1, 2, 30))):
        folder = folder / rng.choice(("train", "Validation", "page", "x", "\u00e9"))
    folder.mkdir(parents=True, exist_ok=True)
    path.rename(folder / path.name)


def _linked(path: Path, rng: random.Random):
    """A link to itself, to nothing, to the folder above, or to a device."""
    target = rng.choice((path.name, "nowhere", "..", ".", "/dev/null", "/proc/self"))
    path.unlink()
    path.symlink_to(target)


def _link_beside(path: Path, rng: random.Random):
    (path.parent / f"loop{rng.randrange(9)}").symlink_to(rng.choice((".", "..")))


def _deleted(path: Path, rng: random.Random):
    path.unlink()


def _folder_instead(path: Path, rng: random.Random):
    path.unlink()
    path.mkdir()


def _pipe_instead(path: Path, rng: random.Random):
    path.unlink()
    os.mkfifo(path)


def _swapped(path: Path, rng: random.Random):
    """The content of another file."""
    other = rng.choice([p for p in sorted(path.parent.iterdir()) if p.is_file()])
    path.write_bytes(other.read_bytes())


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    _bits,
    _bits,
    _truncated,
    _truncated,
    _emptied,
    _slice,
    _slice,
    _piece,
    _piece,
    _piece,
    _number,
    _number,
    _recoded,
    _line_ends,
    _renamed,
    _renamed,
    _other_suffix,
    _decomposed,
    _copied,
    _nested,
    _linked,
    _link_beside,
    _deleted,
    _folder_instead,
    _pipe_instead,
    _swapped,
)

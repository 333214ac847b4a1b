"""Networks that come with the package: `pretrained:NAME` names one like a workdir.

Each is a folder made by ocr_jax.export. Its card is docs/models/NAME.md.
"""

import functools
import hashlib
from pathlib import Path

from ocr_jax.errors import UserError

PREFIX = "pretrained:"
# What reads lines and finds them where no other network is named.
RECOGNIZER, FINDER = "pretrained:hands", "pretrained:page_lines"
FOLDER = Path(__file__).parent
# The SHA-256 of the large files of each network.
DIGESTS = {
    "hands": {
        "weights.safetensors": (
            "18e33d4ba93580a54eb5a03b8ac6a2914a457b0b3c098509e8ba80d7610f2b51"
        ),
        "language_model.npz": (
            "23540821e218f1526addc0a7de473855a22a284fee5fa72aa6d54084c08685ed"
        ),
    },
    "hands-large": {
        "weights.safetensors": (
            "97619742557fa7b6082e5e3e078a1517816d51aac9c5e8e2a84b4da6758f0ed7"
        ),
        "language_model.npz": (
            "9421ad0a109850450de80f09daca3f8c55971c9df877b63470004b2b1e5a42ab"
        ),
    },
    "page_lines": {
        "weights.safetensors": (
            "36a77f9431686d95bd5ec925eb31eceed13f493027eff0e1655734a45500cf56"
        ),
    },
}


@functools.cache
def folder(name: str) -> Path:
    """Return the folder of a network. Raises UserError if it is unknown or damaged."""
    if name not in DIGESTS:
        known = ", ".join(f"{PREFIX}{name}" for name in DIGESTS) or "none"
        raise UserError(f"there is no {PREFIX}{name}: expected one of {known}")
    path = FOLDER / name
    for file, digest in DIGESTS[name].items():
        if _digest(path / file) != digest:
            raise UserError(
                f"{file} of {PREFIX}{name} is missing or damaged: install ocr_jax again"
            )
    return path


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""

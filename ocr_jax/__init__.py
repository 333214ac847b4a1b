"""ocr_jax: train, compare and use handwriting line recognisers in JAX and Flax."""

import importlib

__version__ = "0.1.0"
# name → the module it comes from. They are imported when used: jax takes seconds.
_LAZY = {
    "Page": "ocr_jax.readings",
    "PageReader": "ocr_jax.page_reader",
    "Reading": "ocr_jax.readings",
    "Recognizer": "ocr_jax.recognizer",
}
__all__ = [*_LAZY, "__version__"]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

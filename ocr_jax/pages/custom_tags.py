"""The attribute `custom` of PAGE XML: `name {key:value;}`, one after the other.

Transkribus made it up, and other tools keep it. The app marks lines with it.
"""

import re

TAG = r"(?<!\S){}\s*\{{([^}}]*)\}}\s*"


def get(custom: str, name: str, key: str) -> str:
    """Return the value of a tag's key, or ""."""
    if name not in custom:
        return ""
    found = re.search(TAG.format(re.escape(name)), custom)
    pairs = found.group(1).split(";") if found else []
    values = dict(pair.strip().partition(":")[::2] for pair in pairs)
    return values.get(key, "").strip()


def put(custom: str, name: str, key: str, value: str) -> str:
    """Return `custom` with this tag in place of others of its name; "" takes it out."""
    rest = re.sub(TAG.format(re.escape(name)), "", custom).strip()
    return f"{rest} {name} {{{key}:{value};}}".strip() if value else rest

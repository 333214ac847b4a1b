"""metrics.jsonl of a workdir: one row per log or epoch, whole after a kill."""

import json
from pathlib import Path

from ocr_jax import workdirs

NAME = "metrics.jsonl"


def read(path: Path) -> list[dict]:
    """Read the rows of a metrics.jsonl, without one that a kill left unfinished."""
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except (RecursionError, ValueError):
                continue
            if isinstance(row, dict):
                rows.append(row)
    return rows


def forget_after(path: Path, step: int):
    """Rewrite a metrics.jsonl without damaged rows and without later steps."""
    if path.exists():
        rows = [row for row in read(path) if isinstance(row.get("step"), int)]
        rows = [row for row in rows if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        workdirs.write_text(path, text)

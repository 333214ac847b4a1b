"""Rows of results, written as they come: JSON lines, and tables in Markdown."""

import json
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

TITLES = {
    "devices": "The machine, and the most it does",
    "right": "Right? Beside a CPU's float32",
    "kernels": "Fast? CTC and bidirectional LSTM, loss and gradients",
    "steps": "Fast? Whole training steps",
    "reading": "Fast? Reading",
    "profile": "Where does a step go?",
    "learning": "Does it learn?",
}


class Report:
    """Takes the rows of one part; `left()` says how many seconds it has."""

    def __init__(self, out: Path, part: str, seconds: float = 0.0, quick: bool = False):
        self.out, self.part, self.quick = Path(out), part, quick
        self._end = time.monotonic() + seconds

    @staticmethod
    def begin(out: Path, parts: Iterable[str]):
        """Forget what an earlier run wrote of these parts."""
        kept = [row for row in read(out) if row["part"] not in set(parts)]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        (Path(out) / "gpu.jsonl").write_text(text, encoding="utf-8")

    def left(self) -> float:
        """Seconds until the part should end."""
        return self._end - time.monotonic()

    def row(self, **cells):
        """Write one row: to both files, and to the terminal."""
        row = {"part": self.part, **cells}
        with open(self.out / "gpu.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        print("  " + ", ".join(f"{k} {shown(v)}" for k, v in cells.items()), flush=True)
        _write_tables(self.out)

    def attempt(self, work: str, function: Callable, *arguments):
        """Do a work of the part, if there is time; a failure is a row of its own."""
        if self.left() <= 0:
            self.row(work=work, result="left out: no time")
            return
        try:
            function(self, *arguments)
        except (Exception, SystemExit) as error:
            said = str(error).strip().splitlines() or [""]
            self.row(work=work, result=f"failed: {type(error).__name__}: {said[0]}")


def read(out: Path) -> list[dict]:
    """The rows of a folder's gpu.jsonl, without one that a kill left unfinished."""
    path, rows = Path(out) / "gpu.jsonl", []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return rows


def shown(value) -> str:
    """A number with three digits; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if not math.isfinite(value) or value == 0:
        return str(value)
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _write_tables(out: Path):
    rows, lines = read(out), []
    for part, title in TITLES.items():
        own = [
            {key: value for key, value in row.items() if key != "part"}
            for row in rows
            if row["part"] == part
        ]
        if not own:
            continue
        columns = list(dict.fromkeys(key for row in own for key in row))
        lines += [f"## {title}", "", "| " + " | ".join(columns) + " |"]
        lines.append("|" + "---|" * len(columns))
        for row in own:
            cells = (shown(row.get(column, "")) for column in columns)
            lines.append("| " + " | ".join(cells).replace("\n", " ") + " |")
        lines.append("")
    partial = out / ".gpu.md.partial"
    partial.write_text("\n".join(lines), encoding="utf-8")
    os.replace(partial, out / "gpu.md")

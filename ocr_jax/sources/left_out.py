"""Says which lines and files of a source were left out, and why."""

import collections
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ocr_jax import sources, workdirs
from ocr_jax.errors import UserError

# How many kinds of reasons are printed, and how many names for each.
SHOWN_KINDS = 10
SHOWN_NAMES = 10
# What differs between reasons of one kind: names, numbers, and what follows a colon.
VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|(?<=: ).+|\d[\d,.]*")


def kept(
    items: Iterable[sources.Item], skipped: list[sources.Skipped], problem: str
) -> Iterator[sources.Item]:
    """Yield what is not left out, and add the rest to `skipped`.

    Raises UserError, which says `problem` and the reasons, if nothing is kept.
    """
    has_some = False
    for item in items:
        if isinstance(item, sources.Skipped):
            skipped.append(item)
        else:
            has_some = True
            yield item
    if not has_some:
        raise UserError(f"{problem}: {'; '.join(reasons(skipped))}")


def report(skipped: Sequence[sources.Skipped], out: Path):
    """Print the reasons by kind; if a list is cut, write it whole beside `out`."""
    whole = out.with_name(f"{out.stem}_left_out.tsv")
    whole.unlink(missing_ok=True)
    if not skipped:
        return
    print(f"left out: {len(skipped):,}")
    print(*reasons(skipped), sep="\n")
    kinds = _by_kind(skipped)
    if len(kinds) > SHOWN_KINDS or max(map(len, kinds.values())) > SHOWN_NAMES:
        text = io.StringIO()
        writer = csv.writer(text, csv.excel_tab, lineterminator="\n")
        writer.writerows([sources.Skipped._fields, *skipped])
        workdirs.write_text(whole, text.getvalue())
        print(f"all of them: {whole}")


def reasons(skipped: Sequence[sources.Skipped]) -> list[str]:
    """List the most frequent kinds of reasons, each with its count and a few names."""
    kinds = _by_kind(skipped)
    ordered = sorted(kinds.items(), key=lambda item: -len(item[1]))
    parts = []
    for shared, items in ordered[:SHOWN_KINDS]:
        same = len({item.reason for item in items}) == 1
        more = " …" if len(items) > SHOWN_NAMES else ""
        names = ", ".join(item.name for item in items[:SHOWN_NAMES])
        reason = items[0].reason if same else shared
        parts.append(f"{len(items):,} x {reason} ({names}{more})")
    if rest := ordered[SHOWN_KINDS:]:
        count = sum(len(items) for _, items in rest)
        parts.append(f"{count:,} more, for {len(rest)} other reasons")
    return parts


def kind(reason: str) -> str:
    """Return a reason without what differs between those of one kind."""
    return VARIABLE.sub("…", reason)


def _by_kind(skipped: Sequence[sources.Skipped]) -> dict[str, list[sources.Skipped]]:
    kinds = collections.defaultdict(list)
    for item in skipped:
        kinds[kind(item.reason)].append(item)
    return kinds

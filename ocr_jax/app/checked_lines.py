"""Makes a lines file of the lines that a person has checked, split by page."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from ocr_jax.app import processes, trees
from ocr_jax.app.project import PageFile, Project
from ocr_jax.data import lines_file
from ocr_jax.errors import UserError, one_line, reason

# The share of pages that is held out, to see what a training has learnt.
HELD_OUT = 0.2


def make(project: Project, out: Path, height: int) -> str:
    """Write a lines file of the checked lines; return what was said about it.

    Raises UserError if there are too few, or if a page can't be read.
    """
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".checked_") as temporary:
        pages = _copy(project, Path(temporary))
        share = round(100 * HELD_OUT)
        command = processes.python("ocr_jax.prepare", "pages")
        command += [f"--source={temporary}", f"--out={out}", f"--height={height}"]
        command += ["--overwrite", "--workers=1", f"--split={100 - share},{share},0"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=processes.environment()
        )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason was given"]
        raise UserError(one_line(said[-1].removeprefix("ocr_jax: ")))
    with lines_file.LinesFile(out) as file:
        is_enough = {"train", "validation"} <= set(file.splits)
    if not is_enough:
        out.unlink()
        raise UserError(
            "too few lines are checked to hold some of them out: check more"
        )
    return f"{pages} pages with checked lines\n{done.stdout}"


def _copy(project: Project, folder: Path) -> int:
    """Copy the XML of pages with checked lines; return how many there are."""
    found = [page for page in project.pages() if project.summary(page).checked]
    if not found:
        raise UserError(
            "no line is checked: correct some first, and press Enter on each"
        )
    splits = split([page.name for page in found])
    for page, part in zip(found, splits, strict=True):
        target = folder / part / f"{page.name}.xml"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(_only_checked(page, target.parent))
    return len(found)


def _only_checked(page: PageFile, folder: Path) -> bytes:
    """Return the XML of a page with the texts of its checked lines, for `folder`.

    The other lines stay: what has no outline gets one that leaves them out.
    """
    try:
        tree = trees.read(page.xml.read_bytes(), page.xml.name)
    except OSError as error:
        raise UserError(f"{page.xml.name}: {reason(error)}") from None
    for line in tree.lines:
        if not tree.is_checked(line):
            tree.set_text(line, "", None, "")
    # Of links `..` leads elsewhere than their names say.
    image, folder = os.path.realpath(page.image), os.path.realpath(folder)
    tree.name_image(os.path.relpath(image, folder))
    return tree.to_bytes()


def split(names: list[str]) -> list[str]:
    """Return the split of each page: by its name, so that it is always the same.

    The lines of a lone page are split by `prepare`: its split is "".
    """
    if len(names) == 1:
        return [""]
    draws = [int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) for name in names]
    held_out = [draw / 2**32 < HELD_OUT for draw in draws]
    # Both need a page.
    if not any(held_out):
        held_out[draws.index(min(draws))] = True
    if all(held_out):
        held_out[draws.index(max(draws))] = False
    return ["validation" if held else "train" for held in held_out]

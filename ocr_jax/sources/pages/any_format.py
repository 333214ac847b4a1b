"""Pages with their lines outlined in ALTO or PAGE XML, whichever each page has.

Every TextLine with text becomes a line, cut along its outline. Images may lie beside
the XML, above it, or in a sister folder. An image with several XML files is read once:
from one beside or below it, of several from the one named like it, else from PAGE, else
from the last changed.
"""

import argparse
from pathlib import Path

from ocr_jax import sources
from ocr_jax.sources.pages import alto, line_cutting, locating, page_xml, xml_files

PARSERS = {"ALTO": alto.parse, "PAGE": page_xml.parse}

add_flags = locating.add_flags


def parse(path: Path) -> line_cutting.Page:
    """Parse a file of either format. Raises UserError for any other file."""
    return PARSERS.get(xml_files.read_head(path).format, page_xml.parse)(path)


def tasks(args: argparse.Namespace) -> sources.Tasks:
    """Return one task per page with ALTO or PAGE XML."""
    return locating.tasks(args, tuple(PARSERS))


def read(task: locating.Task, height: int) -> list[sources.Item]:
    """Read the lines of a page. Raises UserError if the page can't be read."""
    return line_cutting.read(task, height, PARSERS.get(task.format))

"""The page of runs, as tests read it."""

from reporting import page as page_lib
from reporting import runs as runs_lib


def page_body(paths, split="validation"):
    """The page without plotly's program."""
    page = page_lib.render(runs_lib.read(paths, split), split)
    return page[page.index("<main>") :]

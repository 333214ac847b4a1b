"""The page of runs and sweep files, as tests read them."""

import yaml
from reporting import page as page_lib
from reporting import runs as runs_lib
from sweeping import sweep_file

SWEEP_COMMAND = ["python", "-m", "ocr_jax.main", "--config=configs/a.py", "${args}"]
SWEEP = {
    "method": "random",
    "metric": {"name": "validation/cer"},
    "parameters": {"config.dropout": {"min": 0.1, "max": 0.5}},
    "command": SWEEP_COMMAND,
}


def page_body(paths, split="validation"):
    """The page without plotly's program."""
    page = page_lib.render(runs_lib.read(paths, split), split)
    return page[page.index("<main>") :]


def read_sweep(tmp_path, **changes):
    """SWEEP with some changes, read from a file."""
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SWEEP | changes, sort_keys=False))
    return sweep_file.read(path)

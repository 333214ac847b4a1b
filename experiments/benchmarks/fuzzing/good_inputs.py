"""Small good inputs of every kind, and the commands that read them."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import launch
import numpy as np
import report
import sweep
from PIL import Image

from ocr_jax import (
    checkpoints,
    compare,
    errors,
    models,
    optimizers,
    prepare,
    reading_tables,
    train_state,
    trained,
    workdirs,
)
from ocr_jax import config as config_lib
from ocr_jax.data import lines_file, lines_writer
from ocr_jax.scoring import metrics
from ocr_jax.sources import fsdl

TEXTS = ("abc", "la mer", "un & deux", "tr\u00e8s 12")
ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description>
<MeasurementUnit>pixel</MeasurementUnit><sourceImageInformation><fileName>{name}.png\
</fileName></sourceImageInformation></Description><Layout>\
<Page WIDTH="400" HEIGHT="200">
<PrintSpace><TextBlock><TextLine ID="l1" HPOS="20" VPOS="20" WIDTH="300" HEIGHT="40">\
<Shape><Polygon POINTS="20,20 320,20 320,60 20,60"/></Shape><String CONTENT="un"/><SP/>\
<String CONTENT="mot"/></TextLine><TextLine ID="l2" HPOS="20" VPOS="90" WIDTH="300" \
HEIGHT="40"><String CONTENT="deux"/></TextLine></TextBlock></PrintSpace></Page></Layout>
</alto>"""
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
<Page imageFilename="{name}.png" imageWidth="400" imageHeight="200"><TextRegion id="r">
<TextLine id="l1"><Coords points="20,20 320,20 320,60 20,60"/><Baseline points="20,55 \
320,55"/><TextEquiv index="0"><Unicode>un mot</Unicode></TextEquiv></TextLine>
<TextLine id="l2"><Coords points="20,90 320,90 320,130 20,130"/><TextEquiv>\
<Unicode>deux</Unicode></TextEquiv></TextLine></TextRegion></Page></PcGts>"""
EXPERIMENTS = """group: g
overrides: {num_epochs: 10}
jobs:
  - config: configs/emnist_mlp.py
    name: small
    overrides: {num_layers: 2}
  - config: configs/lines_ctc.py
    grid: {lstm_dim: [128, 256], bidirectional: [false, true]}
"""
SWEEP = """name: s
method: grid
metric: {name: validation/cer, goal: minimize}
run_cap: 5
parameters:
  config.lstm_dim: {values: [128, 192, 256]}
  config.dropout: {distribution: q_uniform, min: 0.1, max: 0.4, q: 0.1}
early_terminate: {type: hyperband, min_iter: 3, eta: 3}
command: [python, -m, ocr_jax.main, --config=configs/lines_ctc.py, "${args}"]
"""


class Target(NamedTuple):
    """A kind of input: how to make a good one, and what reads it.

    make(folder) fills an empty folder. read(folder, out) reads it as a command does;
    it returns the exit code, and may write a lines file `out`.
    """

    make: Callable[[Path], None]
    read: Callable[[Path, Path], int]


def scan(height: int = 48, width: int = 320) -> np.ndarray:
    """Dark strokes on light paper, gray (H, W)."""
    page = np.full((height, width), 220, np.uint8)
    for x in range(12, width - 12, 24):
        cv2.ellipse(page, (x, height // 2), (7, height // 4), 10, 0, 300, 40, 3)
    return page


def _png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def _make_folder(folder: Path):
    for number, text in enumerate(TEXTS):
        name = f"w{number}-0-{number}"
        (folder / f"{name}.png").write_bytes(_png(scan()))
        (folder / f"{name}.gt.txt").write_text(text, encoding="utf-8")


def _make_tsv(folder: Path):
    rows = []
    for number, text in enumerate(TEXTS):
        (folder / f"w{number}-0-0.png").write_bytes(_png(scan()))
        rows.append(f"w{number}-0-0.png\t{text}\n")
    (folder / "lines.tsv").write_text("".join(rows), encoding="utf-8")


def _make_pages(template: str) -> Callable[[Path], None]:
    def make(folder: Path):
        page = np.concatenate([scan(70, 400), scan(130, 400)])
        for name in ("p1", "p2", "p3"):
            (folder / f"{name}.png").write_bytes(_png(page))
            text = template.format(name=name)
            (folder / f"{name}.xml").write_text(text, encoding="utf-8")

    return make


IAM_LINES = ("a01-000u-00", "a01-000u-01", "a01-003-00", "c04-110-00")


def _iam_labels() -> dict[str, bytes]:
    rows = [f"{i} ok 154 5 4 6 300 40 A|{n}|MOVE\n" for n, i in enumerate(IAM_LINES)]
    forms = sorted({line_id.rpartition("-")[0] for line_id in IAM_LINES})
    labels = {
        "lines.txt": "".join(rows).encode(),
        "forms.txt": "".join(
            f"{form} 00{n} 2\n" for n, form in enumerate(forms)
        ).encode(),
    }
    for form in forms:
        lines = "".join(
            f'<line id="{i}" text="A &amp;quot;b&amp;quot;"><word id="w"><cmp x="4" '
            'y="6" width="300" height="40"/></word></line>'
            for i in IAM_LINES
            if i.startswith(form)
        )
        labels[f"{form}.xml"] = f'<form writer-id="1">{lines}</form>'.encode()
    return labels


def _make_iam(folder: Path):
    for name, content in _iam_labels().items():
        (folder / name).write_bytes(content)
    for line_id in IAM_LINES:
        (folder / f"{line_id}.png").write_bytes(_png(scan()))


def _make_archives(folder: Path):
    with zipfile.ZipFile(folder / "labels.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _iam_labels().items():
            archive.writestr(name, content)
    for name, mode in (("lines.tgz", "w:gz"), ("more.tar", "w")):
        with tarfile.open(folder / name, mode) as archive:
            for line_id in IAM_LINES[mode == "w" :: 2]:
                content = _png(scan())
                info = tarfile.TarInfo(f"lines/{line_id}.png")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def _make_fsdl(folder: Path):
    with h5py.File(folder / "lab.h5", "w") as file:
        for part, rows in (("train", 6), ("test", 2)):
            images = np.stack([255 - scan(28, 952)] * rows)
            labels = np.full((rows, 97), fsdl.PADDING, np.uint8)
            labels[:, :5] = np.arange(5) + 8
            file[f"x_{part}"], file[f"y_{part}"] = images, labels


def _make_lines_file(folder: Path, name: str = "lines.h5"):
    lines = [
        lines_file.Line(255 - scan(16, 60), text, f"l{i}", f"w{i}")
        for i, text in enumerate(TEXTS)
    ]
    splits = {"train": lines, "validation": lines[:2], "test": lines[2:]}
    lines_writer.write_lines(folder / name, splits, height=16, source="fuzz")


def _make_workdir(folder: Path):
    """A finished run, whose network has not learnt anything."""
    config = config_lib.default_config()
    config.update({"conv_channels": (4, 4), "lstm_dim": 4, "lines_file": "gone.h5"})
    workdirs.write_json(folder / "config.json", config.to_dict())
    charset = sorted(set("".join(TEXTS)))
    description = {"height": 16, "charset": charset, "digests": {"validation": "0a"}}
    workdirs.write_json(folder / "dataset.json", description)
    lines = [
        reading_tables.ScoredLine(f"l{i}", f"w{i}", t, t[:2])
        for i, t in enumerate(TEXTS)
    ]
    reading_tables.write_scored_lines(folder, "validation", lines)
    counts = metrics.count(TEXTS, [line.reading for line in lines])
    scores = {
        "summary": metrics.summary(counts),
        "intervals": metrics.intervals(counts, [line.writer for line in lines]),
        "lines": len(lines),
        "digest": "0a" * 32,
    }
    everything = {"epoch": 1, "parameters": 1234, "validation": scores}
    workdirs.write_json(folder / "scores.json", everything)
    workdirs.write_json(folder / "calibration.json", {"temperature": 1.5})
    row = {"step": 5, "epoch": 1, "validation/cer": 0.5, "train/loss": 2.0}
    row |= {"train/seconds": 3.0, "train/lines_per_second": 9.0, "validation/loss": 2.0}
    workdirs.write_text(folder / "metrics.jsonl", json.dumps(row) + "\n")
    config.charset, config.height = "".join(charset), 16
    model = models.build_model(config, len(charset) + 1)
    tx = optimizers.make_optimizer(config, optimizers.make_schedule(config, 10))
    state = train_state.create_state(model, tx, config, 16)
    with checkpoints.Checkpoints(folder) as saved:
        saved.save(checkpoints.BEST, train_state.for_inference(state), {"epoch": 1})


def _prepare(*arguments: str) -> Callable[[Path, Path], int]:
    def read(folder: Path, out: Path) -> int:
        words = [word.format(folder=folder) for word in arguments]
        return prepare.main([*words, f"--out={out}", "--height=32"])

    return read


def _join(folder: Path, out: Path) -> int:
    files = [f"--source={folder / 'lines.h5'}", f"--with={folder / 'more.h5'}"]
    return prepare.main(["join", *files, f"--out={out}"])


def _make_two_lines_files(folder: Path):
    _make_lines_file(folder)
    _make_lines_file(folder, "more.h5")


def _use_workdir(folder: Path, out: Path) -> int:
    def load():
        trained.load_best(folder)

    run = str(folder)
    codes = [compare.main([run, run]), report.main([run]), errors.exit_code(load)]
    page = f"--out={out.with_suffix('.html')}"
    return max([*codes, report.main([run, page])])


def _make_text(name: str, text: str) -> Callable[[Path], None]:
    def make(folder: Path):
        (folder / name).write_text(text)

    return make


def _launch(folder: Path, out: Path) -> int:
    return launch.main([str(folder / "jobs.yaml"), "--dry_run", "--gpus=none"])


def _sweep(folder: Path, out: Path) -> int:
    workdir = f"--workdir={out.parent / 'sweep'}"
    return sweep.main([str(folder / "sweep.yaml"), "--dry_run", workdir])


IAM = ("iam", "--source={folder}", "--allow_incomplete")
TARGETS = {
    "folder": Target(_make_folder, _prepare("folder", "--source={folder}")),
    "tsv": Target(_make_tsv, _prepare("tsv", "--source={folder}/lines.tsv")),
    "alto": Target(_make_pages(ALTO), _prepare("alto", "--source={folder}")),
    "page": Target(_make_pages(PAGE), _prepare("page", "--source={folder}")),
    "iam": Target(_make_iam, _prepare(*IAM, "--transcripts=ascii")),
    "iam forms": Target(_make_iam, _prepare(*IAM)),
    "archives": Target(_make_archives, _prepare(*IAM, "--transcripts=ascii")),
    "fsdl": Target(
        _make_fsdl,
        _prepare("fsdl", "--source={folder}/lab.h5", "--validation_lines=2"),
    ),
    "lines files": Target(_make_two_lines_files, _join),
    "workdirs": Target(_make_workdir, _use_workdir),
    "experiments files": Target(_make_text("jobs.yaml", EXPERIMENTS), _launch),
    "sweep files": Target(_make_text("sweep.yaml", SWEEP), _sweep),
}

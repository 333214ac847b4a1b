"""Tiny lines, files and workdirs that tests of several modules build."""

import io
import json
import pathlib
import subprocess
import tarfile

import cv2
import numpy as np
from PIL import Image

from ocr_jax import config as config_lib
from ocr_jax import errors, prepare, reading_tables, workdirs
from ocr_jax.data import lines_file
from ocr_jax.scoring import metrics
from ocr_jax.sources.emnist import characters
from ocr_jax.sources.synthetic import fonts

HEIGHT = 16
LETTERS = "abc"
SCAN_TEXT = "acbca"  # ink from top to bottom: no margin is cut off
SCAN_SCALE = 4
FEW_LINES = ("--lines=22", "--validation_lines=11", "--test_lines=11")
CHARACTERS = "aA7"
TRANSCRIPTS = ("la mer", "<script>alert(1)</script>", 'un & "deux"', "trois", "quatre")


def draw_line(text: str) -> np.ndarray:
    """A line image (HEIGHT, W) in which each letter is a shape of its own."""
    glyphs = {"a": np.s_[2:6], "b": np.s_[6:10], "c": np.s_[10:14]}
    image = np.zeros((HEIGHT, 8 * len(text) + 6), np.uint8)
    for position, letter in enumerate(text):
        image[glyphs[letter], 8 * position + 3 : 8 * position + 9] = 255
    return image


def draw_lines(count: int, seed: int, prefix: str) -> list[lines_file.Line]:
    """Lines of 1 to 6 random letters by three writers."""
    generator = np.random.default_rng(seed)
    lines = []
    for index in range(count):
        text = "".join(generator.choice(list(LETTERS), generator.integers(1, 7)))
        name = f"{prefix}-{index}"
        lines.append(lines_file.Line(draw_line(text), text, name, f"w{index % 3}"))
    return lines


def make_tiny_config(path):
    """A config that learns the tiny lines in three epochs, of a few seconds."""
    config = config_lib.default_config()
    config.name = "tiny"
    config.lines_file = str(path)
    config.num_buckets = 1  # quick to compile, as are no LSTMs
    config.conv_channels = (16, 24)
    config.lstm_layers = 0
    config.lstm_dim = 16
    config.batch_size = 8
    config.num_epochs = 3
    config.warmup_steps = 2
    config.learning_rate = 0.02
    config.schedule = "constant"  # any number of epochs is one program
    config.log_every_steps = 2
    config.wandb.mode = "disabled"
    return config


def write_config(path, config):
    """Write a config file whose get_config() returns this config."""
    path.write_text(
        "import json\nfrom ocr_jax import config as c\n"
        "def get_config():\n    config = c.default_config()\n"
        f"    config.update(json.loads({config.to_json()!r}))\n"
        "    return config\n"
    )


def draw_scan(text: str = SCAN_TEXT) -> np.ndarray:
    """A line as a scan has it: (64, W) uint8, dark on light, with a little grain."""
    ink = np.kron(draw_line(text), np.ones((SCAN_SCALE, SCAN_SCALE), np.uint8))
    grain = np.random.default_rng(0).integers(0, 6, ink.shape)
    return (225 - 0.7 * ink + grain).astype(np.uint8)


def save_line(folder, name, text="abc"):
    """NAME.png, dark on light and twice as high as asked, and NAME.gt.txt."""
    path = folder / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image = 230 - draw_line("abc").astype(int) * 4 // 5
    Image.fromarray(np.kron(image, np.ones((4, 4))).astype(np.uint8)).save(path)
    (folder / f"{name}.gt.txt").write_text(text, encoding="utf-8")
    return path


def run_prepare(*arguments):
    """The exit code of prepare with one worker."""
    return prepare.main([*map(str, arguments), "--workers=1"])


def read_splits(path):
    """The splits of a lines file by name."""
    with lines_file.LinesFile(path) as file:
        return {name: file.split(name) for name in file.splits}


def draw_characters(count, seed):
    """Images of single characters, as lines."""
    generator = np.random.default_rng(seed)
    return [
        lines_file.Line(
            characters.draw(text := CHARACTERS[i % 3], "Kalam", generator),
            text,
            f"{seed}-{i}",
        )
        for i in range(count)
    ]


def font_tasks(*options):
    """The tasks of the source fonts for these options."""
    parser = errors.ArgumentParser()
    fonts.add_flags(parser)
    return fonts.tasks(parser.parse_args(options))


def read_font_line(task, height=32):
    """The line that a task of the source fonts makes."""
    [(split, line)] = fonts.read(task, height)
    assert split == task.split
    return line


def draw_page(slope=0.0):
    """A page (400, 500) with a row of bars, y 110 to 150, above another."""
    page = np.full((400, 500), 220, np.uint8)
    for x in range(60, 340, 20):
        drop = round((x - 60) * slope)
        cv2.line(page, (x, 110 + drop), (x + 4, 150 + drop), 40, 4)
        cv2.line(page, (x, 175 + drop), (x + 4, 215 + drop), 40, 4)
    return page


def make_tar(path, files, mode="w:gz"):
    """files: name → content, or a TarInfo to add as it is."""
    with tarfile.open(path, mode) as file:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                file.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


def plain_distance(a, b):
    """Levenshtein distance, row by row."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            substituted = above + (x != y)
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, substituted)
    return row[-1]


def make_run(workdir, readings=TRANSCRIPTS, transcripts=TRANSCRIPTS, **overrides):
    """A finished run of three epochs that read `readings`; returns its workdir."""
    make_unfinished(workdir, **overrides)
    ids = [f"line-{i}" for i in range(len(transcripts))]
    writers = ["ann", "bob", "cid", "dee", "eve"]
    lines = zip(ids, writers, transcripts, readings, strict=True)
    reading_tables.write_scored_lines(
        workdir, "validation", map(reading_tables.ScoredLine._make, lines)
    )
    counts = metrics.count(transcripts, readings)
    scores = {
        "summary": metrics.summary(counts),
        "intervals": metrics.intervals(counts, writers),
        "lines": 5,
        "digest": "1234abcd" * 8,
    }
    workdirs.write_json(
        workdir / "scores.json", {"parameters": 1234, "validation": scores}
    )
    return workdir


def give_lines(workdir, lines):
    """Replace the lines that a finished run was scored on."""
    reading_tables.write_scored_lines(workdir, "validation", lines)
    scores = workdirs.scores(workdir)
    scores["validation"]["lines"] = len(lines)
    workdirs.write_json(workdir / "scores.json", scores)


def make_unfinished(workdir, epochs=3, **overrides):
    """A run that has logged some epochs and not finished."""
    config = config_lib.default_config()
    config.lines_file = "nowhere/lines.h5"
    config.update(overrides)
    workdir.mkdir(parents=True)
    workdirs.write_json(workdir / "config.json", config.to_dict())
    rows = [
        {
            "step": 10 * e,
            "epoch": e,
            "validation/cer": 0.625 / e,
            "validation/loss": 5 / e,
        }
        | {
            "train/loss": 4 / e,
            "train/seconds": 60.0,
            "train/lines_per_second": 10.0 * e,
        }
        for e in range(1, epochs + 1)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    workdirs.write_text(workdir / "metrics.jsonl", text)
    return workdir


def make_checkout(folder, files):
    """A git checkout with files (name → text), committed."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", folder, *arguments], check=True)
    return folder


def sixteen_bit(image):
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


def lying_on_its_side(image):
    """Lying on its side, with the EXIF tag that says how to stand it up."""
    turned = image.rotate(90, expand=True)
    turned.getexif()[0x0112] = 6
    return turned


SCAN_KINDS = {
    "gray.png": lambda image: image,
    "colour.jpg": lambda image: image.convert("RGB"),
    "transparent.png": lambda image: image.convert("RGBA"),
    "palette.gif": lambda image: image.convert("P"),
    "sixteen_bit.png": sixteen_bit,
    "scan.tif": lambda image: image,
    "phone.jpg": lying_on_its_side,
    "fine.png": lambda image: image.resize((image.width * 3, image.height * 3)),
}


def save_scan(folder: pathlib.Path, name: str, text: str = SCAN_TEXT) -> str:
    image = SCAN_KINDS.get(name, SCAN_KINDS["gray.png"])(
        Image.fromarray(draw_scan(text))
    )
    options = {"exif": image.getexif()} if name == "phone.jpg" else {}
    image.save(folder / name, **options)
    return str(folder / name)


def refused(capsys, *arguments):
    """The one line that a refused command says; nothing new may be left behind."""
    assert prepare.main(list(map(str, arguments))) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    return said


def png_bytes(image):
    return cv2.imencode(".png", image)[1].tobytes()


PAGE_XML = """<PcGts
 xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Page imageFilename="{name}.png" imageWidth="500" imageHeight="400"><TextRegion>
<TextLine id="l0"><Coords points="55,105 345,105 345,155 55,155"/>
<Baseline points="60,150 340,150"/>{text}</TextLine>
<TextLine id="l1"><Coords points="55,170 345,170 345,220 55,220"/>
<Baseline points="60,215 340,215"/>{text}</TextLine>
</TextRegion></Page></PcGts>"""


def save_pages(folder, count, text="abc", first=0):
    """Pages from page0 on, or another, each with its two lines in PAGE XML."""
    folder.mkdir(parents=True, exist_ok=True)
    equiv = f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv>"
    for number in range(first, first + count):
        page = draw_page()
        page[0, number] = number  # no two are identical
        Image.fromarray(page).save(folder / f"page{number}.png")
        xml = PAGE_XML.format(name=f"page{number}", text=equiv)
        (folder / f"page{number}.xml").write_text(xml)

"""IAM: a miniature of its tree, in the usual nestings, and its true label files."""

import collections
import html
import pathlib

import cv2
import numpy as np
import pytest

from ocr_jax import config as config_lib
from ocr_jax import prepare
from ocr_jax.data import dataset, lines_file
from ocr_jax.errors import UserError
from ocr_jax.scoring import report
from ocr_jax.sources import making
from ocr_jax.sources.iam import iam
from tests import fixtures

SAMPLE = pathlib.Path(__file__).parents[4] / "shared" / "data" / "iam_sample"

# line id → (box on the form, ascii transcript, XML transcript)
LINES = {
    "a01-000u-00": ((40, 60, 300, 40), 'A|"|MOVE|"|.', 'A "MOVE".'),
    "a01-000u-01": ((30, 120, 330, 50), "Griffiths|,|M P|for", "Griffiths, MP for"),
    "a01-003-00": ((50, 70, 280, 44), "one|&|two", "one & two"),
    "c04-110-00": ((40, 60, 250, 48), "test|line", "test line"),
}
SPLITS = {
    "a01-000u-00": "train",
    "a01-000u-01": "train",
    "a01-003-00": "validation",
    "c04-110-00": "test",
}
WRITERS = {"a01-000u": "000", "a01-003": "002", "c04-110": "150"}


def draw_form(boxes):
    """A form with a row of strokes, one more each line, that fill each box."""
    form = np.full((460, 420), 235, np.uint8)
    for number, (x, y, width, height) in enumerate(boxes):
        for left in np.linspace(x + 2, x + width - 4, 5 + number).astype(int):
            cv2.line(form, (left, y + 2), (left, y + height - 4), 30, 3)
    return form


def form_xml(form, lines):
    rows = "".join(
        f'<line id="{line_id}" text="{html.escape(html.escape(text))}">'
        '<word id="w"><cmp x="{}" y="{}" width="{}" height="{}"/></word></line>'.format(
            *box
        )
        for line_id, (box, _, text) in lines.items()
    )
    return (
        f'<form id="{form}" writer-id="{WRITERS[form]}"><handwritten-part>{rows}'
        "</handwritten-part></form>"
    ).encode()


def miniature():
    """Download's name → files in it: the whole of a small IAM."""
    forms = collections.defaultdict(dict)
    for line_id, line in LINES.items():
        forms[line_id.rpartition("-")[0]][line_id] = line
    tree = {"lines": {}, "formsA-D": {}, "xml": {}, "ascii": {}}
    rows = "".join(
        "{} ok 154 5 {} {} {} {} {}\r\n".format(line_id, *box, tokens)
        for line_id, (box, tokens, _) in LINES.items()
    )
    writers = "".join(f"{form} {writer} 2 all\r\n" for form, writer in WRITERS.items())
    tree["ascii"]["lines.txt"] = f"#--- lines.txt ---#\r\n{rows}".encode()
    tree["ascii"]["forms.txt"] = f"# forms\r\n{writers}".encode()
    for form, lines in forms.items():
        image = draw_form([box for box, _, _ in lines.values()])
        tree["formsA-D"][f"{form}.png"] = fixtures.png_bytes(image)
        tree["xml"][f"{form}.xml"] = form_xml(form, lines)
        for line_id, ((x, y, width, height), _, _) in lines.items():
            path = f"{form[:3]}/{form}/{line_id}.png"
            tree["lines"][path] = fixtures.png_bytes(
                image[y : y + height, x : x + width]
            )
    return tree


def extract(folder, tree):
    for download, files in tree.items():
        for name, content in files.items():
            path = folder / download / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


def pack(folder, tree):
    folder.mkdir(parents=True, exist_ok=True)
    for download, files in tree.items():
        fixtures.make_tar(folder / f"{download}.tgz", files)
    return folder


@pytest.fixture
def tree(monkeypatch):
    monkeypatch.setattr(iam, "line_ids", lambda name: dict(SPLITS))
    return miniature()


def run(source, *options):
    out = source.with_suffix(".h5")
    arguments = ["iam", f"--source={source}", f"--out={out}", "--workers=1", *options]
    return prepare.main([*arguments, "--height=32", "--overwrite"]), out


def lines_of(path):
    """line id → (split, transcript, writer, image)."""
    with lines_file.LinesFile(path) as file:
        splits = [file.split(name) for name in file.splits]
    return {
        split.line_ids[i]: (
            split.name,
            split.transcripts[i],
            split.writers[i],
            split.image(i),
        )
        for split in splits
        for i in range(len(split))
    }


@pytest.mark.parametrize("images", ["lines", "forms"])
@pytest.mark.parametrize("transcripts", ["xml", "ascii"])
def test_folders_and_archives_give_the_same_lines(
    tmp_path, tree, images, transcripts, capsys
):
    options = f"--images={images}", f"--transcripts={transcripts}"
    found = []
    for make in (extract, pack):
        code, out = run(make(tmp_path / make.__name__, tree), *options)
        assert code == 0, capsys.readouterr().err
        found.append(lines_of(out))
    for line_id, (_, tokens, written) in LINES.items():
        split, transcript, writer, image = found[0][line_id]
        form = line_id.rpartition("-")[0]
        assert (split, writer) == (SPLITS[line_id], WRITERS[form])
        assert transcript == (
            written if transcripts == "xml" else tokens.replace("|", " ")
        )
        assert found[1][line_id][:3] == (split, transcript, writer)
        np.testing.assert_array_equal(found[1][line_id][3], image)


def test_a_line_cut_from_its_form_has_its_own_strokes_only(tmp_path, tree):
    # The second line's box reaches up to the first one's strokes.
    _, *texts = LINES["a01-000u-01"]
    high = {"a01-000u-01": ((30, 90, 330, 80), *texts)}
    tree["xml"]["a01-000u.xml"] = form_xml("a01-000u", LINES | high)
    _, out = run(extract(tmp_path / "iam", tree), "--images=forms")
    for line_id, strokes in (("a01-000u-00", 5), ("a01-000u-01", 6)):
        image = lines_of(out)[line_id][3]
        edges = np.diff((image[12:28].mean(axis=0) > 100).astype(int), prepend=0)
        assert (edges == 1).sum() == strokes


def test_missing_and_unreadable_images_are_named(tmp_path, tree, capsys):
    del tree["lines"]["a01/a01-000u/a01-000u-01.png"]
    tree["lines"]["c04/c04-110/c04-110-00.png"] = b"torn"
    source = extract(tmp_path / "iam", tree)
    code, out = run(source)
    said = capsys.readouterr().err
    assert code == 2 and not out.exists()
    assert "train lacks 1 of 2 lines, test lacks 1 of 1" in said
    assert "no image (a01-000u-01)" in said and "(c04-110-00)" in said
    code, out = run(source, "--allow_incomplete")
    assert code == 0 and set(lines_of(out)) == {"a01-000u-00", "a01-003-00"}
    assert "no image (a01-000u-01)" in capsys.readouterr().out


def test_a_form_of_another_size_is_left_out_and_its_size_named(tmp_path, tree, capsys):
    """Its lines would be cut at the places of the true one."""
    half = draw_form([LINES["a01-003-00"][0]])[::2, ::2]
    tree["formsA-D"]["a01-003.png"] = fixtures.png_bytes(half)
    source = extract(tmp_path / "iam", tree)
    code, out = run(source, "--images=forms", "--allow_incomplete")
    assert code == 0 and set(lines_of(out)) == {*LINES} - {"a01-003-00"}
    said = capsys.readouterr().out
    assert "the form is 210 x 230 px, but its lines were measured on one of at" in said


def test_a_line_without_a_transcript_is_named(tmp_path, tree, capsys):
    tree["xml"]["a01-003.xml"] = form_xml("a01-003", {})
    assert run(extract(tmp_path / "iam", tree))[0] == 2
    assert "no transcript (a01-003-00)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("download", "options", "message"),
    [
        ("xml", ["--transcripts=xml"], "holds no labels such as a01-000u.xml"),
        ("ascii", ["--transcripts=ascii"], "holds no lines.txt"),
        ("lines", [], "holds no line images such as a01-000u-00.png (lines.tgz)"),
        ("formsA-D", ["--images=forms"], "holds no forms such as a01-000u.png"),
    ],
)
def test_a_missing_download_is_named(
    tmp_path, tree, capsys, download, options, message
):
    del tree[download]
    source = pack(tmp_path / "iam", tree)
    assert run(source, *options)[0] == 2
    said = capsys.readouterr().err
    assert message in said and f"register at {iam.REGISTER}" in said
    assert f"put them into {source} as they are" in said


def test_the_labels_at_hand_are_taken_those_as_written_first(tmp_path, tree, capsys):
    _, with_both = run(pack(tmp_path / "both", tree))
    del tree["xml"]
    _, with_tokens = run(pack(tmp_path / "ascii", tree))
    for path, kind, text in (
        (with_both, "xml", "Griffiths, MP for"),
        (with_tokens, "ascii", "Griffiths , M P for"),
    ):
        with lines_file.LinesFile(path) as file:
            assert file.about["transcripts"] == kind
        assert lines_of(path)["a01-000u-01"][1] == text
    assert "ascii: ascii" in capsys.readouterr().out


def test_the_labs_first_command_makes_its_lines_by_itself(
    tmp_path, tree, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        making.make_missing(config_lib.load(["--config=iam_ctc"]))
    assert f"data/raw/iam is not a folder. To get IAM, register at {iam.REGISTER}" in (
        message := str(error.value)
    )
    assert "lines.tgz and xml.tgz (or ascii.tgz)" in message and "\n" not in message
    pack(tmp_path / "data/raw/iam", tree)
    for name, height in (("iam_ctc", 28), ("iam_finetune", 28), ("iam_best", 64)):
        config = config_lib.load([f"--config={name}"])
        making.make_missing(config)
        assert dataset.load(config, ("train", "validation")).height == height
    assert {path.name for path in tmp_path.glob("data/*.h5")} == {
        "iam_28.h5",
        "iam_64.h5",
    }
    # Another file is not made of IAM because it is missing.
    with pytest.raises(UserError, match=r"data/joined.h5 does not exist. Make it with"):
        making.make_missing(
            config_lib.load(["--config=iam_best", "--config.lines_file=data/joined.h5"])
        )


def test_what_scores_depend_on_is_kept_and_printed(tmp_path, tree):
    _, out = run(extract(tmp_path / "iam", tree), "--transcripts=ascii")
    with lines_file.LinesFile(out) as file:
        split = file.split("validation")
    assert split.about["split_name"] == "aachen"
    assert len(split.about["split_digest"]) == 64
    about = split.about | {"digest": split.digest, "decoder": "greedy", "seed": 0}
    assert "aachen" in report.title("validation", about)
    assert "transcripts ascii" in report.title("validation", about)

"""Archives: what is in them is found by name; hostile and broken ones are refused."""

import tarfile
import zipfile

import pytest

from ocr_jax.errors import UserError
from ocr_jax.sources.iam import archives
from tests import fixtures


def make_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def contents(folder, *names):
    files = archives.Files(folder)
    return dict(files.each(names or list(files)))


@pytest.mark.parametrize("make", [fixtures.make_tar, make_zip])
def test_files_are_found_by_name_in_folders_and_archives(tmp_path, make):
    elsewhere = tmp_path.with_name(f"{tmp_path.name}_elsewhere")
    elsewhere.mkdir()
    (elsewhere / "a.txt").write_bytes(b"a")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/er").symlink_to(elsewhere)
    suffix = {fixtures.make_tar: "tgz", make_zip: "zip"}[make]
    make(tmp_path / f"deep/x.{suffix}", {"d/e/b.txt": b"b", "c.txt": b"c"})
    assert contents(tmp_path) == {"a.txt": b"a", "b.txt": b"b", "c.txt": b"c"}
    assert contents(tmp_path, "b.txt", "gone") == {"b.txt": b"b"}
    files = archives.Files(tmp_path)
    assert "b.txt" in files and "gone" not in files


def test_a_file_that_is_there_twice_is_taken_from_the_folder(tmp_path):
    (tmp_path / "z.txt").write_bytes(b"folder")
    fixtures.make_tar(tmp_path / "a.tgz", {"z.txt": b"archive", "d/z.txt": b"second"})
    assert contents(tmp_path) == {"z.txt": b"folder"}
    (tmp_path / "z.txt").unlink()
    assert list(archives.Files(tmp_path).each(["z.txt"])) == [("z.txt", b"archive")]


def link(kind):
    info = tarfile.TarInfo("l")
    info.type, info.linkname = kind, "/etc/passwd"
    return {"l": info}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../a": b""}, "leads out of it"),
        ({"x/../../a": b""}, "leads out of it"),
        ({"/etc/a": b""}, "leads out of it"),
        ({"..\\a": b""}, "leads out of it"),
        ({"C:\\a": b""}, "leads out of it"),
        (link(tarfile.SYMTYPE), "a link or a device"),
        (link(tarfile.LNKTYPE), "a link or a device"),
        (link(tarfile.FIFOTYPE), "a link or a device"),
        ({"bomb": bytes(1 << 23)}, "would grow to more than"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path, files, message):
    fixtures.make_tar(tmp_path / "x.tgz", files)
    with pytest.raises(UserError, match=message):
        archives.Files(tmp_path)


def test_a_hostile_zip_is_refused(tmp_path):
    make_zip(tmp_path / "x.zip", {"bomb": bytes(1 << 23)})
    with pytest.raises(UserError, match="would grow to more than"):
        archives.Files(tmp_path)
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    make_zip(tmp_path / "x.zip", {info: "/etc/passwd"})
    with pytest.raises(UserError, match="a link or a device"):
        archives.Files(tmp_path)


@pytest.mark.parametrize("suffix", ["tgz", "tar", "zip"])
def test_a_broken_archive_is_one_clear_line(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    for content in (b"", b"not an archive, not at all" * 40):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is a broken archive") as error:
            archives.Files(tmp_path)
        assert "\n" not in str(error.value)


def test_a_torn_archive_is_one_clear_line(tmp_path):
    content = bytes(range(256)) * 400
    path = fixtures.make_tar(tmp_path / "x.tgz", {"a": content, "b": content})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="is a broken archive"):
        archives.Files(tmp_path)

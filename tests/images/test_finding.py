"""Files below a folder: each once, through links, never in a circle."""

from ocr_jax.images import finding


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(folder):
    return [path.relative_to(folder).as_posix() for path in finding.files(folder)]


def test_files_are_found_at_any_depth_in_order(tmp_path):
    for name in ("b/2", "a/c/1", "0"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["0", "a/c/1", "b/2"]


def test_links_to_folders_and_files_are_followed(tmp_path):
    touch(tmp_path / "elsewhere" / "lines" / "1.png")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "lines").symlink_to(tmp_path / "elsewhere" / "lines")
    (folder / "2.png").symlink_to(tmp_path / "elsewhere" / "lines" / "1.png")
    assert names(folder) == ["2.png", "lines/1.png"]


def test_a_link_to_a_folder_above_is_a_circle(tmp_path):
    folder = tmp_path / "above" / "collection"
    folder.mkdir(parents=True)
    (tmp_path / "other.png").touch()
    (folder / "1.png").touch()
    (folder / "up").symlink_to(tmp_path)
    (folder / "disk").symlink_to("/")
    assert [path.name for path in finding.files(folder)] == ["1.png"]


def test_a_folder_that_is_linked_twice_or_in_a_circle_is_entered_once(tmp_path):
    touch(tmp_path / "z" / "file")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    assert names(tmp_path) == ["z/file"]


def test_what_is_broken_or_for_macos_alone_is_not_found(tmp_path):
    touch(tmp_path / "._1.png")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert names(tmp_path) == ["gone"]  # a file that can't be read is told later
    assert finding.images(tmp_path) == []


def test_copies_that_programs_keep_are_left_out_unless_their_folder_is_named(tmp_path):
    for name in (".thumbnails/a.png", "b/.ipynb_checkpoints/d.png", "b/.c/e.png"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["b/.c/e.png"]
    assert names(tmp_path / ".thumbnails") == ["a.png"]

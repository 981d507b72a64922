"""Results go out exactly, in one step, or not at all; and what went out comes back."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from convstudio.io.atomic import atomic_write
from convstudio.io.images import PictureError, load_picture
from convstudio.io.save import save_result
from tests.io.making import Array, ramp

VALUES = np.moveaxis(ramp(5, 7, 3, np.float32), 2, 0)


def never() -> Array:
    raise AssertionError("the shown picture is asked for though the values are saved")


def save(path: Path | str, values: Array = VALUES, rendered: Any = never, bits: int = 8) -> None:
    save_result(path, values, rendered=rendered, bits=bits)


def refused(path: Path | str, values: Array = VALUES, rendered: Any = never) -> str:
    with pytest.raises(PictureError) as caught:
        save(path, values, rendered)
    text = str(caught.value)
    assert "was not saved: " in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


# --- what comes back ---


@settings(max_examples=60)
@given(
    values=hnp.arrays(
        np.uint32,
        st.tuples(st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9)),
        elements=st.integers(0, 2**32 - 1),
    ),
    extension=st.sampled_from([".tif", ".TIFF", ".npy"]),
)
def test_values_come_back_bit_for_bit(
    values: Array, extension: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"values{extension}"
    save(path, values.view(np.float32))
    assert_array_equal(load_picture(path).values.view(np.uint32), values)


def test_others_read_the_same_values(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[1, 2, 3] = np.nan
    for data in (
        values,
        np.asfortranarray(values),
        values[:, ::-1, ::-1],
        values.astype(np.float64),
        values[:1],
    ):
        save(tmp_path / "a.tif", data)
        read = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED).reshape(5, 7, -1)
        assert_array_equal(np.moveaxis(read[:, :, ::-1], 2, 0), data)
        save(tmp_path / "a.npy", data)
        loaded = np.load(tmp_path / "a.npy")
        assert loaded.dtype == np.float32
        assert_array_equal(loaded, data)


def test_a_tiff_of_many_strips(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((3, 700, 500), np.float32)
    save(tmp_path / "a.tif", values)
    assert_array_equal(load_picture(tmp_path / "a.tif").values, values)
    assert_array_equal(cv2.imread(str(tmp_path / "a.tif"), -1)[:, :, ::-1], np.moveaxis(values, 0, 2))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_the_picture_as_shown(tmp_path: Path, bits: int, channels: int) -> None:
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels = ramp(5, 7, 3, dtype)
    save(tmp_path / "a.png", VALUES[:channels], lambda: pixels, bits)
    picture = load_picture(tmp_path / "a.png")
    assert picture.source_depth == f"{bits}-bit"
    assert_array_equal(picture.values, np.moveaxis(pixels, 2, 0) / np.float32(np.iinfo(dtype).max))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_result_becomes_a_grey_png(tmp_path: Path, bits: int) -> None:
    grey = np.repeat(ramp(5, 7, 1, np.uint8 if bits == 8 else np.uint16), 3, axis=2)
    save(tmp_path / "a.png", VALUES[:1], lambda: grey, bits)
    assert load_picture(tmp_path / "a.png").shape == (1, 5, 7)
    save(tmp_path / "a.png", VALUES, lambda: grey, bits)
    assert load_picture(tmp_path / "a.png").shape == (3, 5, 7)


def test_an_array_of_any_channels_can_be_saved(tmp_path: Path) -> None:
    values = ramp(8, 4, 5, np.float32)
    save(tmp_path / "a.npy", values)
    assert_array_equal(np.load(tmp_path / "a.npy"), values)
    assert "has 1 or 3 channels, not 8" in refused(tmp_path / "a.tif", values)


# --- what cannot be saved ---


def test_extensions(tmp_path: Path) -> None:
    assert "“.jpg” is not a format that is written. End the name in .png" in refused(tmp_path / "a.jpg")
    assert "its name has no extension" in refused(tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_places_that_are_none(tmp_path: Path) -> None:
    assert "the folder does not exist" in refused(tmp_path / "no" / "a.npy")
    (tmp_path / "file").write_text("x")
    assert "not a folder" in refused(tmp_path / "file" / "a.npy")
    (tmp_path / "folder.npy").mkdir()
    assert "there is a folder of that name" in refused(tmp_path / "folder.npy")
    assert "the name is too long" in refused(tmp_path / ("x" * 300 + ".npy"))
    assert "not a possible name" in refused(str(tmp_path) + "/a\0b.npy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.npy"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.npy").symlink_to("/dev/full")
    assert "device or a pipe" in refused(tmp_path / "a.npy")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write all")
def test_read_only_folder_and_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"old")
    path.chmod(0o444)
    assert "you may not write there" in refused(path)
    path.chmod(0o644)
    tmp_path.chmod(0o555)
    try:
        assert "you may not write there" in refused(path)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == b"old"


needs_limits = pytest.mark.skipif(sys.platform != "linux", reason="limits are set in another way here")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@needs_limits
@pytest.mark.parametrize("extension", ["npy", "tif", "png"])
def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(b"old")
    done = run(
        """
        import resource, sys
        import numpy as np
        from convstudio.io.save import PictureError, save_result
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
        try:
            save_result(sys.argv[1], np.zeros((3, 300, 300), np.float32), rendered=lambda: noise)
        except PictureError as error:
            print(error)
        """,
        str(path),
    )
    assert "the file would be larger than this place allows" in done.stdout, done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@needs_limits
def test_a_full_disk(tmp_path: Path) -> None:
    """On a file system of 64 kB in a name space of its own, where the machine lets us make one."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare here")
    place = tmp_path / "small"
    place.mkdir()
    script = f"""
        import numpy as np
        from convstudio.io.save import PictureError, save_result
        from pathlib import Path
        place = Path({str(place)!r})
        (place / "a.npy").write_bytes(b"old")
        try:
            save_result(place / "a.npy", np.zeros((3, 300, 300), np.float32), rendered=None)
        except PictureError as error:
            print(error)
        print(sorted(p.name for p in place.iterdir()), (place / "a.npy").read_bytes())
    """
    command = f"mount -t tmpfs -o size=64k tmpfs '{place}' && exec '{sys.executable}' -c \"$0\""
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", command, textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip("this machine does not let us mount")
    assert "the disk is full. Free some space or choose another place." in done.stdout, done.stderr
    assert "['a.npy'] b'old'" in done.stdout


def test_a_picture_that_cannot_be_drawn_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def out_of_memory() -> Array:
        raise MemoryError

    assert "there is not enough memory" in refused(path, rendered=out_of_memory)
    with pytest.raises(ValueError, match="rendered must give uint8"):
        save(path, rendered=lambda: np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="bits must be 8 or 16"):
        save(path, bits=12)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# --- one step ---


def test_permissions_are_kept_and_new_files_get_the_usual_ones(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"old")
    old.chmod(0o640)
    atomic_write(old, b"new")
    assert old.read_bytes() == b"new"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    (tmp_path / "usual").touch()
    atomic_write(tmp_path / "fresh", [b"in ", memoryview(b"pieces")])
    assert (tmp_path / "fresh").read_bytes() == b"in pieces"
    assert (tmp_path / "fresh").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    link = tmp_path / "link"
    link.symlink_to(target)
    for content in b"first", b"second":
        atomic_write(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert list((tmp_path / "folder").iterdir()) == [target]


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".npy")
    save(path)
    assert_array_equal(np.load(path), VALUES)


def test_a_failure_while_the_content_is_made_leaves_nothing(tmp_path: Path) -> None:
    def pieces() -> Any:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "a", pieces())
    assert not list(tmp_path.iterdir())


def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    script = """
        import sys
        import numpy as np
        from convstudio.io.save import save_result
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            values = np.full((3, 400, 400), number, np.float32)
            save_result(sys.argv[1], values, rendered=None)
    """
    seen = set()
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(path)], stdout=subprocess.PIPE
        )
        assert process.stdout
        process.stdout.readline()
        while not path.exists():
            time.sleep(0.001)
        time.sleep(random.Random(attempt).uniform(0, 0.05))
        process.kill()
        process.wait()
        process.stdout.close()
        values = np.load(path)
        assert values.shape == (3, 400, 400)
        assert len(np.unique(values)) == 1
        seen.add(float(values[0, 0, 0]))
    assert seen

"""Whatever is wrong with a file, the answer is a sentence that says so and what to do, at once."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convstudio.core import Cancelled, Control
from convstudio.io.images import PictureError, decode_picture, load_picture
from tests.io.making import encoded, jpeg, npy, outcome, png_of, ramp, refused, refused_data, tiff

PARTIALLY = "Opened partially: the file is damaged."


# --- the file ---


def test_missing(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "no.png")
    (tmp_path / "file").write_text("x")
    assert "there is no such file" in refused(tmp_path / "file" / "no.png")


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "a.png is empty (0 bytes)" in refused(tmp_path / "a.png")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder. Choose a picture inside it" in refused(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert "not an ordinary file" in refused(tmp_path / "a.png")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_device_is_not_read() -> None:
    assert "not an ordinary file" in refused("/dev/zero")


def test_circle_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "links lead in a circle" in refused(tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read all")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of(ramp(2, 2, 1)))
    path.chmod(0)
    assert "you may not read it" in refused(path)


def test_names_that_are_none() -> None:
    assert "not a possible name" in refused("a\0b.png")
    assert "name is too long" in refused("x" * 5000)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "giant.png"
    with open(path, "wb") as file:
        file.truncate(3 << 30)  # takes no room on the disk
    assert "too large: 3.2 GB" in refused(path)


@pytest.mark.parametrize("name", ["ünïcödé 图片.png", "with space and 'quotes'.png", "no extension", "a.jpg"])
def test_names_do_not_matter(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pixels = ramp(3, 2, 1)
    path.write_bytes(png_of(pixels))
    picture = load_picture(str(path))
    assert picture.name == name
    assert picture.path == path
    assert_array_equal(picture.values[0] * 255, pixels[:, :, 0])


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text here")
def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    Path(os.fsdecode(path)).write_bytes(png_of(ramp(3, 2, 1)))
    picture = load_picture(os.fsdecode(path))
    picture.name.encode("utf-8")
    assert "there is no such file" in refused(os.fsdecode(path) + "x").encode("utf-8").decode()


# --- the content ---


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello, this is text", "not a picture that can be opened. Choose one of PNG"),
        (b"\0" * 100, "not a picture that can be opened"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"PK\3\4\0\0", "an archive"),
        (b"\x76\x2f\x31\x01\x02", "an OpenEXR picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42avc1", "a video"),
        (b"\x89PNG\r\n\x1a\n", "damaged PNG"),
        (b"\xff\xd8\xff\xd9", "damaged JPEG"),
        (b"\xff\xd8\xff", "damaged JPEG"),
        (b"GIF89a", "not even its size is known"),
        (b"BM", "not even its size is known"),
        (b"RIFF\0\0\0\0WEBP", "not even its size is known"),
        (b"P5 x", "not even its size is known"),
        (b"#?RADIANCE\n\n", "not even its size is known"),
        (b"II*\0\xff\xff\xff\xff", "damaged TIFF"),
        (b"<svg broken", "SVG"),
    ],
)
def test_not_a_picture(data: bytes, words: str, qapp: object) -> None:
    assert words in refused_data(data)


def test_every_cut_of_a_small_png_opens_or_is_refused() -> None:
    pixels = ramp(9, 11, 3)
    data = png_of(pixels)
    opened = 0
    for size in range(1, len(data)):
        try:
            picture = decode_picture(data[:size], "a.png")
        except PictureError:
            continue
        opened += 1
        assert picture.notes == (PARTIALLY,)
        rows = np.moveaxis(picture.values, 0, 2) * 255
        whole = (rows == pixels).all(axis=(1, 2))
        missing = (rows == 0).all(axis=(1, 2))
        assert (whole | missing).all()
    assert opened > 100


def test_a_png_with_a_broken_byte_keeps_the_rows_before_it() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, 30, 3), np.uint8)
    data = bytearray(png_of(pixels))
    data[len(data) // 2] ^= 0x55
    picture = decode_picture(bytes(data), "a.png")
    assert picture.notes == (PARTIALLY,)
    assert_array_equal(np.moveaxis(picture.values, 0, 2)[:150] * 255, pixels[:150])


def test_a_cut_jpeg_keeps_its_beginning() -> None:
    y, x = np.mgrid[:200, :200]
    pixels = ((np.sin(x / 9) + np.cos(y / 7)) * 60 + 128).astype(np.uint8)
    whole = decode_picture(jpeg(pixels, 90), "a.jpg").values
    cut = jpeg(pixels, 90)[:-2000]
    picture = decode_picture(cut, "a.jpg")
    assert picture.notes == (PARTIALLY,)
    assert_array_equal(picture.values[:, :80], whole[:, :80])
    assert np.ptp(picture.values[0, -1]) == 0


def test_a_cut_tiff_keeps_its_strips() -> None:
    pixels = ramp(40, 10, 3)
    data = tiff(pixels, 2, rows=4)
    offset = struct.pack("<I", 8 + 36 * 30)  # of the last strip
    assert data.count(offset) == 1
    picture = decode_picture(data.replace(offset, struct.pack("<I", len(data) + 9)), "a.tif")
    assert picture.notes == (PARTIALLY,)
    assert_array_equal(np.moveaxis(picture.values, 0, 2)[:36] * 255, pixels[:36])


@pytest.mark.parametrize("extension", [".gif", ".bmp", ".webp", ".jp2", ".avif", ".ppm", ".hdr", ".tif"])
def test_half_a_file(extension: str) -> None:
    pixels = ramp(64, 80, 3, np.float32) if extension == ".hdr" else ramp(64, 80, 3)
    data = encoded(extension, pixels)
    result = outcome(data[: len(data) // 2], "a")
    if isinstance(result, PictureError):
        assert str(result).startswith("a ")
    else:
        assert PARTIALLY in result.notes


# --- conditions ---


def test_loading_can_be_cancelled() -> None:
    control = Control()
    control.cancel()
    with pytest.raises(Cancelled):
        decode_picture(png_of(ramp(3, 3, 3)), "a.png", control=control)


def test_loading_tells_its_progress() -> None:
    heard: list[float] = []
    decode_picture(png_of(ramp(600, 600, 3)), "a.png", control=Control(heard.append))
    assert heard == sorted(heard)
    assert len(heard) > 2
    assert all(0 <= part <= 1 for part in heard)


def test_loading_in_several_threads_at_once() -> None:
    pixels = ramp(200, 300, 3, np.uint16)
    files = [png_of(pixels), tiff(pixels, 2, pack=8), encoded(".tif", pixels)]
    wrong: list[object] = []

    def work(data: bytes) -> None:
        for _ in range(5):
            values = decode_picture(data, "a").values
            if not np.array_equal(np.moveaxis(values, 0, 2), pixels / np.float32(65535)):
                wrong.append(values)

    threads = [threading.Thread(target=work, args=(data,)) for data in files * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_importing_leaves_the_environment_alone() -> None:
    script = """
        import os
        before = dict(os.environ)
        import convstudio.io.images, convstudio.io.save
        after = dict(os.environ)
        after.pop("OPENCV_IO_MAX_IMAGE_PIXELS")
        before.pop("OPENCV_IO_MAX_IMAGE_PIXELS", None)
        assert before == after, set(before.items()) ^ set(after.items())
        import sys
        assert not any(name.startswith("PySide6") for name in sys.modules)
    """
    environment = {**os.environ, "QT_QPA_FONTDIR": "/mine"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, env=environment)


def test_damaged_files_print_nothing(tmp_path: Path) -> None:
    """Libraries like to write to the terminal; a bad PNG, TIFF or array must not make them."""
    files = [
        png_of(ramp(9, 9, 3))[:-30],
        tiff(ramp(9, 9, 3), 2)[:200],
        npy(np.zeros((4, 4)))[:-9],
        b"BM" * 40,
    ]
    broken = bytearray(png_of(ramp(9, 9, 3)))
    broken[60] ^= 1
    for index, data in enumerate([*files, bytes(broken)]):
        (tmp_path / f"{index}.png").write_bytes(data)
    script = """
        import sys
        from pathlib import Path
        from convstudio.io.images import PictureError, load_picture
        for path in Path(sys.argv[1]).iterdir():
            try:
                load_picture(path)
            except PictureError:
                pass
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_svg_without_a_window_is_refused_not_a_crash() -> None:
    script = """
        from convstudio.io.images import PictureError, decode_picture
        try:
            decode_picture(b'<svg xmlns="http://www.w3.org/2000/svg"><text y="9">hi</text></svg>', "a.svg")
        except PictureError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert "opens in the window only" in done.stdout


def test_a_progressive_jpeg_cut_inside_a_table_keeps_its_scans() -> None:
    y, x = np.mgrid[:64, :64]
    pixels = ((np.sin(x / 9) + np.cos(y / 7)) * 60 + 128).astype(np.uint8)
    data = encoded(".jpg", pixels, [2, 1])
    table = data.index(b"\xff\xc4", data.index(b"\xff\xda"))
    for cut in range(table + 1, table + 12):
        picture = decode_picture(data[:cut], "a.jpg")
        assert picture.notes == (PARTIALLY,)
        assert np.abs(picture.values[0] * 255 - pixels).max() < 60

"""Whatever is wrong with a file, the answer is a sentence that says so and what to do, at once."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import textwrap
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convstudio.core import Cancelled, Control
from convstudio.io.images import PictureError, decode_picture, load_picture
from tests.io.making import encoded, jpeg, outcome, png, png_chunk, png_of, ramp, tiff
from tests.io.test_image_formats import npy

PARTIALLY = "Opened partially: the file is damaged."


def refused(path: Path | str) -> str:
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    text = str(caught.value)
    assert re.match(r"[^\n]+\.$", text), f"not a sentence: {text!r}"
    return text


def refused_data(data: bytes, name: str = "photo.png") -> str:
    with pytest.raises(PictureError) as caught:
        decode_picture(data, name)
    text = str(caught.value)
    assert name in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


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


# --- the size ---


def bomb(width: int, height: int) -> bytes:
    """A PNG whose pixels unpack from a thousandth of their size."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(1 + width // 8)) for _ in range(height)) + packer.flush()
    head = png(width, height, 1, 0, b"")
    return head[:33] + png_chunk(b"IDAT", body) + head[-12:]


def header_only(kind: str, width: int, height: int) -> bytes:
    rest = bytes(64)
    return {
        "png": png(width, height, 8, 2, b""),
        "jpg": b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03" + rest,
        "gif": b"GIF89a" + struct.pack("<HH", width, height) + rest,
        "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, width, -height) + rest,
        "webp": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
        + struct.pack("<I", width - 1 & 0xFFFFFF)[:3]
        + struct.pack("<I", height - 1 & 0xFFFFFF)[:3]
        + rest,
        "vp8l": b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"
        + struct.pack("<I", width - 1 & 0x3FFF | (height - 1 & 0x3FFF) << 14)
        + rest,
        "ppm": b"P6 %d %d 255\n" % (width, height) + rest,
        "pam": b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nENDHDR\n" % (width, height) + rest,
        "pfm": b"PF\n%d %d\n-1.0\n" % (width, height) + rest,
        "hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (height, width) + rest,
        "j2k": b"\xff\x4f\xff\x51\0\x2f\0\0" + struct.pack(">II", width, height) + rest,
        "avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif\0\0\0\x14ispe\0\0\0\0"
        + struct.pack(">II", width, height)
        + b"av1C\x81\0\0\0"
        + rest,
        "npy": npy(np.zeros((0, 3), np.float32)).replace(b"(0, 3), }", b"(%d, %d), }" % (height, width)),
    }[kind]


KINDS = ["png", "jpg", "gif", "bmp", "webp", "vp8l", "ppm", "pam", "pfm", "hdr", "j2k", "avif", "npy"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_giant_is_refused_by_its_header(kind: str) -> None:
    text = refused_data(header_only(kind, 16000, 12000))
    assert "16000 × 12000 pixels are 192 million, and 67 million are the most" in text


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "ppm", "pfm", "npy"])
def test_nothing_is_refused(kind: str) -> None:
    assert "0 × 7 pixels" in refused_data(header_only(kind, 0, 7))


def test_a_giant_tiff_is_refused() -> None:
    pixels = ramp(1, 1, 1)
    data = tiff(pixels, 1)
    entry = struct.pack("<HHI", 256, 4, 1)
    giant = data.replace(entry + struct.pack("<I", 1), entry + struct.pack("<I", 1 << 27))
    assert giant != data
    assert "67 million are the most" in refused_data(giant, "a.tif")


def test_four_hundred_megapixels_in_a_small_file_cost_nothing(tmp_path: Path) -> None:
    """In a process that may use 200 MB more than it has after the import."""
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(20000, 20000))
    assert path.stat().st_size < 1_000_000
    script = """
        import resource, sys
        from convstudio.io.images import PictureError, load_picture
        from pathlib import Path
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20),) * 2)
        try:
            load_picture(sys.argv[1])
        except PictureError as error:
            print(error)
        peak = resource.getrusage(resource.RUSAGE_SELF)
        assert peak.ru_utime < 20
    """
    if sys.platform != "linux":
        pytest.skip("memory is limited in another way here")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "20000 × 20000 pixels are 400 million" in done.stdout
    assert done.stderr == ""


def test_a_picture_at_the_limit_opens() -> None:
    assert decode_picture(bomb(8192, 8192), "a.png").shape == (1, 8192, 8192)


def test_one_row_of_very_many_pixels() -> None:
    """Wider than OpenCV takes: still a sentence."""
    rows = b"\0" + bytes(1 << 21)
    result = outcome(png(1 << 21, 1, 8, 0, rows), "a.png")
    if isinstance(result, PictureError):
        assert "a.png" in str(result)
    else:
        assert result.shape == (1, 1, 1 << 21)


# --- arrays ---


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), r"shape \(5,\); a picture is \(H, W\)"),
        (np.zeros((2, 3, 4, 5)), r"shape \(2, 3, 4, 5\)"),
        (np.float32(3), r"shape \(\)"),
        (np.zeros((0, 4)), "4 × 0 pixels"),
        (np.zeros((2, 2), complex), "type <c16, which is not read"),
        (np.array([["a", "b"]]), "type <U1"),
        (np.zeros((2, 2), [("x", "f4")]), "no array of plain numbers"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        decode_picture(npy(array), "a.npy")


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    assert "not read" in refused(tmp_path / "a.npy") or "plain numbers" in refused(tmp_path / "a.npy")


def test_an_array_shorter_than_it_says() -> None:
    data = npy(np.zeros((50, 60), np.float32))
    assert "cut short" in refused_data(data[:-1], "a.npy")
    assert "cut short" in refused_data(data.replace(b"(50, 60)", b"(51, 60)"), "a.npy")
    assert "header is damaged" in refused_data(data[:20], "a.npy")


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

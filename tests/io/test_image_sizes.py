"""Pictures that are too large are refused by what their header says, before they cost anything."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest

from convstudio.io.images import decode_picture
from tests.io.making import npy, png, png_chunk, ramp, refused_data, tiff


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
    """Wider than the decoders take."""
    rows = b"\0" + bytes(1 << 21)
    assert "a side may have a million at most" in refused_data(png(1 << 21, 1, 8, 0, rows))


def test_a_tiff_that_says_it_is_far_larger_than_it_can_be() -> None:
    data = tiff(ramp(4, 4, 1), 1)
    entry = struct.pack("<HHI", 257, 4, 1)
    tall = data.replace(entry + struct.pack("<I", 4), entry + struct.pack("<I", 900_000))
    assert "far less is there than it says" in refused_data(tall, "a.tif")

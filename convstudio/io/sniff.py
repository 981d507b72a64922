"""Which kind of file some bytes are: the content decides, not the extension."""

from __future__ import annotations

from convstudio.io.errors import PictureError

READABLE = "PNG, JPEG, TIFF, WebP, AVIF, GIF, BMP, JPEG 2000, PNM, PFM, HDR, SVG, ICO and .npy"

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".gif", ".bmp", ".jp2", ".j2k"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".pfm", ".hdr", ".svg", ".ico", ".npy"),
)
"""What an open dialog lists; the content decides all the same."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x93NUMPY", "NPY"),
    (b"#?RADIANCE", "HDR"),
    (b"#?RGBE", "HDR"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JP2"),
    (b"\xff\x4f\xff\x51", "JP2"),
    (b"\x59\xa6\x6a\x95", "RAS"),
)

_UNREADABLE = (
    (b"%PDF", "a PDF document. Export the page as PNG first"),
    (b"8BPS", "a Photoshop document. Export it as PNG or TIFF first"),
    (b"gimp xcf", "a GIMP document. Export it as PNG or TIFF first"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture. Convert it to a float TIFF first"),
    (b"\xff\x0a", "a JPEG XL picture. Convert it to PNG first"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture. Convert it to PNG first"),
    (
        b"PK\x03\x04",
        "an archive (zip or .npz). Unpack it and open the picture inside, or save the array as .npy",
    ),
    (b"\x1aE\xdf\xa3", "a video. Export a frame as PNG first"),
    (b"\x89HDF", "an HDF5 file. Save the array as .npy first"),
)


def sniff(data: bytes, name: str) -> str:
    """Return the kind of file, a key such as "PNG".

    Raises:
        PictureError: it is none that can be opened; the message says what it is, where that is known.
    """
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if len(data) > 2 and data[:1] == b"P" and data[1:2] in b"1234567FfF" and data[2:3].isspace():
        return "PFM" if data[1:2] in b"Ff" else "PNM"
    if data[:4] in (b"\0\0\1\0", b"\0\0\2\0") and data[4:6] != b"\0\0" and data[9:10] == b"\0":
        return "ICO"  # with at least one picture inside, which a TGA that begins alike does not claim
    if data[4:8] == b"ftyp":
        return _sniff_container(data, name)
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!doctype")) and b"<svg" in head):
        return "SVG"
    for signature, words in _UNREADABLE:
        if data.startswith(signature):
            raise PictureError(f"{name} is {words}.")
    raise PictureError(f"{name} is not a picture that can be opened. Choose one of {READABLE}.")


def _sniff_container(data: bytes, name: str) -> str:
    """Tell apart what shares the ISO base media container (ISO/IEC 14496-12) by its list of brands."""
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"mif1")):
        raise PictureError(f"{name} is a HEIC photo. Export it as JPEG or PNG first.")
    raise PictureError(f"{name} is a video. Export a frame as PNG first.")

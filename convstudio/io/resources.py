"""Where the program's own pictures and icons lie, in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
# A checkout keeps resources/ beside the package; the wheel carries it inside (see pyproject.toml).
_PLACES = (_PACKAGE / "resources", _PACKAGE.parent / "resources")


def resource_path(*parts: str) -> Path:
    """Return the path of a bundled file or folder, such as ``resource_path("samples", "page.png")``.

    Raises:
        FileNotFoundError: it is in neither place; the message says where it was looked for.
    """
    for place in _PLACES:
        path = place.joinpath(*parts)
        if path.exists():
            return path
    wanted = "/".join(parts) or "resources"
    looked = " and ".join(str(place) for place in _PLACES)
    raise FileNotFoundError(
        f"The bundled file {wanted} is missing (looked in {looked}). Install ConvStudio again to restore it."
    )

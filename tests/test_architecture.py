"""The packages import only what the architecture allows, lazy imports included."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "convstudio"

# package -> (own packages it may import, third-party packages it may import)
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "core": (set(), {"numpy", "threadpoolctl"}),
    "spec": (set(), set()),
    "kernels": ({"core", "spec"}, {"numpy"}),
    "layers": ({"core", "kernels", "spec"}, {"numpy"}),
    "model": ({"layers", "kernels", "core", "spec"}, {"numpy"}),
    "engine": ({"model", "layers", "kernels", "core", "spec"}, {"numpy"}),
    "learn": ({"engine", "model", "layers", "kernels", "core", "spec"}, {"numpy"}),
    "io": ({"model", "core"}, {"numpy", "cv2", "PySide6"}),
    "session": (
        {"learn", "engine", "io", "model", "layers", "kernels", "core", "spec"},
        {"numpy", "PySide6"},
    ),
    "ui": (
        {"session", "learn", "engine", "io", "model", "layers", "kernels", "core", "spec"},
        {"numpy", "PySide6"},
    ),
}
FRONT_DOORS = {
    *("__init__", "__main__", "app", "cpu", "terminal"),
    *("cli", "cli_options", "cli_progress", "cli_learn", "cli_learn_options", "cli_run"),
}
PROOFS = {"engine/proof.py", "engine/proof_cells.py", "engine/proof_windows.py"}  # who may ask SciPy
QT_WIDGETS_ALLOWED = {"ui"}
STANDARD = set(__import__("sys").stdlib_module_names) | {"__future__"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> list[tuple[int, str]]:
    """Return every imported dotted name of a file, at whatever depth it stands."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the package"
            assert node.module
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_package_may(path: Path) -> None:
    package = package_of(path)
    if package in FRONT_DOORS:
        return
    own, foreign = ALLOWED[package]
    relative = path.relative_to(ROOT).as_posix()
    wrong = []
    for line, name in imports(path):
        parts = name.split(".")
        if parts[0] == "convstudio":
            allowed = len(parts) < 2 or parts[1] in own | {package} or parts[1].startswith("__")
        elif parts[0] == "scipy":
            allowed = relative in PROOFS
        else:
            allowed = parts[0] in STANDARD | foreign
        if not allowed:
            wrong.append(f"{relative}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_one_module_imports_opencv() -> None:
    homes = {p.relative_to(ROOT).as_posix() for p in modules() for _, n in imports(p) if n.startswith("cv2")}
    assert len(homes) == 1
    assert next(iter(homes)).startswith("io/")


def test_widgets_stay_in_the_user_interface() -> None:
    wrong = [
        f"{p.relative_to(ROOT)}:{line}"
        for p in modules()
        for line, name in imports(p)
        if name.startswith("PySide6.QtWidgets") and package_of(p) not in QT_WIDGETS_ALLOWED | {"app"}
    ]
    assert not wrong


def test_files_stay_readable() -> None:
    long = [
        f"{p.relative_to(ROOT)}: {n} lines" for p in modules() if (n := len(p.read_text().splitlines())) > 420
    ]
    assert not long

"""The wheel: it carries the pictures and icons, and the installed program finds them."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from convstudio.io.samples import SAMPLES

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder that holds what an installation of the wheel puts into site-packages."""
    folder = wheel.parent / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def start(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed program, away from the checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        cwd=installed.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_wheel_holds_the_program_and_its_resources_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {f"convstudio/{path.relative_to(ROOT / 'convstudio').as_posix()}" for path in _sources()}
    wanted |= {f"convstudio/resources/samples/{sample.path.name}" for sample in SAMPLES}
    wanted |= {f"convstudio/resources/icons/{p.name}" for p in (ROOT / "resources" / "icons").glob("*.svg")}
    assert not wanted - names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def _sources() -> list[Path]:
    return list((ROOT / "convstudio").rglob("*.py"))


def test_the_wheel_has_both_programs(installed: Path) -> None:
    (path,) = installed.glob("*.dist-info/entry_points.txt")
    points = configparser.ConfigParser()
    points.read(path)
    assert points["console_scripts"]["convstudio"] == "convstudio.app:main"
    assert points["gui_scripts"]["convstudio-gui"] == "convstudio.app:main"


def test_the_installed_program_finds_every_picture_and_icon(installed: Path) -> None:
    script = (
        "import convstudio\n"
        "from convstudio.io.resources import resource_path\n"
        "from convstudio.io.samples import SAMPLES, load_sample\n"
        "print(convstudio.__file__)\n"
        "print(resource_path('icons', 'convstudio.png'))\n"
        "for sample in SAMPLES: load_sample(sample.id); print(sample.path)\n"
    )
    done = start(installed, "-c", script)
    assert done.returncode == 0, done.stderr
    places = done.stdout.splitlines()
    assert len(places) == 2 + len(SAMPLES)
    assert all(place.startswith(str(installed)) for place in places)


def test_the_installed_program_draws_its_window(installed: Path) -> None:
    done = start(installed, "-m", "convstudio", "--screenshot", "window.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert (installed.parent / "window.png").read_bytes().startswith(b"\x89PNG")

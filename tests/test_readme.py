"""The README: its Python runs, its commands do what they say, what it links to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

from convstudio import app, cli
from convstudio.io.images import load_picture
from convstudio.io.kernel_file import load_bank
from convstudio.io.project_file import save_project
from convstudio.io.samples import load_sample
from convstudio.model import Project

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^    (convstudio .*)$", TEXT, re.MULTILINE)]


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo.jpg in the present folder."""
    monkeypatch.chdir(tmp_path)
    piece = load_sample("still-life").values[::-1, 200:290, 300:420].transpose(1, 2, 0)
    assert cv2.imwrite("photo.jpg", np.rint(piece * 255).astype(np.uint8))
    return tmp_path / "photo.jpg"


def command(name: str) -> list[str]:
    """Return what follows ``convstudio`` in the README's line with this word."""
    (found,) = [words[1:] for words in COMMANDS if words[1] == name]
    return found


def test_its_python_is_five_lines_that_find_edges() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 5
    names: dict[str, Any] = {}
    exec(code, names)  # what a reader would do
    photo, edges = names["photo"], names["edges"]
    right = ndimage.correlate(photo[0].astype(float), names["sobel"][np.newaxis].astype(float), mode="mirror")
    assert edges.shape == photo.shape
    np.testing.assert_allclose(edges[0], right, atol=1e-5)


def test_every_command_line_is_tried_here() -> None:
    assert sorted(words[1] for words in COMMANDS) == [
        "--screenshot",
        "apply",
        "kernels",
        "learn",
        "prove",
        "run",
    ]


def test_run_applies_a_project_to_a_folder_of_photos(photo: Path) -> None:
    holiday = photo.parent / "holiday"
    holiday.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (holiday / name).write_bytes(photo.read_bytes())
    project = Project.first(load_picture(photo))
    save_project(photo.parent / "lesson.convstudio", project, {}, embed=False)
    words = command("run")
    place = words.index("holiday/*.jpg")  # which the shell replaces by the files
    files = sorted(str(path) for path in photo.parent.glob(words[place]))
    assert cli.run([*words[:place], *files, *words[place + 1 :]]) == 0
    assert len(list((photo.parent / "filtered").iterdir())) == 2


def test_apply_blurs_the_photo(photo: Path) -> None:
    arguments = command("apply")
    assert cli.run(arguments) == 0
    x = np.arange(9) - 4
    row = np.exp(-(x**2) / (2 * 2.0**2))
    kernel = np.outer(row, row)[:, :, np.newaxis] / row.sum() ** 2
    before, after = cv2.imread(str(photo)), cv2.imread(arguments[-1])
    assert before is not None
    assert after is not None
    exact = ndimage.correlate(before.astype(float), kernel, mode="mirror")
    assert np.abs(after - exact).max() <= 0.501


def test_learn_finds_the_kernel_of_a_blur(photo: Path) -> None:
    stored = cv2.imread(str(photo))
    assert stored is not None
    assert cv2.imwrite("blurred.png", cv2.GaussianBlur(stored, (5, 5), 1.2))
    arguments = command("learn")
    assert cli.run(arguments) == 0
    row = cv2.getGaussianKernel(5, 1.2)[:, 0]
    (found,) = load_bank(arguments[-1]).filters
    np.testing.assert_allclose(found.kernels[0].values, np.outer(row, row), atol=1e-2)


def test_kernels_lists_and_prove_proves(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command("kernels")) == 0
    assert "sobel-x" in capsys.readouterr().out
    assert cli.run(command("prove")) == 0
    assert "all agree with SciPy" in capsys.readouterr().out


def test_the_screenshot_line_is_understood(photo: Path) -> None:
    # tests/test_app.py draws; here its options are read, by the program's own front door.
    options = app.parser().read(command("--screenshot"))
    assert options.screenshot.endswith(".png")
    assert Path(options.image) == Path("photo.jpg")
    assert options.size == (1440, 900)
    assert options.theme == "light"


@pytest.mark.parametrize("target", ["run", "test", "check", "bench"])
def test_the_makefile_has_what_it_names(target: str) -> None:
    assert f"make {target}" in TEXT
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_what_it_links_to_is_there(target: str) -> None:
    assert target.startswith("https://") or (ROOT / target).is_file()

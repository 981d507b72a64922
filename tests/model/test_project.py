"""The project document: frozen states, validated edits."""

from __future__ import annotations

import numpy as np
import pytest

from convstudio.kernels import PRESETS, Kernel
from convstudio.layers import Conv
from convstudio.model import LayerItem, Picture, Project, suiting_view
from convstudio.spec.params import ParamError


@pytest.fixture
def project() -> Project:
    return Project.first(Picture(np.zeros((3, 8, 10), np.float32), "black"))


def test_it_opens_with_a_sobel_kernel_on_the_picture(project: Project) -> None:
    layer = project.layer("conv-1")
    assert isinstance(layer, Conv)
    assert layer.kernel.values.tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert project.look.view == "signed"


def test_an_edit_makes_a_new_project_and_leaves_the_old(project: Project) -> None:
    changed = project.with_param("conv-1", "stride", 2)
    assert changed.layer("conv-1").stride == (2, 2)
    assert project.layer("conv-1").stride == (1, 1)
    assert changed != project
    assert changed.with_param("conv-1", "stride", (1, 1)) == project


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("stride", 0, "Stride must be a whole number from 1"),
        ("stride", (1, 2, 3), "Stride"),
        ("dilation", -1, "Dilation"),
        ("padding", "some", "one of valid, same"),
        ("padding", ((1, 2), (3, -4)), "Padding"),
        ("padding_mode", "mirror", "Border must be one of"),
        ("bias", float("nan"), "Bias must be a number"),
        ("bias", "much", "Bias"),
        ("channels", "red", "Colour"),
    ],
)
def test_a_wrong_value_is_refused_in_words(project: Project, name: str, value: object, words: str) -> None:
    with pytest.raises(ParamError, match=words):
        project.with_param("conv-1", name, value)


def test_layer_ids_are_unique(project: Project) -> None:
    with pytest.raises(ValueError, match="unique"):
        Project(project.picture, (*project.layers, LayerItem("conv-1", Conv())))


def test_a_picture_cannot_be_written_to(project: Project) -> None:
    with pytest.raises(ValueError, match="read-only"):
        project.picture.values[0, 0, 0] = 1.0


@pytest.mark.parametrize(
    ("preset", "view"),
    [
        ("sobel-x", "signed"),
        ("laplacian-4", "signed"),
        ("gaussian", "clamped"),
        ("identity", "clamped"),
        ("sharpen", "clamped"),
    ],
)
def test_the_view_suits_the_kernel(preset: str, view: str) -> None:
    assert suiting_view(PRESETS[preset].make()) == view


def test_a_zero_kernel_is_shown_as_a_picture() -> None:
    assert suiting_view(Kernel(np.zeros((3, 3)), title="zero")) == "clamped"

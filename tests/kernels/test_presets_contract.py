"""What holds for every preset, whatever its parameters: one test over the whole library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.kernels import FAMILIES, LARGEST_SIDE, PRESETS, Preset
from convstudio.spec.params import ChoiceParam, FloatParam, IntParam, ParamError

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
with_params = pytest.mark.parametrize(
    "preset", [each for each in PRESETS.values() if each.params], ids=lambda each: each.id
)

# The direction, counter-clockwise in degrees, in which a picture must brighten for a positive answer.
COMPASS = {"E": 0, "NE": 45, "N": 90, "NW": 135, "W": 180, "SW": 225, "S": 270, "SE": 315}
RISES = {
    **{f"{name}-x": lambda: 0.0 for name in ("sobel", "prewitt", "scharr")},
    **{f"{name}-difference-x": lambda: 0.0 for name in ("central", "forward")},
    **{f"{name}-y": lambda: 270.0 for name in ("sobel", "prewitt", "scharr")},
    **{f"{name}-difference-y": lambda: 270.0 for name in ("central", "forward")},
    **dict.fromkeys(("kirsch", "robinson", "roberts"), lambda direction: COMPASS[direction]),
    "oriented-edge": lambda angle: angle,
    "emboss": lambda direction: COMPASS[direction] + 180,  # slopes that rise away from the light face it
}


def values_of(preset: Preset) -> st.SearchStrategy[dict[str, Any]]:
    """Return any values that a preset's parameters allow."""
    each: dict[str, st.SearchStrategy[Any]] = {}
    for name, param in ((p.name, p.param) for p in preset.params):
        if isinstance(param, ChoiceParam):
            each[name] = st.sampled_from([choice.value for choice in param.choices])
        elif isinstance(param, IntParam):
            each[name] = st.integers(0, (param.maximum - param.minimum) // param.step).map(
                lambda n, p=param: p.minimum + n * p.step
            )
        elif isinstance(param, FloatParam):
            steps = round((param.maximum - param.minimum) / param.step)
            shown = st.integers(0, steps).map(lambda n, p=param: min(p.minimum + n * p.step, p.maximum))
            each[name] = shown | st.floats(param.minimum, param.maximum)
        else:
            raise TypeError(f"{preset.id} has a parameter of a kind this test cannot draw: {param}")
    return st.fixed_dictionaries(each)


def ramp(shape: tuple[int, int], angle: float) -> np.ndarray:
    """Return a picture that brightens by 1 a pixel into a direction, counter-clockwise on the screen."""
    rows, columns = np.indices(shape)
    return columns * math.cos(math.radians(angle)) - rows * math.sin(math.radians(angle))


@every_preset
def test_it_says_what_it_does_and_where_it_comes_from(preset: Preset) -> None:
    assert PRESETS[preset.id] is preset
    assert preset.id == preset.id.lower().replace(" ", "-")
    assert preset.title
    assert preset.family in FAMILIES
    assert 40 <= len(preset.summary) <= 240
    assert preset.summary.endswith(".")
    assert any(word.strip(";,.").isdigit() and len(word.strip(";,.")) == 4 for word in preset.source.split())


@every_preset
def test_its_parameters_are_options_that_teach(preset: Preset) -> None:
    for each in preset.params:
        assert each.name.isidentifier()
        assert each.name == each.name.lower()
        assert each.param.label
        assert each.param.help.endswith(".")
        assert each.param.check(each.default) == each.default
        if isinstance(each.param, ChoiceParam):
            assert all(choice.label and choice.help for choice in each.param.choices)


@every_preset
def test_the_defaults_make_a_kernel_that_knows_its_origin(preset: Preset) -> None:
    kernel = preset.make()
    assert kernel.title == preset.title
    assert kernel.preset == preset.id
    assert dict(kernel.params) == {each.name: each.default for each in preset.params}
    assert kernel == preset.make(**dict(kernel.params))


@every_preset
def test_gain_symmetry_and_sizes_hold_for_all_parameters(preset: Preset) -> None:
    @settings(max_examples=40)
    @given(values_of(preset))
    def holds(params: dict[str, Any]) -> None:
        values = preset.make(**params).values
        rows, columns = values.shape
        assert np.isfinite(values).all()
        assert values.any()
        assert max(rows, columns) <= LARGEST_SIDE
        magnitude = float(np.abs(values).sum())
        assert abs(values.sum() - preset.gain) <= 1e-12 * max(magnitude, 1.0)
        close = {"rtol": 0.0, "atol": 1e-13 * magnitude}
        left_right, top_bottom = values[:, ::-1], values[::-1]
        if preset.symmetry == "symmetric":
            # To the last bit: flipping such a kernel is no edit.
            np.testing.assert_array_equal(values, left_right)
            np.testing.assert_array_equal(values, top_bottom)
        elif preset.symmetry == "anti-x":
            np.testing.assert_allclose(values, -left_right, **close)
            np.testing.assert_allclose(values, top_bottom, **close)
        elif preset.symmetry == "anti-y":
            np.testing.assert_allclose(values, left_right, **close)
            np.testing.assert_allclose(values, -top_bottom, **close)
        elif preset.symmetry == "point":
            np.testing.assert_array_equal(values, left_right[::-1])
        elif preset.symmetry == "anti-point":
            np.testing.assert_allclose(values, -left_right[::-1], **close)
        else:
            assert preset.symmetry == "none"
        # Only a user who asks for an even size, or a difference of two neighbours, gets a kernel without a
        # middle cell.
        even = {1 - rows % 2, 1 - columns % 2} != {0}
        assert not even or params.get("size", 1) % 2 == 0 or preset.id.startswith(("forward", "roberts"))

    holds()


@pytest.mark.parametrize("name", RISES)
def test_the_answer_is_positive_where_the_picture_brightens_into_its_direction(name: str) -> None:
    preset = PRESETS[name]

    @settings(max_examples=30)
    @given(values_of(preset))
    def holds(params: dict[str, Any]) -> None:
        values = preset.make(**params).values
        wanted = {key: value for key, value in params.items() if key in ("direction", "angle")}
        angle = RISES[name](**wanted)
        rising = ramp(values.shape, angle)
        rising -= rising[values.shape[0] // 2, values.shape[1] // 2] if preset.gain else 0.0
        across = ramp(values.shape, angle + 90)
        across -= across[values.shape[0] // 2, values.shape[1] // 2] if preset.gain else 0.0
        answer = (values * rising).sum()
        assert answer > 0.1
        assert abs((values * across).sum()) < 1e-9 * answer

    holds()


def test_every_kernel_that_changes_its_sign_when_turned_has_a_declared_direction() -> None:
    turning = {p.id for p in PRESETS.values() if p.symmetry.startswith("anti")}
    assert turning <= set(RISES)


@with_params
def test_a_value_outside_its_range_is_refused_by_name(preset: Preset) -> None:
    for each in preset.params:
        with pytest.raises(ParamError, match=each.param.label):
            preset.make(**{each.name: 1e9})
        with pytest.raises(ParamError, match=each.param.label):
            preset.make(**{each.name: "sideways"})


@every_preset
def test_an_unknown_parameter_is_refused(preset: Preset) -> None:
    with pytest.raises(ParamError, match="colour"):
        preset.make(colour=1)

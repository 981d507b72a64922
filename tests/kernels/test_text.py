"""Numbers and grids as people type, paste and copy them."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from convstudio.kernels.text import format_grid, format_number, parse_grid, parse_number
from convstudio.spec.params import ParamError

finite = st.floats(-1e30, 1e30)


class TestParseNumber:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("3", 3.0),
            ("+2", 2.0),
            (" .5 ", 0.5),
            ("5.", 5.0),
            ("1e-3", 0.001),
            ("2E+2", 200.0),
            ("1/9", 1 / 9),
            ("-3/8", -0.375),
            ("3/-8", -0.375),
            ("1 / 16", 1 / 16),
            ("1.5/2", 0.75),
            ("−2", -2.0),
            ("−1e−3", -0.001),
            ("½", 0.5),
            ("-¼", -0.25),
            ("1½", 1.5),
            ("−2 ⅓", -2 - 1 / 3),
            ("1⁄4", 0.25),
            ("0,5", 0.5),
            ("-0,125", -0.125),
            ("12,5", 12.5),
            ("\u00a07\u00a0", 7.0),
        ],
    )
    def test_what_people_type(self, text: str, value: float) -> None:
        assert parse_number(text) == pytest.approx(value, rel=1e-15)

    def test_minus_zero_is_zero(self) -> None:
        assert math.copysign(1, parse_number("-0")) == 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("abc", "“abc” is not a number; type something like 0.25 or 1/9"),
            ("", "nothing was entered"),
            ("  ", "nothing was entered"),
            ("inf", "type a finite number"),
            ("-Infinity", "type a finite number"),
            ("nan", "“nan” cannot be a weight"),
            ("∞", "type a finite number"),
            ("1/0", "“1/0” divides by zero"),
            ("1/1e-400", "divides by zero"),
            ("1e999", "“1e999” is too large; weights go up to 1e30"),
            ("1e31", "too large"),
            ("9" * 400, "too large"),
            ("9" * 5000 + "½", "too large"),
            ("1e30/1e-30", "too large"),
            ("1,234", "may mean 1.234 or 1234"),
            ("1,5,2", "is not a number"),
            ("1 2", "is not a number"),
            ("1/2/3", "is not a number"),
            ("1/", "is not a number"),
            (".", "is not a number"),
            ("e5", "is not a number"),
            ("--1", "is not a number"),
            ("1_000", "is not a number"),
            ("0x10", "is not a number"),
            ("٣", "is not a number"),
            ("<b>1</b>", "is not a number"),
        ],
    )
    def test_what_is_no_number_is_refused_in_words(self, text: str, message: str) -> None:
        with pytest.raises(ParamError) as caught:
            parse_number(text)
        assert message in str(caught.value)

    def test_a_long_text_is_quoted_in_part(self) -> None:
        with pytest.raises(ParamError) as caught:
            parse_number("word " * 1000)
        assert len(str(caught.value)) < 100

    @given(st.text(max_size=12))
    def test_any_text_gives_a_finite_number_or_is_refused(self, text: str) -> None:
        with suppress(ParamError):
            assert math.isfinite(parse_number(text))


class TestFormatNumber:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.0, "0"),
            (-0.0, "0"),
            (-2.0, "−2"),
            (0.25, "0.25"),
            (0.125, "0.125"),
            (-0.1, "−0.1"),
            (1 / 9, "1/9"),
            (-1 / 9, "−1/9"),
            (1 / 16, "1/16"),
            (3 / 128, "3/128"),
            (1 / 63**2, "1/3969"),
            (4 / 3, "4/3"),
            (2 / 3 + 1e-16, "2/3"),
            (0.11111, "0.11111"),
            (math.pi, "3.14159"),
            (-1e-5, "−1e−5"),
            (123456789.0, "1.23457e8"),
            (1e20, "1e20"),
        ],
    )
    def test_short(self, value: float, text: str) -> None:
        assert format_number(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1 / 3, "0.3333333333333333"),
            (-7.0, "−7"),
            (1e-7, "1e−7"),
            (1e22, "1e22"),
            (0.1 + 0.2, "0.30000000000000004"),
        ],
    )
    def test_exact(self, value: float, text: str) -> None:
        assert format_number(value, exact=True) == text

    @given(finite)
    def test_exact_text_gives_the_very_same_number(self, value: float) -> None:
        assert parse_number(format_number(value, exact=True)) == value

    @given(finite)
    def test_short_text_is_close_and_short(self, value: float) -> None:
        text = format_number(value)
        assert parse_number(text) == pytest.approx(value, rel=5.1e-6)
        assert len(text) <= 13

    @given(st.integers(-200, 200), st.integers(1, 4096))
    def test_a_fraction_is_shown_only_where_it_is_the_number(self, above: int, below: int) -> None:
        text = format_number(above / below)
        if "/" in text:
            assert Fraction(text.replace("−", "-")) == Fraction(above, below)


SQUARE = [[1.0, 2.0], [3.0, 4.0]]
GRIDS = {
    "a spreadsheet": ("1\t2\r\n3\t4\r\n", SQUARE),
    "a spreadsheet with an empty column selected": ("1\t2\t\n3\t4\t\n", SQUARE),
    "a spreadsheet with decimal commas": ("0,5\t1\n−0,125\t2", [[0.5, 1], [-0.125, 2]]),
    "CSV": ("1, 2\n3, 4\n", SQUARE),
    "CSV of signed numbers": ("1,-1\n-1,1", [[1, -1], [-1, 1]]),
    "CSV of three columns": ("1,2,3\n4,5,6", [[1, 2, 3], [4, 5, 6]]),
    "CSV with decimal commas": ("0,5;0,25\n1;2\n", [[0.5, 0.25], [1, 2]]),
    "CSV of one line with decimal commas": ("0,5;1;0,5", [[0.5, 1, 0.5]]),
    "Python": ("[[1, 2], [3, 4]]", SQUARE),
    "Python over lines": ("[\n    [1, 2],\n    [3, 4],\n]\n", SQUARE),
    "Python, assigned": ("kernel = ((1, 2), (3, 4))", SQUARE),
    "a flat list": ("[1, 2,\n 3]", [[1, 2, 3]]),
    "numpy.array": ("np.array([[1., 2.],\n          [3., 4.]], dtype=np.float32)", SQUARE),
    "NumPy, printed": ("[[1. 2.]\n [3. 4.]]", SQUARE),
    "NumPy, printed and wrapped": ("[[1. 2.\n  5.]\n [3. 4.\n  6.]]", [[1, 2, 5], [3, 4, 6]]),
    "PyTorch": ("tensor([[[[1., 2.],\n   [3., 4.]]]], device='cuda:0')", SQUARE),
    "MATLAB": ("[1 2; 3 4]", SQUARE),
    "MATLAB, assigned": ("K = [1, 2; 3, 4];", SQUARE),
    "MATLAB over lines": ("[1 2\n 3 4]", SQUARE),
    "MATLAB with a continued row": ("[1 ...\n 2; 3 4]", SQUARE),
    "MATLAB without brackets": ("1 2; 3 4", SQUARE),
    "rows that end in semicolons": ("1 2;\n3 4;\n", SQUARE),
    "a column between semicolons": ("1;2;3", [[1], [2], [3]]),
    "C": ("float k[2][2] = {{1, 2}, {3, 4}};", SQUARE),
    "spaces": ("  1   2\n\n 3 4 ", SQUARE),
    "fractions": ("1/9 1 / 9\n½ −2/3", [[1 / 9, 1 / 9], [0.5, -2 / 3]]),
    "one number": ("7", [[7.0]]),
    "a byte order mark": ("\ufeff1\t2", [[1, 2]]),
}
REFUSED = {
    "nothing": ("", "the text is empty"),
    "blank lines": (" \n\t\n", "the text is empty"),
    "words": ("not a kernel", "row 1, column 1: “not” is not a number"),
    "a word among numbers": ("1 2\n3 x", "row 2, column 2: “x” is not a number"),
    "infinity": ("1 inf", "row 1, column 2: “inf” cannot be a weight"),
    "ragged rows": ("1 2 3\n4", "row 1 has 3 numbers and row 2 has 1 number"),
    "ragged brackets": ("[[1, 2], [3]]", "row 1 has 2 numbers and row 2 has 1 number"),
    "an empty cell": ("1\t\t2", "row 1, column 2 is empty"),
    "an empty cell in CSV": ("1,,2", "row 1, column 2 is empty"),
    "a single decimal comma or two numbers": ("0,5", "the comma in “0,5”"),
    "two columns or decimals": ("1,2\n3,4", "the comma in “1,2”"),
    "two rows or decimals": ("1,2;3,4", "the comma in “1,2”"),
    "decimals between spaces": ("0,5 0,25", "the comma in “0,5”"),
    "commas and points": ("1.5\t2,5", "the comma in “2,5”"),
    "thousands or decimals": ("1,234\t2", "may mean 1.234 or 1234"),
    "open brackets": ("[[1, 2], [3, 4]", "the brackets do not match"),
    "wrong brackets": ("[1, 2)", "the brackets do not match"),
    "closed brackets": ("1, 2]]", "row 1"),
    "two kernels": ("[[[1, 2], [3, 4]], [[1, 2], [3, 4]]]", "more than one kernel"),
    "words around": ("blur([[1, 2]])", "“blur” does not belong to a kernel"),
    "empty brackets": ("[[]]", "no numbers"),
    "a row too many": ("1\n" * 64, "at most 63 rows and columns, this one is 64×1"),
    "a whole book": ("1 " * 200_000, "too long"),
}


class TestParseGrid:
    @pytest.mark.parametrize("name", GRIDS)
    def test_what_programs_put_on_the_clipboard(self, name: str) -> None:
        text, expected = GRIDS[name]
        result = parse_grid(text)
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, expected, rtol=1e-15)

    @pytest.mark.parametrize("name", REFUSED)
    def test_what_is_no_kernel_is_refused_in_words(self, name: str) -> None:
        text, message = REFUSED[name]
        with pytest.raises(ParamError) as caught:
            parse_grid(text)
        assert message in str(caught.value)
        assert len(str(caught.value)) < 200

    @given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=finite))
    def test_a_copied_kernel_is_pasted_unchanged(self, values: np.ndarray) -> None:
        np.testing.assert_array_equal(parse_grid(format_grid(values)), values)
        np.testing.assert_array_equal(parse_grid(repr(values.tolist())), values)

    def test_the_largest_kernel_passes(self) -> None:
        values = np.random.default_rng(0).normal(size=(63, 63))
        np.testing.assert_array_equal(parse_grid(format_grid(values)), values)
        np.testing.assert_array_equal(parse_grid(f"array({values.tolist()!r})"), values)

    @given(st.text(alphabet="0159.,;-/ \t\n[](){}e½=x", max_size=30))
    def test_any_text_gives_a_grid_or_is_refused(self, text: str) -> None:
        with suppress(ParamError):
            assert np.isfinite(parse_grid(text)).all()

    @pytest.mark.parametrize("blank", [" ", "\t", "\n", " \n", "[", "1 /", ", "])
    def test_a_long_run_of_anything_is_answered(self, blank: str) -> None:
        text = "[1" + blank * (150_000 // len(blank)) + "dtype"
        with pytest.raises(ParamError):
            parse_grid(text)


def test_a_copied_kernel_is_plain_decimals_between_tabs() -> None:
    assert format_grid(np.array([[-1 / 3, 2.0], [0.0, 1e-7]])) == "-0.3333333333333333\t2\n0\t1e-7"

"""Kernels in and out of files: exact both ways, read as others write them, one sentence for what is none."""

from __future__ import annotations

import io
import json
import os
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.io.kernel_file import (
    WRITABLE,
    KernelFileError,
    load_bank,
    read_bank,
    save_bank,
    save_kernel,
)
from convstudio.kernels import Bank, Filter, Kernel, preset
from tests.model.random_projects import banks, kernels

SOBEL = preset("sobel-x").make()
GRID = np.array([[0.1, -2, 3e-7], [1 / 3, 0, 1e30]])
BANK = Bank(
    (
        Filter((SOBEL, Kernel(GRID, 'a "quoted", name\n# filter 9')), 0.1, "Ränder, 2"),
        Filter((preset("gaussian").make(size=5, sigma=1.5),)),
        Filter((Kernel.custom([[7]]), Kernel.custom([[1, 2], [3, 4]])), -1 / 3),
    )
)


def refused(data: bytes | str, name: str = "edges.csv") -> str:
    with pytest.raises(KernelFileError) as caught:
        read_bank(data.encode() if isinstance(data, str) else data, name)
    text = str(caught.value)
    assert re.fullmatch(r"edges\.\w+ [^\n]+[^.]\.", text), f"not a sentence about the file: {text!r}"
    return text


def read(text: str, name: str = "edges.csv") -> Bank:
    return read_bank(text.encode(), name)


def weights(bank: Bank) -> list[Any]:
    return [[kernel.values.tolist() for kernel in each.kernels] for each in bank.filters]


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


# --- what goes out comes back ---


@settings(max_examples=50)
@given(bank=banks())
def test_json_holds_everything(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "bank.json"
    assert save_bank(path, bank) == ()
    assert load_bank(path) == bank


@settings(max_examples=50)
@given(bank=banks())
def test_csv_holds_all_but_the_presets(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "bank.csv"
    assert save_bank(path, bank) == ()
    found = load_bank(path)
    assert weights(found) == weights(bank)
    for ours, theirs in zip(found.filters, bank.filters, strict=True):
        assert ours.bias == theirs.bias
        assert ours.name == theirs.name
        if len(bank.filters) > 1:  # a single kernel is written without a word
            assert [k.title for k in ours.kernels] == [k.title for k in theirs.kernels]


@settings(max_examples=30)
@given(data=st.data(), filters=st.integers(1, 4), inputs=st.integers(1, 3))
def test_npy_holds_the_weights(
    data: st.DataObject, filters: int, inputs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bank.npy"
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.standard_normal(
        (filters, inputs, *data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9))))
    )
    bank = Bank.from_weights(values)
    assert save_bank(path, bank) == ()
    stored = np.load(path, allow_pickle=False)
    assert stored.dtype == np.float64
    assert np.array_equal(stored, values[0, 0] if values.shape[:2] == (1, 1) else values)
    assert weights(load_bank(path)) == weights(bank)


@pytest.mark.parametrize("suffix", WRITABLE)
@settings(max_examples=25)
@given(kernel=kernels())
def test_a_single_kernel_comes_back(
    suffix: str, kernel: Kernel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"kernel{suffix}"
    assert save_kernel(path, kernel) == ()
    (only,) = load_bank(path).filters
    assert only.shared
    assert np.array_equal(only.kernels[0].values, kernel.values)
    assert only.kernels[0].title == (kernel.title if suffix == ".json" else "kernel")


def test_a_single_kernel_in_csv_is_rows_of_numbers(tmp_path: Path) -> None:
    save_kernel(tmp_path / "a.csv", Kernel.custom([[1, -0.5], [0.1, 1e-7]]))
    assert (tmp_path / "a.csv").read_text() == "1,-0.5\n0.1,1e-07\n"
    assert np.array_equal(np.loadtxt(tmp_path / "a.csv", delimiter=","), [[1, -0.5], [0.1, 1e-7]])


def test_a_bank_in_csv_says_what_is_what(tmp_path: Path) -> None:
    save_bank(tmp_path / "a.csv", BANK)
    text = (tmp_path / "a.csv").read_text()
    assert text.startswith('# filter 0, input 0, bias 0.1, name "Ränder, 2", kernel "Sobel x"\n-1,0,1\n')
    assert '\n# filter 1, input all, kernel "Gaussian"\n' in text
    found = load_bank(tmp_path / "a.csv")
    assert weights(found) == weights(BANK)
    assert [(f.bias, f.name) for f in found.filters] == [(f.bias, f.name) for f in BANK.filters]
    assert found.filters[0].kernels[1].title == 'a "quoted", name\n# filter 9'


def test_what_an_array_cannot_hold_is_said(tmp_path: Path) -> None:
    notes = save_bank(tmp_path / "a.npy", BANK)
    assert len(notes) == 2
    assert "framed with zeros" in notes[0]
    assert "biases" in notes[1]
    stored = np.load(tmp_path / "a.npy")
    assert stored.shape == (3, 2, 5, 5)
    assert stored[2, 0].tolist() == np.pad([[7]], 2).tolist()
    assert np.array_equal(stored[1, 0], stored[1, 1])


def test_presets_are_known_again_in_json(tmp_path: Path) -> None:
    save_bank(tmp_path / "a.json", BANK)
    assert load_bank(tmp_path / "a.json").filters[1].kernels[0].params == (("size", 5), ("sigma", 1.5))


# --- as others write them ---

TEXTS = {
    "commas": "1,0,-1\n2,0,-2\n",
    "commas and blanks": "1, 0, -1\n2, 0, -2",
    "semicolons": "1;0;-1\r\n2;0;-2\r\n",
    "tabs": "1\t0\t-1\n2\t0\t-2\n",
    "blanks": "  1 0 -1\n  2 0 -2\n",
    "quotes": '"1","0","-1"\n"2","0","-2"\n',
    "a comment above": "# Sobel, the upper rows\n1,0,-1\n2,0,-2\n",
    "empty lines of a spreadsheet": ",,\n1,0,-1\n2,0,-2\n,,\n",
    "a byte order mark": "\ufeff1,0,-1\n2,0,-2\n",
    "MATLAB": "[1 0 -1; 2 0 -2]",
    "NumPy": "array([[ 1.,  0., -1.],\n\n       [ 2.,  0., -2.]])",
    "JSON lists": "[[1, 0, -1], [2, 0, -2.0]]",
    "JSON lists of one filter": "[[[1, 0, -1], [2, 0, -2.0]]]",
    "fractions": "2/2,0,-1\n4/2,0/5,-2",
    "typeset minus": "1,0,−1\n2,0,−2\n",
}


@pytest.mark.parametrize("how", list(TEXTS))
def test_texts_of_other_programs_are_read(how: str) -> None:
    bank = read(TEXTS[how])
    assert weights(bank) == [[[[1, 0, -1], [2, 0, -2]]]]
    assert bank.filters[0].title == "edges"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,5\n1,5", [[0, 5], [1, 5]]),
        ("0,5;1,5\n2,5;1", [[0.5, 1.5], [2.5, 1]]),
        ("0,5\t1,5", [[0.5, 1.5]]),
        ("1/9,1/9,1/9", [[1 / 9] * 3]),
        ("5", [[5]]),
        ("1\n2\n3", [[1], [2], [3]]),
    ],
)
def test_commas_separate_unless_something_else_does(text: str, expected: Any) -> None:
    assert weights(read(text)) == [[expected]]


def test_blocks_are_filters(tmp_path: Path) -> None:
    bank = read("1,2\n3,4\n\n5\n\n\n# some words\n6,7,8\n")
    assert weights(bank) == [[[[1, 2], [3, 4]]], [[[5]]], [[[6, 7, 8]]]]
    assert [each.title for each in bank.filters] == ["edges 1", "edges 2", "edges 3"]


def test_comments_put_blocks_together() -> None:
    bank = read(
        "# Filter 4, bias -1/2\n1\n# filter 4\n2\n"
        "# filter 0, input 0, name plain\n3\n# filter 0, input 1\n4\n"
    )
    assert weights(bank) == [[[[1]], [[2]]], [[[3]], [[4]]]]
    assert [each.bias for each in bank.filters] == [-0.5, 0]
    assert bank.filters[1].name == "plain"


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2", "u1", "?", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_all_types_and_axes_are_read(dtype: str, order: Any) -> None:
    values = np.arange(24).reshape(2, 3, 2, 2).astype(dtype)
    for axes, array in ((4, values), (3, values[0]), (2, values[0, 0])):
        bank = read_bank(npy(np.asarray(array, order=order)), "edges.npy")
        found = [[k.values for k in each.kernels] for each in bank.filters]
        shape = {2: (1, 1), 3: (3, 1), 4: (2, 3)}[axes]
        assert np.array_equal(found, array.astype(float).reshape(*shape, 2, 2))


# --- what is none ---


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "it holds no numbers"),
        ("\n\n# nothing\n", "it holds no numbers"),
        ("a,b\nc,d", "“a” is not a number"),
        ("1,2\n3", "all rows must be of the same length"),
        ("1,2\n\n3,x", "kernel 2: row 1, column 2"),
        (",".join("1" * 64), "at most 63 rows and columns"),
        ("1e31", "too large"),
        ("1,nan", "finite"),
        ("1,1/0", "divides by zero"),
        ("1\n\n" * 513, "at most 512 filters, these are 513"),
        ("# filter 0, input 1\n1\n", "filter 0: the kernel of input 0 is missing"),
        ("# filter 0, input 0\n1\n# filter 0, input 2\n1\n", "the kernel of input 1 is missing"),
        ("# filter 0, bias many\n1\n", "“many” is not a number"),
        ("{}", "no kernels of ConvStudio"),
        ('{"format": "convstudio", "version": 1, "layers": []}', "no kernels of ConvStudio"),
        ('{"format": "convstudio-kernels", "version": 2, "filters": []}', "newer ConvStudio"),
        ('{"format": "convstudio-kernels", "version": 1, "filters": []}', "1 to 512 filters"),
        (
            '{"format": "convstudio-kernels", "version": 1, "filters": [{"kernels": [{"preset": "x"}]}]}',
            "filter 1: kernel 1: there is no preset “x”",
        ),
        ('{"format": "convstudio-kernels", "version": 1,', "damaged in line 1"),
        ("[[1, NaN]]", "finite"),
        ("[]", "this one has 1 axis"),
        ("[1, 2]", "this one has 1 axis"),
        ("[[[[[1]]]]]", "this one has 5 axes"),
        ("[[1], [1, 2]]", "of the same length"),
        ('[["1"]]', "must hold numbers"),
        (b"\xff\xfe1", "not UTF-8"),
        (b"\x89PNG\0\0\0", "holds no kernels"),
        (npy(np.zeros(3)), "this one has 1 axis"),
        (npy(np.zeros((2, 2, 2, 2, 2))), "this one has 5 axes"),
        (npy(np.zeros((64, 2))), "these are 64×2"),
        (npy(np.zeros((513, 1, 1))), "this one has 513 of 1"),
        (npy(np.zeros((1, 513, 1, 1))), "this one has 1 of 513"),
        (npy(np.zeros((0, 2))), "damaged"),
        (npy(np.full((2, 2), np.nan)), "not a finite number"),
        (npy(np.array([[1j]])), "holds values of the type"),
        (npy(np.zeros((3, 3)))[:-1], "damaged"),
        (npy(np.zeros((3, 3))).replace(b"(3, 3)", b"(3,99999999999)"), "damaged"),
    ],
)
def test_what_holds_no_kernels_is_told(data: Any, words: str) -> None:
    assert words in refused(data)


def test_pickled_objects_are_never_loaded() -> None:
    file = io.BytesIO()
    np.save(file, np.array([[{}]], dtype=object), allow_pickle=True)
    assert "holds values of the type" in refused(file.getvalue())


def test_mutated_files_are_one_sentence_or_kernels(tmp_path: Path) -> None:
    rng = random.Random(5)
    failures = []
    for suffix in WRITABLE:
        save_bank(tmp_path / f"a{suffix}", BANK)
        data = (tmp_path / f"a{suffix}").read_bytes()
        for _ in range(700):
            changed = bytearray(data)
            for _ in range(rng.choice((1, 2, 6))):
                at = rng.randrange(len(changed))
                changed[at : at + rng.randrange(3)] = rng.choice(
                    (b"", b"#", b",", b"\n", b"9e9", b'"', b"\xff")
                )
            try:
                read_bank(bytes(changed), "edges.csv")
            except KernelFileError as error:
                failures.append(str(error))
    assert 400 < len(failures) < 2000
    assert not [each for each in failures if "\n" in each]


# --- files ---


def test_places_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.csv", "there is no such file"),
        (tmp_path / "pipe", "a device or a pipe"),
    ):
        with pytest.raises(KernelFileError, match=words):
            load_bank(path)
    with pytest.raises(KernelFileError, match="not a possible name"):
        load_bank("a\0b")
    (tmp_path / "huge.csv").touch()
    os.truncate(tmp_path / "huge.csv", 1 << 30)
    with pytest.raises(KernelFileError, match="too large for kernels"):
        load_bank(tmp_path / "huge.csv")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", r"a.txt was not saved: end the name in .json"),
        ("none/a.csv", "the folder does not exist"),
        ("a\0.csv", "not a possible name"),
    ],
)
def test_what_cannot_be_written_is_told(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(KernelFileError, match=words):
        save_bank(tmp_path / name, BANK)


def test_a_failed_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_bank(tmp_path / "a.json", BANK)
    before = (tmp_path / "a.json").read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KernelFileError, match="the disk is full"):
        save_kernel(tmp_path / "a.json", SOBEL)
    assert (tmp_path / "a.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_bank_that_reads_different_numbers_of_channels_has_no_array(tmp_path: Path) -> None:
    one = Kernel.custom([[1]])
    odd = Bank((Filter((one, one)), Filter((one, one, one))))
    with pytest.raises(KernelFileError, match="read the same channels"):
        save_bank(tmp_path / "a.npy", odd)
    save_bank(tmp_path / "a.json", odd)
    assert load_bank(tmp_path / "a.json") == odd
    assert json.loads((tmp_path / "a.json").read_text())["format"] == "convstudio-kernels"

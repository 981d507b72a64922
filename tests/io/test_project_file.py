"""Project files: exact both ways, nothing lost with a missing picture, one sentence for whatever is wrong."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import random
import re
import shutil
import stat
import struct
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstudio.io.images import load_picture
from convstudio.io.project_file import (
    LoadedProject,
    Origin,
    ProjectError,
    load_project,
    peek_project,
    save_project,
)
from convstudio.io.samples import load_sample
from convstudio.kernels import Bank
from convstudio.layers import Conv
from convstudio.layers.unknown import UnknownLayer
from convstudio.model import LayerItem, PairSetup, Picture, Project, TrainingSetup
from tests.io.making import Array, png
from tests.model.random_projects import projects

LARGE = Bank.from_weights(np.random.default_rng(3).standard_normal((3, 30, 7, 7)))


def picture(values: Array | None = None, name: str = "photo.png", **fields: Any) -> Picture:
    if values is None:
        values = np.arange(60).reshape(3, 4, 5).astype(np.float32) / np.float32(255)
    return Picture(values.astype(np.float32), name, **fields)


def stack(*layers: Any, on: Picture | None = None) -> Project:
    items = tuple(LayerItem(f"{each.kind}-{n}", each) for n, each in enumerate(layers, 1))
    return Project(on or picture(), items)


def save(
    path: Path, project: Project, *, embed: bool = True, origin: Origin | None = None
) -> tuple[str, ...]:
    return save_project(path, project, {"zoom": 2}, embed=embed, origin=origin)


def resave(path: Path, found: LoadedProject) -> tuple[str, ...]:
    return save_project(path, found.project, found.view, embed=found.embedded, origin=found.origin)


def refused(path: Path | str) -> str:
    with pytest.raises(ProjectError) as caught:
        load_project(path)
    text = str(caught.value)
    assert re.fullmatch(r"[^\n]+[^.]\.", text), f"not a sentence: {text!r}"
    return text


def bits(values: Array) -> Array:
    return np.ascontiguousarray(values).view(np.uint32)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A PNG file of 5 × 4 pixels."""
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "photo.png"
    path.write_bytes(png(5, 4, 8, 0, bytes([0, 1, 2, 3, 4, 5] * 4)))
    return path


# --- what goes out comes back ---


def whole(depth: int, channels: int) -> Array:
    rng = np.random.default_rng(depth)
    stored = rng.integers(0, 2**depth, (channels, 6, 7)).astype(np.float32)
    return stored / np.float32(2**depth - 1)


ODD = np.array([[[0.0, -0.0, np.nan], [np.inf, 1e-45, -3e38]]], np.float32)
PICTURES = {
    "8-bit colour": (whole(8, 3), "png"),
    "8-bit grey": (whole(8, 1), "png"),
    "16-bit colour": (whole(16, 3), "png"),
    "16-bit grey": (whole(16, 1), "png"),
    "no numbers": (ODD, "npy"),
    "a minus zero": (np.array([[[0.0, -0.0]]], np.float32), "npy"),
    "beyond white": (whole(8, 3) * 2, "npy"),
    "floats": (np.random.default_rng(0).random((3, 5, 4), np.float32), "npy"),
    "one pixel": (np.ones((1, 1, 1), np.float32), "png"),
    "every 16-bit value": (np.arange(65536, dtype=np.float32).reshape(1, 256, 256) / 65535, "png"),
    "all but one of 8 bits": (np.where(np.arange(400).reshape(1, 100, 4) == 399, 0.3, 1.0), "npy"),
}


@pytest.mark.parametrize("name", list(PICTURES))
def test_an_embedded_picture_comes_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    values, kind = PICTURES[name]
    given = picture(values, "Pasted picture", notes=("Laid over white.",), source_depth="7-bit")
    assert save(tmp_path / "a.convstudio", stack(on=given)) == ()
    assert f"picture.{kind}" in zipfile.ZipFile(tmp_path / "a.convstudio").namelist()
    found = load_project(tmp_path / "a.convstudio")
    got = found.project.picture
    assert np.array_equal(bits(got.values), bits(values.astype(np.float32)))
    assert (got.name, got.notes, got.source_depth) == ("Pasted picture", ("Laid over white.",), "7-bit")
    assert found.embedded
    assert found.notes == ()
    assert found.picture_problem is None


@settings(max_examples=40)
@given(data=st.data())
def test_save_load_save_is_byte_identical(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    values, _ = PICTURES[data.draw(st.sampled_from(list(PICTURES)))]
    on = data.draw(st.sampled_from([picture(values), load_sample("impulse")]))
    project = data.draw(projects(on))
    embed = data.draw(st.booleans())
    save(folder / "a.convstudio", project, embed=embed)
    found = load_project(folder / "a.convstudio")
    resave(folder / "b.convstudio", found)
    assert (folder / "a.convstudio").read_bytes() == (folder / "b.convstudio").read_bytes()
    for ours, theirs in zip(found.project.layers, project.layers, strict=True):
        if not isinstance(theirs.layer, UnknownLayer):
            assert dataclasses.replace(ours) == theirs


def test_without_anything_binary_the_file_is_text(photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(Conv(), on=load_picture(photo)), embed=False)
    document = json.loads((tmp_path / "a.convstudio").read_text())
    assert document["picture"]["path"] == "photos/photo.png"
    assert document == peek_project(tmp_path / "a.convstudio")
    assert (tmp_path / "a.convstudio").read_text().endswith("}\n")


def test_other_programs_can_look_inside(tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(Conv(bank=LARGE)))
    with zipfile.ZipFile(tmp_path / "a.convstudio") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["project.json", "picture.png", "arrays/conv-1-bank.npy"]
        weights = np.load(io.BytesIO(archive.read("arrays/conv-1-bank.npy")), allow_pickle=False)
        assert np.array_equal(weights, LARGE.weights(30).ravel())
        assert peek_project(tmp_path / "a.convstudio") == json.loads(archive.read("project.json"))


def test_an_archive_that_another_program_packed_again_opens(tmp_path: Path) -> None:
    project = stack(Conv(bank=LARGE), on=picture(np.zeros((1, 300, 300))))
    save(tmp_path / "a.convstudio", project)
    with (
        zipfile.ZipFile(tmp_path / "a.convstudio") as before,
        zipfile.ZipFile(tmp_path / "b.convstudio", "w", zipfile.ZIP_DEFLATED) as after,
    ):
        after.mkdir("arrays")
        for name in reversed(before.namelist()):
            after.writestr(name, before.read(name))
    assert load_project(tmp_path / "b.convstudio").project.layers == project.layers


def test_the_layers_alone_need_no_picture(tmp_path: Path) -> None:
    lost = picture(path=tmp_path / "gone.png")
    save(tmp_path / "a.convstudio", stack(Conv(bank=LARGE), on=lost))
    found = load_project(tmp_path / "a.convstudio", with_picture=False)
    assert found.project.layers == stack(Conv(bank=LARGE)).layers
    assert found.project.picture.shape == (1, 1, 1)


# --- pictures by reference ---


def test_a_referred_picture_is_found_again(photo: Path, tmp_path: Path) -> None:
    given = load_picture(photo)
    save(tmp_path / "a.convstudio", stack(on=given), embed=False)
    found = load_project(tmp_path / "a.convstudio")
    assert np.array_equal(found.project.picture.values, given.values)
    assert found.project.picture.path == photo
    assert not found.embedded
    assert (found.picture_problem, found.notes) == (None, ())


def test_a_project_moves_together_with_its_picture(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    shutil.move(photo.parent, tmp_path / "old" / "photos")
    there = load_picture(tmp_path / "old" / "photos" / "photo.png")
    save(tmp_path / "old" / "a.convstudio", stack(on=there), embed=False)
    (tmp_path / "old").rename(tmp_path / "new")
    found = load_project(tmp_path / "new" / "a.convstudio")
    assert found.project.picture.path == tmp_path / "new" / "photos" / "photo.png"


def test_a_project_that_moves_alone_finds_its_picture_where_it_was(photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(on=load_picture(photo)), embed=False)
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "a.convstudio").rename(tmp_path / "far" / "away" / "a.convstudio")
    found = load_project(tmp_path / "far" / "away" / "a.convstudio")
    assert found.project.picture.path == photo
    # A namesake beside the moved project is not taken for it.
    (tmp_path / "far" / "away" / "photos").mkdir()
    (tmp_path / "far" / "away" / "photos" / "photo.png").write_bytes(png(5, 4, 8, 0, bytes(24)))
    found = load_project(tmp_path / "far" / "away" / "a.convstudio")
    assert found.project.picture.path == photo
    assert found.notes == ()


def test_a_picture_that_has_changed_is_told(photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(on=load_picture(photo)), embed=False)
    photo.write_bytes(png(5, 4, 8, 0, bytes([0, 9, 9, 9, 9, 9] * 4)))
    found = load_project(tmp_path / "a.convstudio")
    assert found.notes == ("photo.png has changed since the project was saved.",)
    assert found.picture_problem is None
    resave(tmp_path / "a.convstudio", found)
    assert load_project(tmp_path / "a.convstudio").notes == ()


@pytest.fixture
def lost(photo: Path, tmp_path: Path) -> LoadedProject:
    """A project whose picture is gone."""
    project = stack(Conv(stride=(2, 3)), on=load_picture(photo))
    save(tmp_path / "a.convstudio", project, embed=False)
    photo.rename(tmp_path / "elsewhere.png")
    return load_project(tmp_path / "a.convstudio")


def test_without_its_picture_a_project_opens_on_grey(lost: LoadedProject, photo: Path) -> None:
    assert lost.picture_problem == f"photo.png is not where it was ({photo})."
    assert lost.project.layers[0].layer == Conv(stride=(2, 3))
    assert lost.project.picture.shape == (1, 4, 5)
    assert (lost.project.picture.values == 0.5).all()
    assert lost.project.picture.name == "photo.png"


def test_saving_it_again_keeps_the_reference(lost: LoadedProject, photo: Path, tmp_path: Path) -> None:
    before = (tmp_path / "a.convstudio").read_bytes()
    for embed in (False, True):
        assert (
            save_project(tmp_path / "a.convstudio", lost.project, lost.view, embed=embed, origin=lost.origin)
            == ()
        )
        assert (tmp_path / "a.convstudio").read_bytes() == before
    (tmp_path / "far" / "away").mkdir(parents=True)
    edited = lost.project.with_param("conv-1", "stride", 5)
    save_project(tmp_path / "far" / "away" / "b.convstudio", edited, {}, embed=False, origin=lost.origin)
    (tmp_path / "elsewhere.png").rename(photo)
    found = load_project(tmp_path / "far" / "away" / "b.convstudio")
    assert found.picture_problem is None
    assert found.project.picture.path == photo
    assert peek_project(tmp_path / "far" / "away" / "b.convstudio")["picture"]["path"] == (
        "../../photos/photo.png"
    )


def test_another_picture_takes_the_place_of_the_lost_one(lost: LoadedProject, tmp_path: Path) -> None:
    chosen = lost.project.with_picture(load_picture(tmp_path / "elsewhere.png"))
    save_project(tmp_path / "a.convstudio", chosen, {}, embed=False, origin=lost.origin)
    found = load_project(tmp_path / "a.convstudio")
    assert found.picture_problem is None
    assert found.project.picture.path == tmp_path / "elsewhere.png"


def test_a_picture_that_cannot_be_read_any_more_is_a_lost_one(photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(on=load_picture(photo)), embed=False)
    photo.write_bytes(b"no picture")
    problem = load_project(tmp_path / "a.convstudio").picture_problem
    assert problem is not None
    assert problem.startswith("photo.png is not a picture that can be opened")


def test_a_picture_deleted_while_the_project_is_open_is_put_into_it(photo: Path, tmp_path: Path) -> None:
    project = stack(on=load_picture(photo))
    photo.unlink()
    (note,) = save(tmp_path / "a.convstudio", project, embed=False)
    assert note == "photo.png is no longer where it was, so it was put into the project."
    found = load_project(tmp_path / "a.convstudio")
    assert np.array_equal(found.project.picture.values, project.picture.values)


def test_bundled_pictures_are_named_and_not_located(tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(on=load_sample("impulse")), embed=False)
    entry = peek_project(tmp_path / "a.convstudio")["picture"]
    assert entry["sample"] == "impulse"
    assert not set(entry) & {"path", "absolute"}
    found = load_project(tmp_path / "a.convstudio")
    assert np.array_equal(found.project.picture.values, load_sample("impulse").values)
    text = (tmp_path / "a.convstudio").read_text().replace('"impulse"', '"of-tomorrow"')
    (tmp_path / "a.convstudio").write_text(text)
    assert "not part of this ConvStudio" in str(load_project(tmp_path / "a.convstudio").picture_problem)


def test_the_stand_in_of_a_large_picture_is_small(lost: LoadedProject, tmp_path: Path) -> None:
    path = tmp_path / "a.convstudio"
    path.write_text(
        json.dumps(
            peek_project(path) | {"picture": {**peek_project(path)["picture"], "shape": [3, 8000, 4000]}}
        )
    )
    channels, height, width = load_project(path).project.picture.shape
    assert channels == 3
    assert height * width <= 1 << 22
    assert height == pytest.approx(2 * width, abs=2)


# --- nothing unknown is lost ---


def newer(path: Path) -> None:
    """A file of a newer program: a layer of an unknown kind with its weights, and a part of its own."""
    save(path, stack(Conv(bank=LARGE), Conv(bank=LARGE)))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["project.json"] = parts["project.json"].replace(b'"kind": "conv"', b'"kind": "spline"', 1)
    parts["sound/click.ogg"] = b"tick"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def members(path: Path) -> dict[str, bytes]:
    return unpacked(path.read_bytes())


def test_an_unknown_layer_keeps_its_weights(tmp_path: Path) -> None:
    newer(tmp_path / "a.convstudio")
    found = load_project(tmp_path / "a.convstudio")
    resave(tmp_path / "b.convstudio", found)
    assert members(tmp_path / "b.convstudio") == members(tmp_path / "a.convstudio")
    resave(tmp_path / "c.convstudio", load_project(tmp_path / "b.convstudio"))
    assert (tmp_path / "c.convstudio").read_bytes() == (tmp_path / "b.convstudio").read_bytes()


def test_a_new_layer_does_not_overwrite_the_weights_of_an_unknown_one(tmp_path: Path) -> None:
    newer(tmp_path / "a.convstudio")
    found = load_project(tmp_path / "a.convstudio")
    other = Bank.from_weights(np.ones((3, 30, 7, 7)) * np.arange(30).reshape(1, 30, 1, 1))
    unknown, known = found.project.layers
    twin = dataclasses.replace(known, id="conv-1", layer=Conv(bank=other))
    project = dataclasses.replace(found.project, layers=(dataclasses.replace(unknown, id="u"), known, twin))
    save_project(tmp_path / "b.convstudio", project, {}, embed=True, origin=found.origin)
    old, new = members(tmp_path / "a.convstudio"), members(tmp_path / "b.convstudio")
    assert new["arrays/conv-1-bank.npy"] == old["arrays/conv-1-bank.npy"]
    assert load_project(tmp_path / "b.convstudio").project.layers[2].layer == Conv(bank=other)


def test_parts_of_nothing_are_not_carried_along(tmp_path: Path) -> None:
    newer(tmp_path / "a.convstudio")
    found = load_project(tmp_path / "a.convstudio")
    known = found.project.without(found.project.layers[0].id)
    save_project(tmp_path / "b.convstudio", known, {}, embed=True, origin=found.origin)
    assert list(members(tmp_path / "b.convstudio")) == [
        "project.json",
        "picture.png",
        "arrays/conv-2-bank.npy",
    ]


# --- wrong files ---


def outcome(path: Path, data: bytes) -> LoadedProject | str:
    """What opening gives, the error's sentence being a result too; any other exception fails the test."""
    path.write_bytes(data)
    try:
        return load_project(path)
    except ProjectError as error:
        text = str(error)
        assert "\n" not in text
        return text


def mutations(data: bytes, count: int, seed: int) -> list[bytes]:
    """Bytes changed, removed, inserted and moved, few or many at a time."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            at = rng.randrange(len(changed))
            what = rng.randrange(6)
            if what == 0:
                changed[at] = rng.randrange(256)
            elif what == 1:
                changed[at] ^= 1 << rng.randrange(8)
            elif what == 2:
                del changed[at : at + rng.randrange(1, 9)]
            elif what == 3:
                changed[at:at] = rng.choice((b"\0", b"-", b"9", b"[", b'"', b"{", b"\xff", b"e99", b"null"))
            elif what == 4:
                start = rng.randrange(len(changed))
                changed[at:at] = changed[start : start + rng.randrange(1, 40)]
            else:
                changed[at : at + 4] = rng.choice((bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f"))
            if not changed:
                changed = bytearray(b"x")
        found.append(bytes(changed))
    return found


def sound(form: str, photo: Path, folder: Path) -> bytes:
    """A sound project file as text, or as an archive whose content is in small."""
    few = np.arange(4224.0).reshape(1, 66, 8, 8) % 65  # so many weights that they stand apart
    bank = Bank.from_weights(few)
    project = stack(Conv(), *((Conv(bank=bank),) if form == "archive" else ()), on=load_picture(photo))
    save(folder / "a.convstudio", project, embed=form == "archive")
    data = (folder / "a.convstudio").read_bytes()
    return data if form == "text" else packed(unpacked(data))


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return target.getvalue()


@pytest.mark.parametrize(("form", "kinds"), [("text", 100), ("archive", 10)])
def test_mutated_files_are_one_sentence_or_a_project(
    form: str, kinds: int, photo: Path, tmp_path: Path
) -> None:
    data = sound(form, photo, tmp_path)
    results = [outcome(tmp_path / "m.convstudio", each) for each in mutations(data, 2000, 1)]
    errors = [each for each in results if isinstance(each, str)]
    assert len(set(errors)) > kinds
    assert len(errors) < len(results) - 20


@pytest.mark.parametrize("name", ["project.json", "picture.png", "arrays/conv-2-bank.npy"])
def test_mutated_parts_of_sound_archives_are_one_sentence_or_a_project(
    name: str, photo: Path, tmp_path: Path
) -> None:
    parts = unpacked(sound("archive", photo, tmp_path))
    start = parts[name][:400]  # the header of what has one
    results = [
        outcome(tmp_path / "m.convstudio", packed({**parts, name: each + parts[name][400:]}))
        for each in mutations(start, 250, 2)
    ]
    errors = {each for each in results if isinstance(each, str)}
    assert len(errors) > 3


@pytest.mark.parametrize("embed", [False, True])
def test_truncated_files_never_open(embed: bool, photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(Conv(), on=load_picture(photo)), embed=embed)
    data = (tmp_path / "a.convstudio").read_bytes()
    end = len(data.rstrip())  # without the last line end a text is whole
    lengths = [*range(0, end, max(1, end // 400)), end - 1]
    for length in lengths:
        assert isinstance(outcome(tmp_path / "cut.convstudio", data[:length]), str), length


def test_a_damaged_part_is_found_by_its_checksum(tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(Conv(bank=LARGE)))
    data = bytearray((tmp_path / "a.convstudio").read_bytes())
    data[-2000] ^= 1  # among the weights: any number would be as good
    said = outcome(tmp_path / "b.convstudio", bytes(data))
    assert said == (
        "b.convstudio cannot be opened: layer 1 (Convolution): "
        "it is damaged: one of its parts cannot be unpacked."
    )


TEXT = json.dumps(
    {
        "format": "convstudio",
        "version": 1,
        "picture": {"name": "p", "shape": [1, 4, 5], "source_depth": "8-bit", "part": "picture.png"},
        "layers": [],
    }
)
GREY = png(5, 4, 8, 0, bytes(24))


def archive(change: Callable[[zipfile.ZipFile], None] | None = None, **fields: Any) -> bytes:
    """A sound small project as a zip file, with something more in it."""
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as made:
        warnings.simplefilter("ignore")
        made.writestr("project.json", fields.get("text", TEXT))
        if fields.get("grey", GREY) is not None:
            made.writestr("picture.png", fields.get("grey", GREY))
        if change is not None:
            change(made)
    return target.getvalue()


def named(name: str) -> bytes:
    return archive(lambda made: made.writestr(zipfile.ZipInfo(name), b"x"))


def test_a_small_archive_made_by_hand_opens(tmp_path: Path) -> None:
    found = outcome(tmp_path / "a.convstudio", archive())
    assert isinstance(found, LoadedProject)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up.png",
        "a/../../up.png",
        "..",
        ".hidden",
        "C:/x",
        "a\\b",
        "a//b",
        "a b",
        "é",
        "x" * 201,
        "con\n",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    said = outcome(tmp_path / "a.convstudio", named(name))
    assert isinstance(said, str)
    assert "which no project has" in said


def link(made: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("picture2.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    made.writestr(info, "/etc/passwd")


def patched(data: bytes, at: int, value: int) -> bytes:
    """The archive with another 16-bit number in the directory's entry of the last member."""
    place = data.rindex(b"PK\1\2") + at
    return data[:place] + struct.pack("<H", value) + data[place + 2 :]


def many() -> bytes:
    return archive(lambda made: [made.writestr(f"part-{n}", b"") for n in range(600)])


WRONG_ARCHIVES = [
    (lambda: archive(link), "its part picture2.png is a link"),
    (lambda: archive(lambda made: made.writestr("picture.png", GREY)), "two of its parts have the same name"),
    (lambda: patched(archive(), 8, 1), "its part picture.png is encrypted"),
    (lambda: patched(archive(), 10, 12), "its part picture.png is packed in a way that is not read"),
    (many, "the list of its parts is damaged"),
    (
        lambda: archive(text='{"format": "convstudio", "version": 2}'),
        "a newer ConvStudio saved it (version 2",
    ),
    (lambda: archive(text="[]"), "it is not a ConvStudio project"),
    (lambda: archive(text=b"\xff\xfe{}"), "its text is damaged: it is not UTF-8"),
    (lambda: archive(grey=None), "its part picture.png is missing"),
    (lambda: archive(grey=b"<svg/>"), "the picture in it is neither PNG nor .npy"),
    (lambda: archive(grey=png(4, 5, 8, 0, bytes(25))), "the picture in it is not of the size"),
    (lambda: archive(grey=GREY[:40]), "the picture in it is a damaged PNG"),
    (lambda: archive() + b"more", "it is cut short, or something was added to its end"),
    (lambda: archive(lambda made: setattr(made, "comment", b"hello")), "something was added to its end"),
    (lambda: b"PK\5\6" + bytes(18), "the list of its parts is damaged"),
    (lambda: archive().replace(b"project.json", b"projekt.json"), "its part project.json is missing"),
    (lambda: patched(archive(), 24, 60_000), "its part picture.png is damaged"),
    (lambda: archive().replace(GREY, GREY[::-1]), "it is damaged: one of its parts cannot be unpacked"),
]


@pytest.mark.parametrize(("make", "words"), WRONG_ARCHIVES, ids=[words[:40] for _, words in WRONG_ARCHIVES])
def test_archives_that_are_no_project_are_refused(make: Any, words: str, tmp_path: Path) -> None:
    said = outcome(tmp_path / "a.convstudio", make())
    assert isinstance(said, str)
    assert words in said


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    data = packed({"project.json": TEXT.encode(), "picture.png": bytes(200 << 20)})
    assert len(data) < 1 << 20
    start = time.perf_counter()
    said = outcome(tmp_path / "a.convstudio", data)
    assert said == "a.convstudio cannot be opened: its parts claim to be larger than they can be."
    assert time.perf_counter() - start < 1


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """The bomb that needs no compression ratio: many entries over the same data."""
    noise = np.random.default_rng(0).bytes(1 << 20)
    data = archive(lambda made: made.writestr("noise", noise))
    start = data.rindex(b"PK\1\2")
    entry, end = data[start:-22], data[-22:]
    copies = b"".join(entry.replace(b"noise", b"nois%c" % (97 + n)) for n in range(20))
    old = data.index(b"PK\1\2")
    directory = data[old:start] + copies
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 22, 22, len(directory), old, 0)
    said = outcome(tmp_path / "a.convstudio", data[:old] + directory + end)
    assert isinstance(said, str)


def test_an_array_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", stack(Conv(bank=LARGE)))
    parts = members(tmp_path / "a.convstudio")
    sound = parts["arrays/conv-1-bank.npy"]
    for lie, words in (
        (sound.replace(b"(4410,)", b"(99999999999999,)"), "is damaged"),
        (sound.replace(b"(4410,)", b"(0, 10)"), "is damaged"),
        (sound.replace(b"<f8", b"|O8"), "holds values of the type"),
        (sound[:50], "no array of plain numbers"),
        (b"text", "holds no numbers"),
    ):
        with zipfile.ZipFile(tmp_path / "b.convstudio", "w") as made:
            for name, data in parts.items():
                made.writestr(name, lie if name.startswith("arrays") else data)
        assert words in refused(tmp_path / "b.convstudio")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "the picture's name must be text"),
        ({"name": "p"}, "the picture's shape must be"),
        ({"name": "p", "shape": [2, 4, 5]}, "the picture's shape must be 1 or 3 channels"),
        ({"name": "p", "shape": [1, 0, 5]}, "the picture's shape must be"),
        ({"name": "p", "shape": [1, 10**6, 10**6]}, "larger than 67 million pixels"),
        ({"name": "p", "shape": [1, 4, 5]}, "the picture's path must be text"),
        ({"name": "p", "shape": [1, 4, 5], "part": "project.json"}, "its part project.json is missing"),
        (
            {"name": "p", "shape": [1, 4, 5], "path": "x", "absolute": 5},
            "the picture's absolute must be text",
        ),
    ],
)
def test_entries_that_describe_no_picture_are_refused(entry: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.convstudio"
    path.write_text(json.dumps(json.loads(TEXT) | {"picture": entry}))
    assert words in refused(path)


@pytest.mark.parametrize("place", ["no\0name", "x" * 5000, "", "/dev/zero", "\udc80"])
def test_places_where_no_picture_can_be_are_a_missing_picture(place: str, tmp_path: Path) -> None:
    entry = {"name": "p", "shape": [1, 4, 5], "path": place, "absolute": place}
    path = tmp_path / "a.convstudio"
    path.write_text(json.dumps(json.loads(TEXT) | {"picture": entry}))
    problem = load_project(path).picture_problem
    assert problem
    problem.encode()


def test_other_files_are_told_by_what_they_are(tmp_path: Path, photo: Path) -> None:
    assert refused(photo) == (
        "photo.png cannot be opened: it is a picture (PNG) and not a project; open it as a picture."
    )
    assert "it is a folder" in refused(tmp_path)
    assert "there is no such file" in refused(tmp_path / "none.convstudio")
    assert "not a possible name" in refused("a\0b")
    os.mkfifo(tmp_path / "pipe")
    assert "a device or a pipe" in refused(tmp_path / "pipe")
    for data, words in (
        (b"", "empty (0 bytes)"),
        (b"hello", "not a ConvStudio project"),
        (b"\0" * 5000, "not a ConvStudio project"),
        (b"{" + b" " * 5000, "its text is damaged in line 1"),
    ):
        said = outcome(tmp_path / "x.convstudio", data)
        assert isinstance(said, str)
        assert words in said


def test_files_of_absurd_size_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.convstudio"
    path.write_bytes(b"{")
    os.truncate(path, 100 << 20)
    assert "its text is longer than 64 MB" in refused(path)
    os.truncate(path, 5 << 30)
    assert "GB large" in refused(path)


def test_text_with_a_byte_order_mark_and_other_line_ends_opens(photo: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.convstudio"
    save(path, stack(Conv(), on=load_picture(photo)), embed=False)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_project(path).project.layers == stack(Conv()).layers


# --- saving that fails ---


def test_a_failed_save_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.convstudio"
    save(path, stack(Conv()))
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProjectError, match=r"a.convstudio was not saved: the disk is full"):
        save(path, stack())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.convstudio"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("no/such/a.convstudio", "folder does not exist"),
        ("", "a folder of that name"),
        ("a\0b", "not a possible"),
    ],
)
def test_places_that_cannot_be_written_are_told(place: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=words):
        save(tmp_path / place, stack())


# --- the pictures of a training ---


def paired(before: Path | str, after: Path | str) -> Project:
    pair = PairSetup(source="files", before=str(before), after=str(after))
    return dataclasses.replace(stack(Conv()), training=TrainingSetup(pair))


def test_pair_files_are_named_from_the_projects_folder_if_they_lie_in_it(tmp_path: Path) -> None:
    lesson, elsewhere = tmp_path / "lesson", tmp_path / "lesson-2"
    project = paired(lesson / "photos" / "a.png", elsewhere / "b.png")
    lesson.mkdir()
    save(lesson / "a.convstudio", project)
    pair = peek_project(lesson / "a.convstudio")["training"]["pair"]
    assert (pair["before"], pair["after"]) == ("photos/a.png", (elsewhere / "b.png").as_posix())
    assert load_project(lesson / "a.convstudio").project.training == project.training


def test_a_folder_that_moves_takes_its_pair_along(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    save(tmp_path / "here" / "a.convstudio", paired(tmp_path / "here" / "a.png", ""))
    shutil.move(tmp_path / "here", tmp_path / "there")
    found = load_project(tmp_path / "there" / "a.convstudio").project.training.pair
    assert (found.before, found.after) == (str(tmp_path / "there" / "a.png"), "")
    resave(tmp_path / "b.convstudio", load_project(tmp_path / "there" / "a.convstudio"))
    assert peek_project(tmp_path / "b.convstudio")["training"]["pair"]["before"] == "there/a.png"


@pytest.mark.parametrize("odd", ["a\0b.png", "..", ".", "../x/y.png", "a//b.png", "\udc80.png", "..a.png"])
def test_odd_paths_of_a_pair_go_out_as_they_came(odd: str, tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", paired(odd, "/" + odd))
    found = load_project(tmp_path / "a.convstudio")
    resave(tmp_path / "b.convstudio", found)
    assert (tmp_path / "a.convstudio").read_bytes() == (tmp_path / "b.convstudio").read_bytes()
    assert os.path.isabs(found.project.training.pair.before)
    assert load_project(tmp_path / "b.convstudio").project.training == found.project.training


def test_a_wrong_training_is_one_sentence(tmp_path: Path) -> None:
    save(tmp_path / "a.convstudio", paired("a.png", "b.png"), embed=True)
    document = peek_project(tmp_path / "a.convstudio")
    document["training"]["method"]["rate"] = -1
    document["picture"] = {"name": "none", "source_depth": "", "shape": [1, 2, 2], "path": "none.png"}
    (tmp_path / "b.convstudio").write_text(json.dumps(document))
    assert "the training: Rate must be a number from 1e-09 to 1000, got -1." in refused(
        tmp_path / "b.convstudio"
    )

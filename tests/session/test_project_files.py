"""Project files in the session: what is unsaved, what is written when, what is offered after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from convstudio.io.images import load_picture
from convstudio.io.project_file import LoadedProject, load_project, save_project
from convstudio.layers import Conv, MaxPool
from convstudio.model import Found, Learned, Look, Picture, Project
from convstudio.session import project_files, recovery
from convstudio.session.project_files import AUTOSAVE_SECONDS, ProjectFiles
from convstudio.session.recovery import RecoveryStore, Whereabouts
from tests.session.session_hands import picture


class Desk:
    """What a window would be: it holds a project and hears what its files say."""

    def __init__(self, folder: Path, seconds: float = 1000.0) -> None:
        self.project = Project.first(picture())
        self.view: dict[str, Any] = {"zoom": 2}
        self.files = ProjectFiles(lambda: (self.project, self.view), folder=folder, autosave_seconds=seconds)
        self.saved: list[Path] = []
        self.opened: list[tuple[LoadedProject, Path | None]] = []
        self.failed: list[str] = []
        self.noted: list[str] = []
        self.dirty: list[bool] = []
        self.busy: list[tuple[bool, str]] = []
        for name in ("saved", "failed", "noted"):
            getattr(self.files, name).connect(getattr(self, name).append)
        self.files.dirty_changed.connect(self.dirty.append)
        self.files.busy_changed.connect(lambda busy, name: self.busy.append((busy, name)))
        self.files.opened.connect(self._open)

    def _open(self, loaded: LoadedProject, path: Path | None) -> None:
        self.opened.append((loaded, path))
        self.show(loaded.project)

    def show(self, project: Project) -> None:
        """Make a project the present one, as the session does at every edit."""
        self.project = project
        self.files.note_change()

    def edit(self, stride: int = 2) -> None:
        self.show(self.project.with_param("conv-1", "stride", stride))

    def wait(self, qtbot: QtBot) -> None:
        qtbot.waitUntil(lambda: not self.files.busy)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "recovery"


@pytest.fixture
def make(folder: Path, qtbot: QtBot) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def desk(seconds: float = 1000.0) -> Desk:
        made.append(Desk(folder, seconds))
        return made[-1]

    yield desk
    for each in made:
        each.files.close()


@pytest.fixture
def desk(make: Callable[..., Desk]) -> Desk:
    return make()


def copies(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.convstudio")) if folder.exists() else []


# --- unsaved or not ---


def test_content_is_unsaved_and_looking_is_not(desk: Desk) -> None:
    assert not desk.files.dirty
    desk.show(desk.project.with_look(view="minmax", channel=0))
    desk.show(desk.project.with_selected("photo"))
    desk.show(replace(desk.project, compared=None))
    assert desk.dirty == []
    first = desk.project
    for changed in (
        first.with_param("conv-1", "stride", 2),
        first.with_picture(picture()),
        first.with_layers([MaxPool()], "conv-1"),
        first.without("conv-1"),
        first.with_item("conv-1", name="Edges"),
        first.with_item("conv-1", enabled=False),
        replace(first, training=first.training.with_value("method", "steps", 5)),
        replace(first, learned=Learned("k", (), Found((first.layers[0].layer,), 0.5))),
    ):
        desk.show(changed)
        assert desk.files.dirty
        desk.show(first)
        assert not desk.files.dirty
    assert desk.dirty == [True, False] * 8


def test_equal_content_is_the_same_content(desk: Desk) -> None:
    desk.edit(2)
    desk.edit(1)  # as by hand, not by undo
    assert desk.dirty == [True, False]


def test_where_the_picture_goes_is_content(desk: Desk) -> None:
    desk.files.embed = False
    assert desk.files.dirty
    desk.files.embed = True
    assert not desk.files.dirty


def test_saving_makes_it_saved(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    desk.edit()
    desk.files.save(tmp_path / "a.convstudio")
    desk.wait(qtbot)
    assert desk.saved == [tmp_path / "a.convstudio"]
    assert desk.files.path == tmp_path / "a.convstudio"
    assert desk.dirty == [True, False]
    assert desk.busy == [(True, "a.convstudio"), (False, "")]
    found = load_project(tmp_path / "a.convstudio")
    assert found.project.layers == desk.project.layers
    assert found.view == {"zoom": 2}
    desk.edit(3)
    desk.files.save()
    desk.wait(qtbot)
    assert load_project(tmp_path / "a.convstudio").project.layer("conv-1") == Conv(stride=(3, 3))


def test_what_is_edited_while_it_is_saved_stays_unsaved(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    desk.edit(2)
    desk.files.save(tmp_path / "a.convstudio")
    desk.edit(3)
    desk.wait(qtbot)
    assert desk.files.dirty
    assert load_project(tmp_path / "a.convstudio").project.layer("conv-1") == Conv(stride=(2, 2))


def test_a_new_project_needs_a_place(desk: Desk) -> None:
    with pytest.raises(ValueError, match="path"):
        desk.files.save()


def test_a_new_project_forgets_the_file_of_the_old(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    desk.files.save(tmp_path / "a.convstudio")
    desk.wait(qtbot)
    desk.project = Project.first(picture())
    desk.files.start(desk.project)
    desk.files.note_change()
    assert desk.files.path is None
    assert not desk.files.dirty


def test_a_save_that_ends_after_a_new_project_was_begun_does_not_touch_it(
    desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    desk.files.save(tmp_path / "a.convstudio")
    desk.project = Project.first(picture())
    desk.files.start(desk.project)
    desk.wait(qtbot)
    assert desk.saved == [tmp_path / "a.convstudio"]
    assert desk.files.path is None
    assert not desk.files.dirty


def test_a_failed_save_says_why_and_leaves_it_unsaved(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    desk.edit()
    desk.files.save(tmp_path / "none" / "a.convstudio")
    desk.wait(qtbot)
    assert desk.failed == ["a.convstudio was not saved: the folder does not exist. Choose another folder."]
    assert desk.files.dirty
    assert desk.files.path is None
    assert not desk.files.finish()


def test_a_save_that_embeds_after_all_says_so(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    desk.files.embed = False
    desk.files.save(tmp_path / "a.convstudio")
    desk.wait(qtbot)
    assert len(desk.noted) == 1
    assert "was put into the project" in desk.noted[0]


# --- opening ---


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A saved project with a pooling."""
    path = tmp_path / "stored.convstudio"
    project = Project.first(picture()).with_layers([MaxPool()], "conv-1")
    save_project(path, project, {"zoom": 7}, embed=True)
    return path


def test_an_opened_project_is_saved_and_where_it_was(desk: Desk, qtbot: QtBot, stored: Path) -> None:
    desk.edit()
    desk.files.open(stored)
    desk.wait(qtbot)
    ((loaded, path),) = desk.opened
    assert path == stored
    assert loaded.view == {"zoom": 7}
    assert desk.project.layers[1].layer == MaxPool()
    assert desk.files.path == stored
    assert not desk.files.dirty
    assert desk.busy == [(True, "stored.convstudio"), (False, "")]


def test_what_cannot_be_opened_changes_nothing(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    desk.edit()
    (tmp_path / "bad.convstudio").write_bytes(b"PK\3\4 nothing")
    desk.files.open(tmp_path / "bad.convstudio")
    desk.wait(qtbot)
    assert len(desk.failed) == 1
    assert desk.failed[0].startswith("bad.convstudio cannot be opened: ")
    assert desk.opened == []
    assert desk.files.path is None
    assert desk.files.dirty


def test_of_several_files_the_last_is_opened(desk: Desk, qtbot: QtBot, stored: Path, tmp_path: Path) -> None:
    save_project(tmp_path / "b.convstudio", Project.first(picture()), {}, embed=True)
    for path in (stored, stored, tmp_path / "b.convstudio"):
        desk.files.open(path)
    desk.wait(qtbot)
    assert [path for _, path in desk.opened] == [tmp_path / "b.convstudio"]


def test_unknown_things_come_with_notes_and_survive(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    photo = tmp_path / "photo.npy"
    np.save(photo, np.ones((1, 8, 8), np.float32))
    path = tmp_path / "a.convstudio"
    save_project(path, Project.first(load_picture(photo)), {}, embed=False)
    text = path.read_text().replace('"view": "signed"', '"view": "rainbow"', 1)
    path.write_text(text.replace('"kind": "conv"', '"kind": "conv", "tags": ["x"]'))
    desk.files.open(path)
    desk.wait(qtbot)
    assert desk.project.layers[0].look == Look("signed")
    assert any("“rainbow”" in note for note in desk.noted)
    assert any("“tags”" in note for note in desk.noted)
    assert not desk.files.embed
    desk.edit()
    desk.files.save()
    desk.wait(qtbot)
    assert '"tags": ["x"]' in path.read_text()


@pytest.fixture
def lost(tmp_path: Path) -> Path:
    """A project whose picture is gone."""
    photo, path = tmp_path / "photo.npy", tmp_path / "lost.convstudio"
    np.save(photo, np.ones((1, 8, 8), np.float32))
    save_project(path, Project.first(load_picture(photo)), {}, embed=False)
    photo.unlink()
    return path


def test_the_reference_stays_until_another_picture_is_picked(desk: Desk, qtbot: QtBot, lost: Path) -> None:
    before = lost.read_bytes()
    desk.files.open(lost)
    desk.wait(qtbot)
    assert "photo.npy is not where it was" in str(desk.opened[0][0].picture_problem)
    desk.view = {}
    assert not desk.files.dirty
    desk.files.save()
    desk.wait(qtbot)
    assert lost.read_bytes() == before
    desk.show(desk.project.with_picture(picture()))  # now the user picks one
    assert desk.files.dirty
    desk.files.save()
    desk.wait(qtbot)
    assert load_project(lost).picture_problem is None


# --- in order ---


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Saving waits for this event."""
    gate = threading.Event()

    def wait(*arguments: Any, **how: Any) -> Any:
        assert gate.wait(10)
        return save_project(*arguments, **how)

    monkeypatch.setattr(project_files, "save_project", wait)
    return gate


def test_a_file_that_is_to_be_written_is_written_whatever_follows(
    desk: Desk, qtbot: QtBot, slow: threading.Event, stored: Path, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        desk.files.save(tmp_path / f"{name}.convstudio")
    desk.files.open(stored)
    assert desk.files.busy
    slow.set()
    qtbot.waitUntil(lambda: bool(desk.opened))
    assert desk.saved == [tmp_path / f"{name}.convstudio" for name in "abc"]
    assert all(path.exists() for path in desk.saved)
    assert desk.files.path == stored


def test_saving_after_all_calls_off_what_was_to_be_opened(
    desk: Desk, qtbot: QtBot, slow: threading.Event, stored: Path, tmp_path: Path
) -> None:
    desk.files.save(tmp_path / "a.convstudio")
    desk.files.open(stored)
    desk.files.save(tmp_path / "b.convstudio")
    slow.set()
    desk.wait(qtbot)
    assert [path.name for path in desk.saved] == ["a.convstudio", "b.convstudio"]
    assert desk.opened == []
    assert desk.noted == ["stored.convstudio was not opened: the present project is saved first."]


def test_closing_finishes_what_is_being_written(
    make: Callable[..., Desk], slow: threading.Event, tmp_path: Path
) -> None:
    desk = make()
    desk.files.save(tmp_path / "a.convstudio")
    desk.files.save(tmp_path / "b.convstudio")
    threading.Timer(0.1, slow.set).start()
    desk.files.close()
    assert (tmp_path / "b.convstudio").exists()
    assert len(desk.saved) == 2


def test_finish_waits_and_tells_how_it_went(desk: Desk, slow: threading.Event, tmp_path: Path) -> None:
    threading.Timer(0.1, slow.set).start()
    desk.files.save(tmp_path / "a.convstudio")
    assert desk.files.finish()
    assert desk.saved == [tmp_path / "a.convstudio"]


# --- kept safe ---


def test_changes_are_kept_safe_within_a_minute() -> None:
    assert AUTOSAVE_SECONDS < 60


def test_unsaved_work_is_kept_safe_and_forgotten_when_it_is_saved(
    make: Callable[..., Desk], folder: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    desk = make(0.05)
    qtbot.wait(150)
    assert copies(folder) == []  # nothing to lose
    desk.edit()
    qtbot.waitUntil(lambda: len(copies(folder)) == 1)
    (copy,) = copies(folder)
    found = load_project(copy)
    assert found.project.layers == desk.project.layers
    assert np.array_equal(found.project.picture.values, desk.project.picture.values)
    desk.files.save(tmp_path / "a.convstudio")
    desk.wait(qtbot)
    qtbot.waitUntil(lambda: copies(folder) == [])


def test_a_steady_stream_of_changes_does_not_put_it_off(
    make: Callable[..., Desk], folder: Path, qtbot: QtBot
) -> None:
    desk = make(0.2)
    start = time.monotonic()
    while not copies(folder):
        desk.edit(2 + int(time.monotonic() * 100) % 7)
        qtbot.wait(10)
        assert time.monotonic() - start < 5


def test_it_is_written_again_only_after_another_change(
    make: Callable[..., Desk], folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Project] = []
    original = RecoveryStore.write

    def write(self: RecoveryStore, project: Project, *rest: Any) -> None:
        written.append(project)
        original(self, project, *rest)

    monkeypatch.setattr(RecoveryStore, "write", write)
    desk = make(0.03)
    desk.edit(2)
    qtbot.waitUntil(lambda: len(written) == 1)
    qtbot.wait(150)
    desk.show(desk.project.with_look(view="minmax"))
    qtbot.wait(150)
    assert len(written) == 1
    desk.edit(3)
    qtbot.waitUntil(lambda: len(written) == 2)


def test_undoing_all_changes_forgets_the_copy(make: Callable[..., Desk], folder: Path, qtbot: QtBot) -> None:
    desk = make(0.03)
    desk.edit(2)
    qtbot.waitUntil(lambda: len(copies(folder)) == 1)
    desk.edit(1)
    qtbot.waitUntil(lambda: copies(folder) == [])


def test_a_clean_close_leaves_nothing(make: Callable[..., Desk], folder: Path, qtbot: QtBot) -> None:
    desk = make(0.03)
    desk.edit()
    qtbot.waitUntil(lambda: len(copies(folder)) == 1)
    desk.files.close()
    assert list(folder.iterdir()) == []


def test_where_nothing_can_be_kept_safe_it_is_said_once(
    make: Callable[..., Desk], folder: Path, qtbot: QtBot
) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    desk = make(0.03)
    desk.edit()
    qtbot.waitUntil(lambda: bool(desk.failed))
    qtbot.wait(200)
    assert len(desk.failed) == 1
    assert desk.failed[0].startswith("The work cannot be kept safe meanwhile: ")
    folder.unlink()
    qtbot.waitUntil(lambda: len(copies(folder)) == 1)  # it tried again


# --- after a crash ---

CRASH = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from convstudio.model import Picture, Project
from convstudio.session.recovery import RecoveryStore, Whereabouts
store = RecoveryStore(Path(sys.argv[1]))
picture = Picture(np.arange(12, dtype=np.float32).reshape(1, 3, 4), "drawn")
project = Project.first(picture).with_param("conv-1", "stride", 5)
store.write(project, {"zoom": 3}, Whereabouts(Path(sys.argv[2]) if sys.argv[2] else None, False), None)
print("written", flush=True)
if sys.argv[3] == "live":
    time.sleep(60)
os.kill(os.getpid(), signal.SIGKILL)
"""


def program(folder: Path, path: str = "", what: str = "crash") -> subprocess.Popen[str]:
    """Another program that keeps work safe, and then crashes or lives on."""
    made = subprocess.Popen(
        [sys.executable, "-c", CRASH, str(folder), path, what],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "written\n"
    if what == "crash":
        made.wait(10)
    return made


@pytest.fixture
def crashed(folder: Path, tmp_path: Path) -> Path:
    """A crash left work that had been saved as this before."""
    with program(folder, str(tmp_path / "lesson.convstudio")):
        return tmp_path / "lesson.convstudio"


def test_work_that_a_crash_left_is_offered_and_opened(
    crashed: Path, make: Callable[..., Desk], folder: Path, qtbot: QtBot
) -> None:
    desk = make()
    (left,) = desk.files.recoverable()
    assert left.title == "lesson.convstudio"
    assert left.project_path == crashed
    assert abs(left.when.timestamp() - time.time()) < 60
    desk.files.recover(left)
    qtbot.waitUntil(lambda: not left.path.exists())
    ((loaded, path),) = desk.opened
    assert path == desk.files.path == crashed
    assert loaded.view == {"zoom": 3}
    assert desk.project.layer("conv-1") == Conv(stride=(5, 5))
    assert np.array_equal(desk.project.picture.values.ravel(), np.arange(12))
    assert desk.files.dirty
    assert not desk.files.embed
    (copy,) = copies(folder)  # this program's own: the work is never without one
    assert copy != left.path
    desk.files.save()
    desk.wait(qtbot)
    qtbot.waitUntil(lambda: copies(folder) == [])
    assert load_project(crashed).project.layer("conv-1") == Conv(stride=(5, 5))


def test_discarded_work_is_gone(crashed: Path, make: Callable[..., Desk], folder: Path) -> None:
    desk = make()
    (left,) = desk.files.recoverable()
    desk.files.discard(left)
    assert list(folder.iterdir()) == []
    assert desk.files.recoverable() == []


def test_work_that_was_not_decided_on_is_offered_the_next_time(
    crashed: Path, make: Callable[..., Desk], folder: Path
) -> None:
    desk = make()
    assert len(desk.files.recoverable()) == 1
    assert len(desk.files.recoverable()) == 1
    desk.files.close()
    assert len(make().files.recoverable()) == 1


def test_of_two_windows_one_offers_it(crashed: Path, make: Callable[..., Desk]) -> None:
    first, second = make(), make()
    assert len(first.files.recoverable()) == 1
    assert second.files.recoverable() == []


def test_work_of_a_program_that_runs_is_not_offered(
    folder: Path, make: Callable[..., Desk], qtbot: QtBot
) -> None:
    mine = make(0.03)
    mine.edit()
    qtbot.waitUntil(lambda: len(copies(folder)) == 1)
    with program(folder, what="live") as other:
        try:
            assert len(copies(folder)) == 2
            desk = make()
            assert desk.files.recoverable() == []
        finally:
            other.kill()
            other.wait(10)
        (left,) = desk.files.recoverable()
        assert left.title == "Unsaved project"


def test_damaged_leftovers_are_offered_and_told(
    crashed: Path, make: Callable[..., Desk], folder: Path, qtbot: QtBot
) -> None:
    (copy,) = copies(folder)
    copy.write_bytes(copy.read_bytes()[:200])
    desk = make()
    (left,) = desk.files.recoverable()
    desk.files.recover(left)
    desk.wait(qtbot)
    assert len(desk.failed) == 1
    assert left.path.exists()  # the user decides
    assert not desk.files.dirty


def test_the_newest_comes_first_and_rubbish_is_swept(folder: Path, make: Callable[..., Desk]) -> None:
    for hours in (3, 1, 2):
        with program(folder, f"/{hours}.convstudio"):
            newest = max(copies(folder), key=lambda path: path.stat().st_mtime)
        stamp = time.time() - 3600 * hours
        os.utime(newest, (stamp, stamp))
    (folder / ".convstudio-0123.tmp").touch()
    os.utime(folder / ".convstudio-0123.tmp", (0, 0))
    (folder / ".convstudio-4567.tmp").touch()
    copies(folder)[0].unlink()  # its lock stays
    desk = make()
    titles = [left.title for left in desk.files.recoverable()]
    assert titles == sorted(titles)
    assert len(titles) == 2
    assert sorted(path.name for path in folder.glob(".*")) == [".convstudio-4567.tmp"]
    assert len(list(folder.glob("*.lock"))) == 2


def test_a_copy_remembers_where_its_picture_was(folder: Path, tmp_path: Path, qtbot: QtBot) -> None:
    np.save(tmp_path / "photo.npy", np.ones((1, 8, 8), np.float32))
    project = Project.first(load_picture(tmp_path / "photo.npy"))
    store = RecoveryStore(folder)
    store.write(project, {}, Whereabouts(None, False), None)
    loaded, path = recovery.load_recovery(store.path)
    assert path is None
    assert not loaded.embedded
    assert loaded.project.picture.path == tmp_path / "photo.npy"
    store.close()


def test_a_missing_picture_stays_missing_through_a_crash(
    lost: Path, folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    found = load_project(lost)
    store = RecoveryStore(folder)
    store.write(found.project, {}, Whereabouts(lost, False), found.origin)
    np.save(tmp_path / "photo.npy", np.ones((1, 8, 8), np.float32))  # it is back
    loaded, _ = recovery.load_recovery(store.path)
    assert loaded.picture_problem is None
    assert loaded.project.picture.path == tmp_path / "photo.npy"
    store.close()


def test_a_mistake_of_ours_is_told_and_reported(
    desk: Desk, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(project_files, "save_project", fail)
    with qtbot.capture_exceptions() as seen:
        desk.files.save(tmp_path / "a.convstudio")
        desk.wait(qtbot)
    assert desk.failed == ["a.convstudio could not be saved or opened: a defect"]
    assert [kind for kind, *_ in seen] == [RuntimeError]


def test_the_picture_is_not_copied_for_every_copy() -> None:
    """The safe copy of a large picture is packed once."""
    from convstudio.io.project_picture import embedded_entry

    given = Picture(np.zeros((1, 64, 64), np.float32), "black")
    assert embedded_entry(given)[2] is embedded_entry(given)[2]

"""Undo and redo over snapshots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convstudio.model import History


def test_undo_goes_back_and_redo_forward() -> None:
    history = History("a")
    history.push("b", "to b")
    history.push("c", "to c")
    assert history.undo_text == "to c"
    assert history.undo()
    assert history.state == "b"
    assert history.redo_text == "to c"
    assert history.redo()
    assert history.state == "c"
    assert not history.redo()


def test_a_new_edit_forgets_what_was_undone() -> None:
    history = History("a")
    history.push("b", "to b")
    history.undo()
    history.push("c", "to c")
    assert history.redo_text is None
    history.undo()
    assert history.state == "a"


def test_edits_with_one_key_are_one_step() -> None:
    history = History(0)
    for value in (1, 2, 3):
        history.push(value, "drag", "sigma")
    history.undo()
    assert history.state == 0
    history.redo()
    assert history.state == 3


def test_an_ended_merge_starts_a_new_step() -> None:
    history = History(0)
    history.push(1, "drag", "sigma")
    history.end_merge()
    history.push(2, "drag", "sigma")
    history.undo()
    assert history.state == 1


def test_undo_ends_a_merge() -> None:
    history = History(0)
    history.push(1, "drag", "sigma")
    history.undo()
    history.push(2, "drag", "sigma")
    history.undo()
    assert history.state == 0


def test_an_amended_state_is_no_step() -> None:
    history = History("a")
    history.push("b", "to b")
    history.push("c", "to c")
    history.undo()
    history.amend("b2")
    assert (history.state, history.undo_text, history.redo_text) == ("b2", "to b", "to c")
    history.redo()
    assert history.state == "c"
    history.undo()
    assert history.state == "b2", "what was amended stays so"
    history.undo()
    assert history.state == "a"
    history.amend("a2")
    assert history.undo_text is None
    history.redo()
    assert history.state == "b2"


def test_the_oldest_steps_are_forgotten_beyond_the_limit() -> None:
    history = History(0, limit=3)
    for value in range(1, 11):
        history.push(value, "step")
    seen = []
    while history.undo():
        seen.append(history.state)
    assert seen == [9, 8, 7]


def test_the_past_is_held_within_its_size() -> None:
    history = History("", size=lambda states: sum(len(s) for s in states), max_size=10)
    for letter in "abcdef":
        history.push(letter * 4, letter)
    seen = []
    while history.undo():
        seen.append(history.state)
    assert seen == ["eeee", "dddd"]


@given(st.lists(st.sampled_from(["push", "undo", "redo", "amend"]), max_size=40))
def test_it_behaves_like_a_list_with_a_cursor(actions: list[str]) -> None:
    history, line, at = History(0), [0], 0
    for number, action in enumerate(actions, start=1):
        if action == "push":
            history.push(number, str(number))
            line, at = [*line[: at + 1], number], at + 1
        elif action == "undo":
            assert history.undo() == (at > 0)
            at = max(at - 1, 0)
        elif action == "amend":
            history.amend(-number)
            line[at] = -number
        else:
            assert history.redo() == (at < len(line) - 1)
            at = min(at + 1, len(line) - 1)
        assert history.state == line[at]

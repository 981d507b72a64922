"""The menu "Train": what it declares; the control of the lab carries it out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from convstudio.layers import Conv
from convstudio.learn.experiments import EXPERIMENTS
from convstudio.ui.actions import Actions, ActionSpec

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow

MENU = "Train"


class TrainingCommands(QObject):
    """Declares the actions of the menu "Train", and switches off what cannot be done now."""

    def __init__(self, window: MainWindow, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._control = window.training
        self._actions = actions
        self._add_all()
        self._control.changed.connect(self.show_availability)

    def _add(
        self, name: str, text: str, tip: str, run: Callable[[], object], *keys: str, **more: object
    ) -> None:
        spec = ActionSpec(name, MENU, text, tip, run, tuple(keys), **more)  # type: ignore[arg-type]
        self._actions.add(spec)

    def _add_all(self) -> None:
        add, control = self._add, self._control
        add(
            "train",
            "Training Lab…",
            "Learn a kernel from a picture before and one after.",
            control.show_lab,
            "Ctrl+T",
        )
        add(
            "train-files",
            "Which Filter Made This?…",
            "Learn the filter from two files: a picture before and after.",
            control.learn_from_files,
            "Ctrl+Shift+T",
        )
        for experiment in EXPERIMENTS:
            self._actions.add(
                ActionSpec(
                    f"experiment-{experiment.id}",
                    f"{MENU}/Experiments",
                    experiment.title,
                    experiment.text,
                    partial(control.begin_experiment, experiment.id),
                )
            )
        add(
            "train-play",
            "Play",
            "Let steps follow each other, or pause.",
            control.play_or_pause,
            "F5",
            icon="play",
            separated=True,
        )
        add("train-step", "One Step", "Make one step of the method.", control.step, "F6", icon="step")
        add("train-reset", "Back to the Start", "Begin again with the same weights.", control.reset, "F7")
        add(
            "train-seed",
            "New Seed",
            "Draw other random numbers for the start and the patches.",
            control.edits.new_seed,
            "Shift+F7",
        )
        add(
            "train-solve",
            "Least Squares",
            "Compute the best kernel in closed form, and whether the pictures determine it.",
            control.solve,
            "F8",
            separated=True,
        )
        add(
            "train-take",
            "Put into the Stack",
            "Make what was learned the stack's first layer, or its layers' own weights.",
            control.keeper.take,
            "F9",
            separated=True,
        )
        add(
            "train-take-layer",
            "Put into the Selected Layer",
            "Give the selected convolution the learned kernel.",
            control.keeper.take_into_layer,
            "Shift+F9",
        )
        self.show_availability()

    @Slot()
    def show_availability(self) -> None:
        """Switch off what the lab leaves nothing to do, and name what play would do."""
        control = self._control
        run, take = control.result.why_not_run(), control.result.why_not_take()
        self._allow("train-step", control.result.why_not_step())
        self._allow("train-reset", run)
        self._allow("train-solve", control.result.why_not_solve())
        self._allow("train-play", "" if control.playing else control.result.why_not_play())
        self._allow("train-seed", control.why_not_seed())
        self._allow("train-take", take)
        shown = self._window.session.project.shown
        fits = shown is not None and isinstance(shown.layer, Conv)
        self._allow("train-take-layer", take or ("" if fits else "The selected layer is no convolution."))
        self._actions["train-play"].setText("Pause" if control.playing else "Play")

    def _allow(self, name: str, why_not: str) -> None:
        action = self._actions[name]
        action.setEnabled(not why_not)
        action.setProperty("whyDisabled", why_not)  # the action finder says it

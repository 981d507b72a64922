"""Edits of what a training is set up to do, and of the stack by what was learned: each can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from convstudio.kernels import Bank, Kernel
from convstudio.layers import BankLayer, Conv, Layer
from convstudio.model import PHOTO, Project, TrainingSetup, suiting_bank_view
from convstudio.model.training import PairSetup
from convstudio.session.session import Session
from convstudio.spec.params import ParamError

LEARNED = "Learned"
"""What a kernel is called that a training made."""

_LAST_SEED = 2**31 - 1
_NAMES = {
    "teacher": "hidden kernel",
    "before": "picture before",
    "after": "picture after",
    "first": "first kernel",
    "marks": "what is learned",
}


class TrainingEdits:
    """What can be done to a session's training; what is not allowed changes nothing and is reported."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _project(self) -> Project:
        return self._session.project

    @property
    def _setup(self) -> TrainingSetup:
        return self._project.training

    # --- the setup ---

    def set_value(self, part: str, name: str, value: Any, merge_key: object = None) -> None:
        """Give one value of "pair", "student" or "method" another value.

        Edits with the same merge key, by default those of the same value, within a second are one step for
        undo.
        """
        labels = {each.name: each.param.label.lower() for each in getattr(self._setup, part).parameters()}
        text = f"training: {labels.get(name) or _NAMES[name]}"
        key = ("training", part, name, merge_key)
        self._try(lambda project: _with(project, project.training.with_value(part, name, value)), text, key)

    def _set_alone(self, part: str, name: str, value: Any) -> None:
        """Set a value as a step that merges with none before or after it."""
        self._session.end_merge()
        self.set_value(part, name, value)
        self._session.end_merge()

    def set_setup(self, setup: TrainingSetup, text: str) -> None:
        """Take a whole setup, such as an experiment's, as a step that undo calls ``text``."""
        self._session.end_merge()
        self._session.push(_with(self._project, setup), text)

    def take_rate(self, rate: float) -> None:
        """Take a learning rate that was suggested, as a step of its own."""
        self._set_alone("method", "rate", rate)

    def learn_from_files(self) -> PairSetup:
        """Set up that one kernel is learned from two files; return the pair, whose files may be missing."""
        setup = self._setup.with_value("pair", "source", "files").with_value("student", "kind", "kernel")
        if setup.student.start == "present":
            setup = setup.with_value("student", "start", "zeros")
        self.set_setup(setup, "training: two files")
        return setup.pair

    def set_files(self, before: str, after: str) -> None:
        """Learn from two files, as a step of its own; "" is for none."""
        pair = replace(self._setup.pair, source="files", before=before, after=after)
        self.set_setup(replace(self._setup, pair=pair), "training: files")

    def mark(self, layer_id: str, name: str, on: bool) -> None:
        """Say whether one of a layer's arrays is learned; marks of layers that are gone are dropped."""
        known = {item.id for item in self._project.layers}
        marks = [mark for mark in self._setup.student.marks if mark[0] in known and mark != (layer_id, name)]
        changed = (*marks, (layer_id, name)) if on else tuple(marks)
        title = self._project.item(layer_id).title
        text = f"training: {'learn' if on else 'do not learn'} the {name} of {title}"
        self._try(
            lambda project: _with(project, project.training.with_value("student", "marks", changed)), text
        )

    def new_seed(self) -> None:
        """Draw other random numbers: those of the seed after the present one."""
        seed = self._setup.student.seed
        self._set_alone("student", "seed", seed + 1 if seed < _LAST_SEED else 0)

    # --- the stack ---

    def put_into_stack(
        self, learned: Sequence[Layer], ids: Sequence[str] = (), after: str | None = None
    ) -> None:
        """Put what was learned into the stack, as one step.

        Args:
            learned: layers of a student or of a trained stack, as a frame has them.
            ids: the stack's layers that they take the places of, in order, which keep their names and
                switches; none for a student of its own, whose layers go below one that is there.
            after: the layer, or the photo, that they go below; by default the photo, which is what the
                student saw.
        """
        if not ids:
            place = PHOTO if after is None else after
            self._try(lambda project: _with_learned(project, learned, place), "learned kernel")
            return

        def work(project: Project) -> Project:
            known = {item.id: item.layer.kind for item in project.layers}
            if [known.get(each) for each in ids] != [layer.kind for layer in learned]:
                raise ParamError(
                    "The layers are no longer those that were trained; undo that change, or train again."
                )
            for layer_id, layer in zip(ids, learned, strict=True):
                project = project.with_item(layer_id, layer=layer)
            return project

        self._try(work, "learned weights")

    def put_into_layer(self, learned: Sequence[Layer], layer_id: str) -> None:
        """Let a convolution of the stack take the learned kernel, as one step; it keeps stride and padding.

        How the kernels are laid over the channels goes with them.
        """

        def work(project: Project) -> Project:
            target = project.layer(layer_id)
            source = learned[0] if len(learned) == 1 else None
            if not isinstance(target, Conv) or not isinstance(source, Conv):
                raise ParamError(
                    "Only a convolution takes a learned kernel; put it into the stack as a new layer instead."
                )
            layer = target.replace(
                bank=_learned(source.bank),
                channels=source.channels,
                groups=source.groups,
                operation=source.operation,
            )
            look = replace(project.item(layer_id).look, view=suiting_bank_view(layer), channel=None)
            return project.with_item(layer_id, layer=layer, look=look)

        self._try(work, "learned kernel")

    def _try(self, work: Callable[[Project], Project], text: str, merge_key: object = None) -> None:
        try:
            changed = work(self._project)
        except ParamError as error:
            self._session.message.emit(str(error), "error", "edit")
            return
        if merge_key is None:
            self._session.end_merge()
        self._session.push(changed, text, merge_key)


def _with(project: Project, setup: TrainingSetup) -> Project:
    return replace(project, training=setup)


def _with_learned(project: Project, learned: Sequence[Layer], place: str) -> Project:
    """Return a project with new layers below one, called after what they are."""
    known = {item.id for item in project.layers}
    project = project.with_layers([_titled(layer) for layer in learned], place)
    for item in project.layers:
        if item.id not in known and isinstance(item.layer, BankLayer):
            rows, columns = item.layer.bank.filters[0].kernels[0].shape
            project = project.with_item(item.id, name=f"{LEARNED} {rows}×{columns}")
    return project


def _titled(layer: Layer) -> Layer:
    """Return a layer that was learned, its kernels called so."""
    return layer.replace(bank=_learned(layer.bank)) if isinstance(layer, BankLayer) else layer


def _learned(bank: Bank) -> Bank:
    filters = (
        replace(each, kernels=tuple(Kernel(kernel.values, LEARNED) for kernel in each.kernels))
        for each in bank.filters
    )
    return Bank(tuple(filters))

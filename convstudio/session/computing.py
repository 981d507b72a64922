"""Results in the background: the selected layer's first, the rest of the stack next, then its proof."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from convstudio.core import Control
from convstudio.engine.display import Rendered
from convstudio.engine.evaluate import Evaluation, Evaluator, LayerError, LayerResult
from convstudio.engine.layer_proof import prove
from convstudio.engine.proof import Proof
from convstudio.layers.base import FloatArray, Repair
from convstudio.model import Project
from convstudio.session.runner import LatestWins


@dataclass(frozen=True, eq=False)
class Failure:
    """Why the present project could not be computed.

    Attributes:
        layer_id: the layer that could not be computed, if it is one's fault.
        message: why, in a sentence.
        source, source_view: what the layer was given, if it is known.
        repair: a change that would make it fit, if there is one.
        layers: the results of the layers above.
        cancelled: by the user, who did not want to wait.
    """

    layer_id: str | None
    message: str
    source: FloatArray | None = None
    source_view: Rendered | None = None
    repair: Repair | None = None
    layers: tuple[LayerResult, ...] = ()
    cancelled: bool = False


class Computing(QObject):
    """Evaluates the newest project that it was asked for, and proves the selected layer's result."""

    result_ready = Signal(object)  # Evaluation, the selected layer's result in it
    result_failed = Signal(object)  # Failure
    stack_ready = Signal(object)  # Evaluation of the whole stack
    computing_changed = Signal(bool)
    computing_progressed = Signal(float)
    proof_started = Signal()
    proof_ready = Signal(object)  # Proof, or None for what has no other computation to compare with
    proof_failed = Signal(str)

    def __init__(self, project: Project, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted = project
        self._evaluator = Evaluator()
        self._evaluation: Evaluation | None = None
        self._failure: Failure | None = None
        self._compute = LatestWins("convstudio-compute", self, patience=0.25)
        self._prove = LatestWins("convstudio-proof", self)
        self._compute.done.connect(self._computed)
        self._compute.failed.connect(self._not_computed)
        self._compute.busy_changed.connect(self.computing_changed)
        self._compute.progressed.connect(self.computing_progressed)
        self._prove.done.connect(self.proof_ready)
        self._prove.failed.connect(self._not_proven)

    @property
    def evaluation(self) -> Evaluation | None:
        """The newest result, which may belong to an earlier project while a new one is computed."""
        return self._evaluation

    @property
    def failure(self) -> Failure | None:
        """Why the present project has no result, or None."""
        return self._failure

    @property
    def computing(self) -> bool:
        """Whether a result is on its way."""
        return self._compute.busy

    @property
    def busy(self) -> bool:
        """Whether a result or a proof is on its way."""
        return self._compute.busy or self._prove.busy

    def current(self) -> Evaluation | None:
        """Return the newest result if it is that of the project that was asked for last."""
        known = self._evaluation
        return known if known is not None and known.project.shows_the_same(self._wanted) else None

    def is_computed(self) -> bool:
        """Whether the newest result is of the present picture and layers, however they are looked at."""
        if self._evaluation is None:
            return False
        computed, wanted = self._evaluation.project, self._wanted
        if computed.picture is not wanted.picture or computed.selected != wanted.selected:
            return False
        return [(i.id, i.layer, i.enabled) for i in computed.layers] == [
            (i.id, i.layer, i.enabled) for i in wanted.layers
        ]

    def covers(self, project: Project) -> bool:
        """Whether a project's result is there or on its way: what was edited has no part in it."""
        something = self._compute.busy or self._failure is not None or self.current() is not None
        return something and self._wanted.shows_the_same(project)

    def compute(self, project: Project) -> None:
        """Ask for a project's result."""
        self._wanted = project
        self._prove.cancel()
        self._submit(project, whole=False)

    def _submit(self, project: Project, *, whole: bool) -> None:
        evaluator = self._evaluator

        def work(control: Control) -> Evaluation:
            return evaluator.evaluate(project, control, whole=whole)

        self._compute.submit(work)

    def cancel(self) -> None:
        """Give up the running computation; the last good picture stays."""
        if not self._compute.busy:
            return
        self._compute.cancel()
        known = self.current()
        if known is not None:
            self._show(known)  # an edit was taken back: what is asked for is there already
        else:
            text = "Cancelled: the picture shows the last finished result."
            self._failure = Failure(None, text, cancelled=True)
            self.result_failed.emit(self._failure)

    @Slot(object)
    def _computed(self, evaluation: Evaluation) -> None:
        shown_before = self._evaluation
        self._evaluation = evaluation
        if (
            evaluation.complete
            and shown_before is not None
            and shown_before.output_view is evaluation.output_view
            and shown_before.project.shows_the_same(evaluation.project)
            and self._failure is None
        ):
            self.stack_ready.emit(evaluation)  # the selected layer is on screen since the first half
            return
        self._show(evaluation)
        if evaluation.complete:
            self.stack_ready.emit(evaluation)
        elif self.current() is not None:
            self._submit(evaluation.project, whole=True)

    def _show(self, evaluation: Evaluation) -> None:
        self._failure = None
        self.result_ready.emit(evaluation)
        if self.current() is not None:
            self.prove()

    @Slot(object)
    def _not_computed(self, error: Exception) -> None:
        if isinstance(error, LayerError):
            self._failure = Failure(
                error.layer_id, str(error), error.source, error.source_view, error.repair, error.layers
            )
            self.result_failed.emit(self._failure)
            return
        self._failure = Failure(None, f"The result could not be computed: {error}")
        self.result_failed.emit(self._failure)
        raise error  # a defect of ours: the exception hook logs it with its traceback

    @Slot()
    def prove(self) -> None:
        """Check a random crop of the newest result against SciPy, off the GUI thread."""
        evaluation = self.current()
        if evaluation is None:
            return
        result = evaluation.shown
        self.proof_started.emit()

        def work(control: Control) -> Proof | None:
            control.check()
            if result is None or not result.item.enabled:
                return None
            return prove(result.item.layer, result.source, result.output, result.mate)

        self._prove.submit(work)

    @Slot(object)
    def _not_proven(self, error: Exception) -> None:
        self.proof_failed.emit(f"the check could not run: {error}")

    def close(self) -> None:
        """Stop the workers and wait for them."""
        self._compute.close()
        self._prove.close()

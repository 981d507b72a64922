"""Small trainings with their frames, for tests of the lab."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from convstudio.kernels import Kernel
from convstudio.layers import Conv
from convstudio.learn.lab import Lab, open_lab
from convstudio.model import PHOTO, Picture, Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup
from convstudio.session.training_frame import FrameMaker, TrainingFrame, TrainingReport, report_of

TEACHER = Kernel.custom([[0.0, 0.5, 0.0], [-0.25, 1.0, 0.25], [0.0, -0.5, 0.0]])


def project_of(channels: int = 1, height: int = 40, width: int = 48, flat: bool = False) -> Project:
    """A picture of noise, or of one grey."""
    rng = np.random.default_rng(3)
    values = rng.random((channels, height, width), dtype=np.float32)
    if flat:
        values[:] = 0.5
    return Project(Picture(values, "noise"), ())


class Run:
    """A training of a small picture, and frames of it."""

    def __init__(
        self,
        *,
        channels: int = 1,
        flat: bool = False,
        steps: int = 50,
        method: dict[str, Any] | None = None,
        stack: tuple[Conv, ...] = (),
        channels_of_student: str = "shared",
        **student: Any,
    ) -> None:
        project = project_of(channels, flat=flat)
        setup = TrainingSetup(
            PairSetup(teacher=TEACHER),
            StudentSetup(channels=channels_of_student, **student),
            MethodSetup(**{"rate": 0.1, "steps": steps, **(method or {})}),
        )
        if stack:
            project = project.with_layers(stack, PHOTO)
            marks = tuple((item.id, name) for item in project.layers for name in ("weight", "bias"))
            setup = replace(setup, student=replace(setup.student, kind="stack", marks=marks))
        self.project = replace(project, training=setup)
        self.lab: Lab = open_lab(setup, self.project)
        self._frames = FrameMaker(self.lab)

    @property
    def report(self) -> TrainingReport:
        """What was opened."""
        return report_of(self.lab, self.project)

    def frame(self, step: int | None = None, *, speed: float | None = None) -> TrainingFrame:
        """Go to a step, making those that are missing, and return its frame."""
        trainer = self.lab.trainer
        if step is not None:
            while trainer.last < step:
                trainer.go_to(trainer.last)
                trainer.advance()
            trainer.go_to(step)
        return self._frames.make(trainer.look(), speed, resting=speed is None)

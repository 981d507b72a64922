"""Ready-made experiments: a pair, a student and a method that make a point within seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convstudio.kernels import preset
from convstudio.layers import Activation, Conv
from convstudio.model import LayerItem, Picture, Project
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup


@dataclass(frozen=True, eq=False)
class Experiment:
    """An experiment as the menu offers it.

    Attributes:
        id: unlike that of any other.
        title: what the menu calls it.
        text: two sentences: what is done, and what to look at.
        setup: what is trained, on what, and how.
        sample: the id of the bundled picture that it is done on, None where it brings its own or needs none.
        picture: makes a picture of its own, None for none.
        layers: the stack that it needs, None where the present one may stay.
    """

    id: str
    title: str
    text: str
    setup: TrainingSetup
    sample: str | None = None
    picture: Callable[[], Picture] | None = None
    layers: tuple[LayerItem, ...] | None = None

    def onto(self, project: Project, load: Callable[[str], Picture]) -> Project:
        """Return a project that is set up for the experiment: its picture, its layers where it has some.

        Args:
            project: what there is.
            load: reads a bundled picture by its id, and may raise what it raises.
        """
        if self.sample is not None:
            project = project.with_picture(load(self.sample))
        elif self.picture is not None:
            project = project.with_picture(self.picture())
        if self.layers is not None:
            project = dataclasses.replace(
                project, layers=self.layers, selected=self.layers[-1].id, compared=None
            )
        return dataclasses.replace(project, training=self.setup)


def flat_grey() -> Picture:
    """Return a picture ``(1, 128, 128)`` of one grey."""
    return Picture(np.full((1, 128, 128), 0.5, np.float32), "Flat grey")


def _stack(*layers: Conv | Activation) -> tuple[LayerItem, ...]:
    return tuple(LayerItem(f"learn-{place}", layer) for place, layer in enumerate(layers, 1))


_SOBEL = preset("sobel-x").make()
_MEAN = preset("mean").make(size=3)
_QUICK = MethodSetup(rate=0.1, steps=300, schedule="constant")

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        id="sobel",
        title="Learn Sobel",
        text="A hidden Sobel kernel makes the picture after, and Adam finds its nine weights from zeros. "
        "The loss falls by more than ten powers of ten while the outer columns take opposite signs.",
        setup=TrainingSetup(PairSetup(teacher=_SOBEL, grey=True), StudentSetup(), _QUICK),
        sample="zone-plate",
    ),
    Experiment(
        id="blur",
        title="Learn a blur",
        text="A Gaussian of 5×5 weights made the picture after, and the student has to find all 25. "
        "The pictures look alike long before the weights do: watch the distance fall on.",
        setup=TrainingSetup(
            PairSetup(teacher=preset("gaussian").make(size=5, sigma=1.2), grey=True),
            StudentSetup(size=(5, 5)),
            MethodSetup(rate=0.02, steps=400, schedule="cosine", factor=0.01),
        ),
        sample="zone-plate",
    ),
    Experiment(
        id="denoiser",
        title="Learn to remove noise",
        text="The student sees a picture with noise and is asked for the one without, for which it finds an "
        "average of its own. Compare its PSNR and SSIM with those of the mean and of the Gaussian.",
        setup=TrainingSetup(
            PairSetup(teacher=preset("identity").make(), grey=True, noise=0.1, noise_on="before"),
            StudentSetup(size=(5, 5), padding="same", padding_mode="symmetric"),
            MethodSetup(rate=0.05, steps=400, schedule="cosine", factor=0.01, data="patch", patch=128),
        ),
        sample="landscape",
    ),
    Experiment(
        id="flat",
        title="Learn from a flat picture",
        text="In a picture of one grey the answer tells the sum of the weights and no more. "
        "The loss falls to 0 and the kernel is wrong all the same, as the closed form can show.",
        setup=TrainingSetup(
            PairSetup(teacher=preset("gaussian").make(size=3, sigma=0.8)),
            StudentSetup(start="random"),
            MethodSetup(optimizer="gd", rate=0.2, steps=100, schedule="constant"),
        ),
        picture=flat_grey,
    ),
    Experiment(
        id="relu",
        title="Learn through ReLU",
        text="A ReLU cuts off what is negative in Sobel's answer, and the kernel before it starts at random. "
        "The gradient comes through only where something passes, which is enough to find Sobel again.",
        setup=TrainingSetup(
            PairSetup(source="stack"),
            StudentSetup(kind="stack", start="he", seed=1, marks=(("learn-1", "weight"),)),
            MethodSetup(rate=0.05, steps=400, schedule="constant"),
        ),
        sample="zone-plate",
        layers=_stack(Conv.of(_SOBEL, padding="valid"), Activation()),
    ),
    Experiment(
        id="two",
        title="Two 3×3 against one",
        text="Two 3×3 convolutions in a row see 5×5 pixels and together become the hidden 5×5 blur. "
        "One kernel of 3×3 cannot: set the student to it, and its loss stops far above.",
        setup=TrainingSetup(
            PairSetup(teacher=preset("binomial").make(size=5)),
            StudentSetup(kind="stack", start="preset", marks=(("learn-1", "weight"), ("learn-2", "weight"))),
            MethodSetup(rate=0.02, steps=300, schedule="constant"),
        ),
        sample="zone-plate",
        layers=_stack(Conv.of(_MEAN, padding="valid"), Conv.of(_MEAN, padding="valid")),
    ),
    Experiment(
        id="edge",
        title="The textbook's edge",
        text="Six rows of white, four black columns, white again, and the 1×2 kernel (1, −1) that answers at "
        "the edges alone. Ten steps of gradient descent at a rate of 0.03 come close to it.",
        setup=TrainingSetup(
            PairSetup(source="edge", validation=0.0),
            StudentSetup(size=(1, 2)),
            MethodSetup(optimizer="gd", rate=0.03, reduction="sum", steps=10, schedule="constant"),
        ),
    ),
)


def experiment(experiment_id: str) -> Experiment:
    """Return an experiment by its id.

    Raises:
        KeyError: there is none.
    """
    for each in EXPERIMENTS:
        if each.id == experiment_id:
            return each
    raise KeyError(experiment_id)

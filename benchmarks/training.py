"""Steps a second of a training on the whole picture, beside the same loop in PyTorch.

    python -m benchmarks.training [--quick]

Both start from the same weights, take the same rate and the same squared error, over the same pixels, in
float32. A step is forward, loss, backward and optimizer; after some steps both must stand at the same
weights. There are two ways of ours: "pixels" runs over the picture at every step, as PyTorch does; "sums" is
what one linear layer with squared errors gets by default: it goes over the picture once, before the first
step, whose time is told beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from convstudio.cpu import tune

tune()  # as the program does, before NumPy is loaded

import numpy as np  # noqa: E402

from benchmarks.timing import cores, machine, milliseconds, print_table, race  # noqa: E402
from convstudio.kernels import Bank  # noqa: E402
from convstudio.layers import Conv  # noqa: E402
from convstudio.learn.network import Network  # noqa: E402
from convstudio.learn.pairs import Pair  # noqa: E402
from convstudio.learn.trainer import Trainer  # noqa: E402
from convstudio.model.training_method import MethodSetup  # noqa: E402

COMPARED = 10
"""Steps after which the weights are compared, and how far they may be apart of the distance gone."""
TOLERANCE = 1e-3

torch: Any = import_module("torch")  # not installed where only tests and checks run


@dataclass(frozen=True)
class Job:
    """A picture, a kernel's size and an optimizer; all channels are mixed where there are several."""

    title: str
    shape: tuple[int, int, int]
    filters: int
    size: int
    optimizer: str
    rate: float
    quick: bool = False


JOBS = (
    Job("5×5 on 512² grey, SGD", (1, 512, 512), 1, 5, "gd", 0.05, quick=True),
    Job("5×5 on 512² grey, Adam", (1, 512, 512), 1, 5, "adam", 0.02, quick=True),
    Job("3×3 on 512² grey, Adam", (1, 512, 512), 1, 3, "adam", 0.02),
    Job("11×11 on 512² grey, Adam", (1, 512, 512), 1, 11, "adam", 0.02),
    Job("3→3 5×5 on 512², Adam", (3, 512, 512), 3, 5, "adam", 0.02),
    Job("3→8 3×3 on 512², Adam", (3, 512, 512), 8, 3, "adam", 0.02),
    Job("5×5 on 2 MP grey, Adam", (1, 1080, 1920), 1, 5, "adam", 0.02),
)


def pair_of(job: Job) -> tuple[Network, Pair]:
    """Return a network that starts from zeros, and a random picture with what a random kernel makes of it."""
    rng = np.random.default_rng(0)
    x = rng.random(job.shape, np.float32)
    weights = rng.standard_normal((job.filters, job.shape[0], job.size, job.size)) / job.size
    teacher = Conv(bank=Bank.from_weights(weights), channels="all", padding="valid")
    target = teacher.forward(x)
    student = Conv(bank=Bank.from_weights(np.zeros_like(weights)), channels="all", padding="valid")
    pair = Pair(before=x, target=target, keep=None, split=target.shape[1], after=target)
    return Network([student], x.shape, [(0, "weight")]), pair


def torch_loop(job: Job, pair: Pair) -> tuple[Callable[[], object], Any]:
    """Return a step of the loop that PyTorch's users write, and the weights that it moves."""
    x, target = torch.from_numpy(pair.before)[None], torch.from_numpy(pair.target)[None]
    weight = torch.zeros((job.filters, job.shape[0], job.size, job.size), requires_grad=True)
    kind: Any = torch.optim.Adam if job.optimizer == "adam" else torch.optim.SGD
    optimizer = kind([weight], lr=job.rate)

    def step() -> None:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(torch.nn.functional.conv2d(x, weight), target)
        loss.backward()
        optimizer.step()

    return step, weight


def measure(job: Job, rounds: int, seconds: float) -> list[str]:
    """Check that all go the same way, race them, and return a row of the table."""
    network, pair = pair_of(job)
    method = MethodSetup(optimizer=job.optimizer, rate=job.rate, steps=1_000_000)
    theirs, weight = torch_loop(job, pair)
    begin = time.perf_counter()
    summing = Trainer(network, pair, method, start=network.values(), seed=0)
    summing.advance()
    first = time.perf_counter() - begin
    pixels = Trainer(network, pair, method, start=network.values(), seed=0, sums=False)
    for _ in range(COMPARED):
        theirs()
        pixels.advance()
    while summing.step < COMPARED:
        summing.advance()
    expected = weight.detach().numpy()
    for name, trainer in (("pixels", pixels), ("sums", summing)):
        error = float(np.abs(trainer.values[0] - expected).max() / np.abs(expected).max())
        if not error <= TOLERANCE:
            sys.exit(f"{job.title}: {name} stands elsewhere than PyTorch after {COMPARED} steps ({error:g}).")
    times = race(
        {"pixels": pixels.advance, "sums": summing.advance, "PyTorch": theirs}, rounds=rounds, seconds=seconds
    )
    ours = times["pixels"]
    return [
        job.title,
        milliseconds(ours.median),
        milliseconds(times["PyTorch"].median),
        f"{ours.faster_than(times['PyTorch']):.2f}",
        milliseconds(times["sums"].median),
        f"{times['sums'].faster_than(times['PyTorch']):.0f}",
        milliseconds(first),
    ]


def main() -> None:
    """Run from the command line; exit code 1 where PyTorch takes more steps a second than ours by pixels."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two jobs, few rounds")
    options = parser.parse_args()
    torch.set_num_threads(cores())
    for line in machine():
        print(line)
    print(f"PyTorch {torch.__version__} with {torch.get_num_threads()} threads\n")
    rounds, seconds = (5, 2.0) if options.quick else (15, 6.0)
    rows = [measure(job, rounds, seconds) for job in JOBS if job.quick or not options.quick]
    titles = ["job", "pixels ms", "PyTorch ms", "PyTorch/pixels", "sums ms", "PyTorch/sums", "first step ms"]
    print_table(titles, rows)
    slower = [row[0] for row in rows if float(row[3]) < 1]
    if slower:
        sys.exit(f"Fewer steps a second than PyTorch: {', '.join(slower)}.")


if __name__ == "__main__":
    main()

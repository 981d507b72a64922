"""The core side by side with OpenCV, SciPy, PyTorch and ONNX Runtime, each where it can do the job.

    python -m benchmarks.table [--group NAME ...] [--only TEXT] [--quick] [--rounds N] [--seconds S]

All do the same float32 job in the same run, in turn, round by round; results are compared before anything is
timed. "peer/ours" is the best peer's time over ours, the median over rounds of times taken within the same
round: above 1 we are faster. A group's floor and aim are held against the libraries that stand for it
(`GOALS`); the mean over the best of all peers is printed beside. "limit" is how near we are to what this
machine's memory bandwidth or FLOP/s allow for the job done directly (an algorithm that saves products may go
beyond 100 %). "auto/best" is our time as planned over that of our best algorithm when each is forced.

Every library gets the data in the layout it likes and keeps its result buffer where its interface allows it
(ours, NumPy, SciPy's ndimage, OpenCV); PyTorch and ONNX Runtime bring their own memory pools.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from collections.abc import Sequence

from convstudio.cpu import tune

tune()  # as the program does, before NumPy is loaded

from benchmarks.limits import limits  # noqa: E402
from benchmarks.row import Row  # noqa: E402
from benchmarks.timing import Timing, machine, milliseconds, print_table, race  # noqa: E402

# Group → floor and aim of the geometric mean of peer/ours, and the peers that it is held against.
GOALS: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "classic": (0.7, 1.2, ("boxFilter", "sepFilter2D", "Sobel")),
    "full_rank": (0.6, 1.0, ("filter2D",)),
    "banks": (1.2, 2.0, ("PyTorch",)),
    "deep": (0.35, 0.7, ("PyTorch",)),
    "pooling": (1.2, 2.0, ("PyTorch", "OpenCV")),
    "backward": (0.7, 1.0, ("PyTorch",)),
}
LEAST = 0.15  # no row below this
PLANNED = 1.3  # no row's auto/best above this


def measure(row: Row, rounds: int, seconds: float) -> tuple[dict[str, Timing], dict[str, Timing]]:
    """Race everybody for one row: ours and the peers, then ours against our forced algorithms."""
    row.check()
    times = race({"ours": row.ours, **row.peers}, rounds=rounds, seconds=seconds, give_up=30.0)
    if len(row.forced) < 2:
        return times, {}
    return times, race({"auto": row.ours, **row.forced}, rounds=rounds, seconds=seconds / 2, give_up=6.0)


def run_group(name: str, options: argparse.Namespace) -> tuple[list[str], bool] | None:
    """Print one group's table; return its line of the summary, and whether it met its floor and plan."""
    module = importlib.import_module(f"benchmarks.groups.{name}")
    table: list[list[str]] = []
    ratios: list[float] = []  # of the best of the group's own peers
    of_all: list[float] = []
    losses: list[float] = []
    for entry in module.entries():
        if options.only not in entry.title or (options.quick and not entry.quick):
            continue
        row = entry.build()
        times, forced = measure(row, options.rounds, options.seconds)
        ours = times["ours"]
        rivals = {peer: ours.faster_than(times[peer]) for peer in row.peers}
        best = min(rivals, key=lambda peer: rivals[peer]) if rivals else ""
        if rivals:
            of_all.append(rivals[best])
        own = [ratio for peer, ratio in rivals.items() if peer in GOALS[name][2]]
        if own:
            ratios.append(min(own))
        share = limits().least_seconds(row.multiply_adds, row.traffic) / ours.median
        lost, fastest = _planning(forced)
        if forced:
            losses.append(lost)
        table.append(
            [
                row.title,
                milliseconds(ours.median),
                f"{best} {milliseconds(times[best].median)}" if best else "–",
                f"{rivals[best]:.2f}" if best else "–",
                ", ".join(f"{peer} {ratio:.2f}" for peer, ratio in rivals.items() if peer != best) or "–",
                f"{share:.0%}",
                row.chosen or "–",
                fastest or "–",
                f"{lost:.2f}" if forced else "–",
            ]
        )
    if not table:
        return None
    titles = ["job", "ours ms", "best peer ms", "peer/ours", "others", "limit"]
    print(f"\n{name.replace('_', ' ')}")
    print_table([*titles, "auto takes", "best forced", "auto/best"], table)
    return _summary(name, ratios, of_all, losses)


def _planning(forced: dict[str, Timing]) -> tuple[float, str]:
    """Our planned time over the best forced one, and which that is."""
    if not forced:
        return 1.0, ""
    names = [name for name in forced if name != "auto"]
    fastest = min(names, key=lambda name: forced[name].median)
    return forced[fastest].faster_than(forced["auto"]), fastest


def _summary(
    name: str, ratios: Sequence[float], of_all: Sequence[float], losses: Sequence[float]
) -> tuple[list[str], bool]:
    floor, aim, peers = GOALS[name]
    mean, least, worst = _mean(ratios), min(ratios, default=math.nan), max(losses, default=1.0)
    good = mean >= floor and least >= LEAST and worst <= PLANNED
    verdict = "aim reached" if good and mean >= aim else "floor reached" if good else "BELOW"
    cells = [
        name.replace("_", " "),
        " ".join(peers),
        str(len(ratios)),
        f"{mean:.2f}",
        f"{floor:g}",
        f"{aim:g}",
    ]
    return [*cells, f"{least:.2f}", f"{worst:.2f}", verdict, f"{_mean(of_all):.2f}"], good


def _mean(ratios: Sequence[float]) -> float:
    """The geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else math.nan


def main() -> None:
    """Run from the command line; exit code 1 where a group misses its floor."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__.split("\n")[0])
    parser.add_argument("--group", nargs="+", choices=GOALS, default=list(GOALS), help="which groups")
    parser.add_argument("--only", default="", metavar="TEXT", help="jobs whose title contains TEXT")
    parser.add_argument("--quick", action="store_true", help="a few jobs of each group")
    parser.add_argument("--rounds", type=int, default=0, help="rounds per job (15, quick: 5)")
    parser.add_argument("--seconds", type=float, default=0, help="time per job (1.5, quick: 0.4)")
    options = parser.parse_args()
    options.rounds = options.rounds or (5 if options.quick else 15)
    options.seconds = options.seconds or (0.4 if options.quick else 1.5)
    for line in machine():
        print(line)
    bandwidth, rate = limits().bandwidth, limits().multiply_adds
    print(f"limits measured here: {bandwidth / 1e9:.0f} GB/s, {2 * rate / 1e9:.0f} GFLOP/s in float32")
    summary, all_good = [], True
    for name in options.group:
        found = run_group(name, options)
        if found is not None:
            summary.append(found[0])
            all_good &= found[1]
    if not summary:
        sys.exit(f"No job's title contains {options.only!r}.")
    print("\ngeometric means of best peer/ours; over 1: ours is faster")
    titles = ["group", "against", "rows", "mean", "floor", "aim", "least", "worst auto/best", ""]
    print_table([*titles, "against all"], summary)
    if not all_good:
        sys.exit("Some group is below its floor, has a row below 0.15, or was planned worse than 1.3.")


if __name__ == "__main__":
    main()

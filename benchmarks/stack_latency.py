"""How a stack of layers feels in the real window: six layers on a 1080p photo.

Run it on a display, or as ``xvfb-run -a -s "-screen 0 1920x1080x24" python -m benchmarks.stack_latency``.
Times are from this machine in this run; what counts is how they compare with the goals beside them.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from benchmarks.latency import line, make_window, photo_like, wait_until

if TYPE_CHECKING:
    from convstudio.layers import Layer
    from convstudio.ui.main_window import MainWindow

REPAINT, STALL = 50.0, 50.0  # ms


def teachers_stack() -> list[Layer]:
    """Return a small network as it is built in a lesson, then an average pooling whose window is dragged."""
    from convstudio.kernels.banks import BANKS
    from convstudio.layers import Activation, AvgPool, Conv, MaxPool

    return [
        Conv(bank=BANKS["random"].make(3, count=8), channels="all"),
        Activation(),
        MaxPool(),
        Conv(bank=BANKS["random"].make(8, count=8), channels="all"),
        Activation(),
        AvgPool(),
    ]


def build(window: MainWindow) -> None:
    """Put the stack on a photo in the place of what the window opened with."""
    import dataclasses

    session = window.session
    empty = dataclasses.replace(session.project, layers=(), selected="photo")
    project = empty.with_picture(photo_like(1080, 1920)).with_layers(teachers_stack(), "photo")
    session.push(project, "the benchmark's stack")
    wait_until(lambda: not session.busy)


def repaints(window: MainWindow, changes: list[tuple[str, str, object]], runs: int) -> list[float]:
    """Return milliseconds from a changed parameter to the repainted result, going through the changes."""
    session = window.session
    times: list[float] = []
    painted: list[float] = []
    connection = window.views.result_painted.connect(lambda: painted.append(time.perf_counter()))
    for run in range(runs):
        layer_id, name, value = changes[run % len(changes)]
        painted.clear()
        start = time.perf_counter()
        session.set_param(layer_id, name, value)
        wait_until(lambda: bool(painted))
        times.append((painted[0] - start) * 1e3)
        wait_until(lambda: not session.busy and not window.tools.busy)
        session.end_merge()
    window.views.result_painted.disconnect(connection)
    return times


def stalls(window: MainWindow, layer_id: str, seconds: float) -> list[float]:
    """Return the gaps, in milliseconds, between ticks of a 5 ms timer while a layer's bias is dragged."""
    from PySide6.QtCore import QObject, Qt, QTimer

    gaps: list[float] = []
    last = time.perf_counter()
    step = 0

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append((now - last) * 1e3)
        last = now

    def move() -> None:
        nonlocal step
        step += 1
        window.session.set_bias(layer_id, (step % 100) / 200.0)

    owner = QObject()
    ticking, drag = QTimer(owner), QTimer(owner)
    ticking.setTimerType(Qt.TimerType.PreciseTimer)
    ticking.timeout.connect(tick)
    drag.timeout.connect(move)
    ticking.start(5)
    drag.start(16)
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 10)
    drag.stop()
    ticking.stop()
    wait_until(lambda: not window.session.busy)
    return gaps


def main() -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    options = parser.parse_args()
    from convstudio import cpu

    cpu.tune()
    runs = 8 if options.quick else 40
    window = make_window()
    wait_until(lambda: not window.session.busy)
    build(window)
    last = "avg_pool-1"
    strides: list[tuple[str, str, object]] = [(last, "stride", (1, 1)), (last, "stride", (2, 2))]
    windows: list[tuple[str, str, object]] = [(last, "window", (n, n)) for n in (3, 4, 5, 6)]
    repaints(window, strides, 4)
    print(line("last of six layers: pooling stride", repaints(window, strides, runs), REPAINT), flush=True)
    print(line("last of six layers: pooling window", repaints(window, windows, runs), REPAINT), flush=True)
    window.session.select("conv-2")
    wait_until(lambda: not window.session.busy)
    dilations: list[tuple[str, str, object]] = [("conv-2", "dilation", (n, n)) for n in (2, 3, 4)]
    print(
        line("fourth layer, selected: dilation", repaints(window, dilations, runs), REPAINT * 2), flush=True
    )
    window.session.select(last)
    wait_until(lambda: not window.session.busy)
    gaps = stalls(window, "conv-1", 4.0 if options.quick else 15.0)
    print(line("GUI stall, first layer dragged, last shown", gaps, STALL, worst=True))
    window.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""How the real window feels: from an edit to the repainted result, stalls while dragging, start-up.

Run it on a display, or as ``xvfb-run -a -s "-screen 0 1920x1080x24" python -m benchmarks.latency``.
Times are from this machine in this run; what counts is how they compare with the goals beside them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convstudio.model import Picture
    from convstudio.ui.main_window import MainWindow

SIZES = {"1080p": (1080, 1920), "12 MP": (3000, 4000)}
GOALS = {"1080p": 33.0, "12 MP": 120.0, "stall": 50.0, "start": 1500.0}
STARTUP_CHILD = "--startup-child"


def make_window() -> MainWindow:
    """Open the real window with settings of its own."""

    from convstudio.app import make_application
    from convstudio.session.settings import Settings
    from convstudio.ui.main_window import MainWindow

    app = make_application()
    window = MainWindow(Settings.passing(), size=(1600, 1000))
    window.setProperty("application", app)  # keep it alive as long as the window
    window.show()
    return window


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Run the event loop, as the program does, until the condition holds; it is looked at every millisecond.

    Raises:
        TimeoutError: it does not within ``seconds``.
    """
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    end = time.monotonic() + seconds
    loop = QEventLoop()
    look = QTimer()
    look.setTimerType(Qt.TimerType.PreciseTimer)
    look.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
    look.start(1)
    loop.exec()
    look.stop()
    if not condition():
        raise TimeoutError("the window did not get there in time")


def photo_like(height: int, width: int) -> Picture:
    """Return a colour picture with detail at every scale."""
    import numpy as np

    from convstudio.model import Picture

    rng = np.random.default_rng(0)
    values = rng.random((3, height, width), dtype=np.float32)
    values *= np.linspace(0.2, 1.0, width, dtype=np.float32)
    return Picture(values, f"{width}×{height}")


def edit_to_paint(window: MainWindow, edits: int) -> list[float]:
    """Return milliseconds from a changed kernel cell until the output view has repainted its result."""
    session = window.session
    layer_id = session.project.layers[-1].id
    times = []
    painted: list[float] = []
    connection = window.views.result_painted.connect(lambda: painted.append(time.perf_counter()))
    for _ in range(edits):
        kernel = session.project.bank_layer(layer_id).bank.filters[0].kernels[0]
        values = kernel.values.copy()
        values[0, 0] -= 0.01
        edited = kernel.edited(values)
        painted.clear()
        start = time.perf_counter()
        window.editor.edited.emit(edited, "")
        wait_until(lambda: bool(painted))
        times.append((painted[0] - start) * 1e3)
        wait_until(lambda: not session.busy)
    window.views.result_painted.disconnect(connection)
    return times


def stalls_while_dragging(window: MainWindow, seconds: float) -> list[float]:
    """Return the gaps, in milliseconds, between ticks of a 5 ms timer while a parameter is dragged."""
    import numpy as np
    from PySide6.QtCore import QObject, Qt, QTimer

    from convstudio.kernels import Kernel

    session = window.session
    layer_id = session.project.layers[-1].id
    full_rank = np.random.default_rng(1).standard_normal((15, 15)) / 15.0
    session.set_kernel(layer_id, Kernel(full_rank, title="random 15×15"))
    wait_until(lambda: not session.busy)
    gaps: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append((now - last) * 1e3)
        last = now

    owner = QObject()
    timer = QTimer(owner)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(5)
    drag = QTimer(owner)
    step = 0

    def move() -> None:
        nonlocal step
        step += 1
        window.inspector.edited.emit("bias", (step % 100) / 200.0)

    drag.timeout.connect(move)
    drag.start(16)
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 10)
    drag.stop()
    timer.stop()
    wait_until(lambda: not session.busy)
    return gaps


def startup() -> float:
    """Return milliseconds from the start of a process to its first painted result."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.latency", STARTUP_CHILD]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return (float(result.stdout.split()[-1]) - begin) * 1e3


def startup_child() -> None:
    """Open the window, say when its first result was painted, and leave."""
    from convstudio import cpu

    cpu.tune()
    window = make_window()
    wait_until(lambda: window.views.painted_results > 0)
    print(time.monotonic())
    window.close()


def line(what: str, times: list[float], goal: float, *, worst: bool = False) -> str:
    """Return one line of the report."""
    measured = max(times) if worst else statistics.median(times)
    verdict = "meets" if measured <= goal else "MISSES"
    kind = "worst" if worst else "median"
    spread = f"min {min(times):.1f}, max {max(times):.1f}, n {len(times)}"
    return f"{what:42} {kind} {measured:7.1f} ms  {verdict} {goal:g} ms  ({spread})"


def main() -> int:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument(STARTUP_CHILD, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.startup_child:
        startup_child()
        return 0
    runs = 5 if options.quick else 25
    starts = [startup() for _ in range(3 if options.quick else 7)]
    print(line("process start to first painted result", starts, GOALS["start"]), flush=True)
    from convstudio import cpu

    cpu.tune()
    window = make_window()
    wait_until(lambda: not window.session.busy)
    for name, (height, width) in SIZES.items():
        window.session.set_picture(photo_like(height, width))
        wait_until(lambda: not window.session.busy)
        edit_to_paint(window, 3)
        times = edit_to_paint(window, runs)
        print(line(f"kernel cell to repaint, RGB 3×3, {name}", times, GOALS[name]), flush=True)
    gaps = stalls_while_dragging(window, 4.0 if options.quick else 15.0)
    print(line("GUI stall, 12 MP RGB 15×15 dragged", gaps, GOALS["stall"], worst=True))
    window.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

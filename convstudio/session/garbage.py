"""Collecting cyclic garbage on the GUI thread alone.

Python collects wherever an allocation happens to cross a threshold, and that may be a worker. A widget in
a reference cycle would then be destroyed on the worker's thread, which Qt answers with a crash.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

INTERVAL_MILLISECONDS = 1000


class GuiThreadCollector(QObject):
    """Switches the automatic collection off and does it from a timer on the thread it lives on.

    What exists a second after the start (modules, widgets) is taken for permanent: collections look only
    at what was made since, and do not hold up the window.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._settled = False
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MILLISECONDS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    @Slot()
    def collect(self) -> None:
        """Collect the generations that have grown beyond Python's own thresholds."""
        if not self._settled:
            self._settled = True
            gc.freeze()
        for generation in (2, 1, 0):
            threshold = gc.get_threshold()[generation]
            if gc.get_count()[generation] > threshold > 0:
                gc.collect(generation)
                return

"""The strip that shows how far a long job is, with Cancel."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from convstudio.ui.tips import tip

_STEPS = 1000


class ProgressStrip(QFrame):
    """Hidden until ``start``. ``cancelled()`` says that the user pressed Cancel."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("progress-strip")
        self.setProperty("role", "panel")
        self._text = QLabel(self)
        self._text.setObjectName("progress-text")
        self._bar = QProgressBar(self)
        self._bar.setObjectName("progress-bar")
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._bar.setAccessibleName("Progress")
        self._bar.setToolTip(tip("How much of the work is done."))
        self._cancel = QPushButton("Cancel", self)
        self._cancel.setObjectName("progress-cancel")
        self._cancel.setToolTip(tip("Give this work up; what was there before stays."))
        self._cancel.setAccessibleName("Cancel")
        self._cancel.clicked.connect(self._on_cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 5, 10, 5)
        row.setSpacing(12)
        row.addWidget(self._text)
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        # A strip that comes and goes must not make a small window wider.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.hide()

    def start(self, text: str, *, cancellable: bool = True) -> None:
        """Show the strip with these words; the bar runs without an end until a fraction is known."""
        self._cancel.setVisible(cancellable)
        self._text.setText(text)
        self._bar.setRange(0, 0)
        self._cancel.setEnabled(True)
        self._cancel.setText("Cancel")
        self.show()

    def set_fraction(self, fraction: float) -> None:
        """Show how much is done, 0–1; anything outside is cut to that."""
        self._bar.setRange(0, _STEPS)
        self._bar.setValue(round(min(max(fraction, 0.0), 1.0) * _STEPS))

    def finish(self) -> None:
        """Hide the strip."""
        self.hide()
        # A bar without an end animates on a timer of its own as long as it has no range.
        self._bar.setRange(0, _STEPS)

    def _on_cancel(self) -> None:
        # Stopping takes until the worker's next check: the button says that it was heard.
        self._cancel.setEnabled(False)
        self._cancel.setText("Cancelling…")
        self.cancelled.emit()

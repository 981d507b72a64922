"""Spin boxes and combo boxes that live well in a scrolling panel.

The wheel reaches them only while they have the keyboard focus, so scrolling a panel never changes a
value on the way. Their arrows are thin chevrons in the theme's dim colour.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QLocale, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QValidator,
    QWheelEvent,
)
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox, QToolButton, QWidget

from convstudio.ui.theme import theme_of

ROW_HEIGHT = 26  # px, of every control in a form, so that columns line up
ARROWS = 18  # px on the right that belong to a spin box's two arrows
_HALF = 3.5  # half a chevron's width, px

FIELD_STYLE = f"""
QSpinBox, QDoubleSpinBox {{ padding: 2px; }}
QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{ color: palette(placeholder-text); }}
QPushButton[role="segment"] {{ padding: 3px 2px; }}
QPushButton[role="segment"]:disabled {{ color: palette(placeholder-text); background: palette(window); }}
QPushButton[role="segment"]:checked:disabled {{ background: palette(mid); border-color: palette(mid); }}
QComboBox {{ padding: 2px 6px; combobox-popup: 0; }}
QSpinBox::up-button, QDoubleSpinBox::up-button {{ subcontrol-origin: border; subcontrol-position: top right;
  width: {ARROWS}px; border: none; background: transparent; }}
QSpinBox::down-button, QDoubleSpinBox::down-button {{ subcontrol-origin: border;
  subcontrol-position: bottom right; width: {ARROWS}px; border: none; background: transparent; }}
QSpinBox::up-arrow, QSpinBox::down-arrow, QDoubleSpinBox::up-arrow, QDoubleSpinBox::down-arrow {{
  image: none; width: 0; height: 0; }}
QComboBox::drop-down {{ border: none; width: {ARROWS}px; }}
QComboBox::down-arrow {{ image: none; width: 0; height: 0; }}
QPushButton[role="segment"][joined="true"] {{ border-left-width: 0; }}
QToolButton[role="more"] {{ border-left-width: 0; border-radius: 0; padding: 0; }}
"""
"""For the container of such controls: takes the style's own arrows away (``theme.py`` has the colours)."""


def draw_chevron(painter: QPainter, centre: QPointF, colour: QColor, *, up: bool) -> None:
    """Draw a thin arrow head around ``centre``."""
    rise = -_HALF / 2 if up else _HALF / 2
    pen = QPen(colour, 1.4)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    painter.drawPolyline(
        [
            centre + QPointF(-_HALF, -rise),
            centre + QPointF(0, rise),
            centre + QPointF(_HALF, -rise),
        ]
    )


def _arrow_colour(widget: QWidget, *, live: bool) -> QColor:
    theme = theme_of(widget)
    return QColor(theme.text_dim if live and widget.isEnabled() else theme.border)


def _draw_spin_arrows(spin: QSpinBox | QDoubleSpinBox) -> None:
    painter = QPainter(spin)
    box = QRectF(spin.rect())
    x = box.right() - ARROWS / 2
    up, down = spin.value() < spin.maximum(), spin.value() > spin.minimum()
    draw_chevron(painter, QPointF(x, box.height() * 0.33), _arrow_colour(spin, live=up), up=True)
    draw_chevron(painter, QPointF(x, box.height() * 0.69), _arrow_colour(spin, live=down), up=False)
    painter.end()


def _leaves_to_window(event: QEvent) -> bool:
    """Keep undo and redo from the text of a spin box: every keystroke and step is a step of the window's."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    keys = QKeySequence.StandardKey
    if not (event.matches(keys.Undo) or event.matches(keys.Redo)):
        return False
    event.ignore()  # nobody's own key, so the window's shortcut has it
    return True


def _number_in(text: str) -> float | None:
    """Return the number at the start of what was typed before a unit, ``None`` where there is none."""
    found = re.match(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))", _plain(text))
    return float(found[1]) if found else None


def _beyond(spin: QSpinBox | QDoubleSpinBox, text: str) -> bool:
    """Return whether a typed number is out of range, or a minus sign may be the start of such a one.

    Qt swallows the digit that leads out of the range, which turns a typed 99 into a silent 9.
    """
    number = _number_in(text)
    if number is None:
        return _plain(text).strip().removesuffix(spin.suffix().strip()).strip() == "-"
    return not spin.minimum() <= number <= spin.maximum()


def _nearest(spin: QSpinBox | QDoubleSpinBox, text: str) -> str:
    """Return the text of the allowed number nearest to the typed one, or the text itself."""
    number = _number_in(text)
    if number is None:
        return text
    limit = spin.minimum() if number < spin.minimum() else spin.maximum()
    shown = spin.textFromValue(limit)  # type: ignore[arg-type]  # each kind takes its own limits
    return f"{spin.prefix()}{shown}{spin.suffix()}"


class QuietSpinBox(QSpinBox):
    """A whole-number spin box that ignores the wheel unless it has the focus.

    A number beyond the range may be typed; leaving the field takes the nearest that is allowed.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(44)
        self.setFixedHeight(ROW_HEIGHT)
        self.lineEdit().setTextMargins(4, 0, 0, 0)
        self.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        return _leaves_to_window(event) or super().eventFilter(watched, event)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        state, text, position = super().validate(text, position)
        if state == QValidator.State.Invalid and _beyond(self, text):
            state = QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        return _nearest(self, text)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _draw_spin_arrows(self)


class QuietDoubleSpinBox(QDoubleSpinBox):
    """A spin box for real numbers: as many decimals as the number needs, a point or a comma typed.

    A number beyond the range may be typed; leaving the field takes the nearest that is allowed.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(44)
        self.setFixedHeight(ROW_HEIGHT)
        self.lineEdit().setTextMargins(4, 0, 0, 0)
        self.setLocale(QLocale.c())
        self.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        return _leaves_to_window(event) or super().eventFilter(watched, event)

    def textFromValue(self, value: float) -> str:
        text = f"{value:.{self.decimals()}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "0" if text == "-0" else text.replace("-", "−")

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(_plain(text))

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        # The typed text stays as it is: what Qt would hand back is the normalised copy.
        state = super().validate(_plain(text), position)[0]
        if state == QValidator.State.Invalid and _beyond(self, text):
            state = QValidator.State.Intermediate
        return state, text, position

    def fixup(self, text: str) -> str:
        return _nearest(self, text)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _draw_spin_arrows(self)


def _plain(text: str) -> str:
    return text.replace(",", ".").replace("−", "-")


class QuietComboBox(QComboBox):
    """A combo box that ignores the wheel unless it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumContentsLength(6)
        self.setFixedHeight(ROW_HEIGHT)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def showPopup(self) -> None:
        super().showPopup()
        # Qt forgets the theme's borders when it measures the list, and cuts the last row.
        view, box = self.view(), self.view().window()
        rows = sum(view.sizeHintForRow(row) for row in range(min(self.count(), self.maxVisibleItems())))
        missing = rows - view.viewport().height()
        if missing > 0:
            above = box.y() < self.mapToGlobal(self.rect().topLeft()).y()
            box.setGeometry(box.x(), box.y() - (missing if above else 0), box.width(), box.height() + missing)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        box = QRectF(self.rect())
        centre = QPointF(box.right() - ARROWS / 2, box.center().y())
        draw_chevron(painter, centre, _arrow_colour(self, live=True), up=False)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.update()


class MoreButton(QToolButton):
    """A chevron at the end of a row of segments that opens a menu."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "more")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(ARROWS + 2, ROW_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        centre = QRectF(self.rect()).center()
        draw_chevron(painter, centre, _arrow_colour(self, live=True), up=False)
        painter.end()

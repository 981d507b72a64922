"""The two themes: colours by role, the palette and the style sheet made from them.

Widgets that paint themselves ask ``theme_of(widget)``; it reads the widget's palette, so there is no
global state and a switch of theme reaches every widget through Qt's own palette change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

ThemeName = Literal["dark", "light"]
ThemeChoice = Literal["system", "dark", "light"]


@dataclass(frozen=True)
class Theme:
    """Colours by role, as ``#rrggbb``."""

    name: ThemeName
    window: str  # behind everything
    panel: str  # side panels and bars
    card: str  # cards and read-outs on a panel
    field: str  # text fields and lists
    button: str
    button_hover: str
    border: str
    text: str
    text_dim: str  # captions, units
    accent: str  # selection, primary buttons
    accent_text: str
    canvas: str  # behind a picture
    good: str  # a proof that holds
    warning: str
    error: str
    error_back: str  # the message bar behind an error
    highlight: str  # the cell under the cursor


DARK = Theme(
    name="dark",
    window="#16181d",
    panel="#1e2128",
    card="#272b34",
    field="#1a1d23",
    button="#2c313b",
    button_hover="#373d49",
    border="#393f4b",
    text="#e3e6ec",
    text_dim="#9aa1ae",
    accent="#2f6fe0",
    accent_text="#ffffff",
    canvas="#111317",
    good="#7fd88f",
    warning="#f0c674",
    error="#ff8f84",
    error_back="#4a2326",
    highlight="#ffd75e",
)

LIGHT = Theme(
    name="light",
    window="#e9ebef",
    panel="#f6f7f9",
    card="#ffffff",
    field="#ffffff",
    button="#ffffff",
    button_hover="#eaf0fb",
    border="#c9ced8",
    text="#1c2026",
    text_dim="#5b6370",
    accent="#2563d4",
    accent_text="#ffffff",
    canvas="#d9dce2",
    good="#1b7a36",
    warning="#8a5a00",
    error="#b3261e",
    error_back="#fbe4e2",
    highlight="#b85c00",
)


def theme_of(widget: QWidget) -> Theme:
    """Return the theme that the widget's palette belongs to."""
    return DARK if widget.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def apply_theme(app: QApplication, choice: ThemeChoice) -> Theme:
    """Give the whole application a theme and return it; ``"system"`` follows the desktop."""
    theme = _chosen(choice)
    if app.style().objectName().lower() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_palette(theme))
    app.setStyleSheet(style_sheet(theme))
    return theme


def _chosen(choice: ThemeChoice) -> Theme:
    if choice == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
        return LIGHT if scheme.name == "Light" else DARK
    return DARK if choice == "dark" else LIGHT


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for which, colour in {
        role.Window: theme.panel,
        role.WindowText: theme.text,
        role.Base: theme.field,
        role.AlternateBase: theme.card,
        role.Text: theme.text,
        role.PlaceholderText: theme.text_dim,
        role.Button: theme.button,
        role.ButtonText: theme.text,
        role.BrightText: theme.error,
        role.ToolTipBase: theme.card,
        role.ToolTipText: theme.text,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.accent_text,
        role.Link: theme.accent,
        role.Mid: theme.border,
    }.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        dim = QColor(theme.text_dim)
        dim.setAlpha(140)
        palette.setColor(QPalette.ColorGroup.Disabled, which, dim)
    return palette


def style_sheet(theme: Theme) -> str:
    """Return the application's style sheet.

    Widgets opt in by the dynamic property ``role``: ``card``, ``caption`` (dim small text), ``section``
    (a panel's heading), ``numbers`` (monospaced read-out), ``primary`` and ``flat`` (buttons), ``panel``,
    ``canvas``, ``segment`` (a checkable part of a segmented choice), ``problem`` (an inline error).
    """
    t = theme
    return f"""
QMainWindow, QDialog {{ background: {t.window}; }}
QWidget[role="panel"] {{ background: {t.panel}; }}
QWidget[role="canvas"] {{ background: {t.canvas}; }}
QFrame[role="card"] {{ background: {t.card}; border: 1px solid {t.border}; border-radius: 6px; }}
QLabel[role="caption"] {{ color: {t.text_dim}; font-size: 11px; }}
QLabel[role="section"] {{ color: {t.text_dim}; font-size: 11px; font-weight: 700; letter-spacing: 1px; }}
QLabel[role="title"] {{ font-weight: 600; }}
QLabel[role="numbers"] {{ font-family: "DejaVu Sans Mono", "Consolas", "Menlo", monospace; font-size: 12px; }}
QLabel[role="problem"] {{ color: {t.error}; font-size: 12px; }}
QLabel[wrong="true"] {{ color: {t.error}; }}
QLabel[role="good"] {{ color: {t.good}; }}
QToolTip {{ background: {t.card}; color: {t.text}; border: 1px solid {t.border}; padding: 4px; }}

QPushButton, QToolButton {{ background: {t.button}; color: {t.text}; border: 1px solid {t.border};
  border-radius: 5px; padding: 4px 10px; }}
QPushButton:hover, QToolButton:hover {{ background: {t.button_hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {t.border}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {t.text_dim}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {t.accent}; }}
QPushButton:checked, QToolButton:checked {{ background: {t.accent}; color: {t.accent_text};
  border-color: {t.accent}; }}
QPushButton[role="primary"], QToolButton[role="primary"] {{ background: {t.accent}; color: {t.accent_text};
  border-color: {t.accent}; }}
QPushButton[role="primary"]:disabled {{ background: {t.button}; color: {t.text_dim};
  border-color: {t.border}; }}
QToolButton[role="flat"], QPushButton[role="flat"] {{ background: transparent; border-color: transparent; }}
QToolButton[role="flat"]:hover, QPushButton[role="flat"]:hover {{ background: {t.button_hover}; }}
QToolButton[role="thumbnail"] {{ padding: 1px; border-radius: 4px; background: {t.canvas}; }}
QToolButton[role="thumbnail"]:hover {{ border-color: {t.accent}; }}
QToolBar QToolButton {{ padding: 4px 9px; }}
QToolButton::menu-indicator {{ image: none; }}
QPushButton[role="segment"] {{ border-radius: 0; padding: 4px 6px; }}

QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QListView, QTreeView {{
  background: {t.field}; color: {t.text}; border: 1px solid {t.border}; border-radius: 4px;
  selection-background-color: {t.accent}; selection-color: {t.accent_text}; }}
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ padding: 3px 6px; min-height: 18px; }}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QListView:focus,
QTreeView:focus {{ border-color: {t.accent}; }}
QLineEdit[invalid="true"] {{ border-color: {t.error}; }}
QComboBox QAbstractItemView {{ background: {t.card}; border: 1px solid {t.border}; }}

QMenuBar {{ background: {t.window}; color: {t.text}; padding: 2px; }}
QMenuBar::item {{ padding: 4px 9px; background: transparent; border-radius: 4px; }}
QMenuBar::item:selected {{ background: {t.button_hover}; }}
QMenu {{ background: {t.card}; color: {t.text}; border: 1px solid {t.border}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 20px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.accent}; color: {t.accent_text}; }}
QMenu::item:disabled {{ color: {t.text_dim}; }}
QMenu::separator {{ height: 1px; background: {t.border}; margin: 4px 6px; }}
QToolBar {{ background: {t.panel}; border: none; border-bottom: 1px solid {t.border}; spacing: 6px;
  padding: 5px 8px; }}
QToolBar::separator {{ width: 1px; background: {t.border}; margin: 3px 5px; }}
QStatusBar {{ background: {t.window}; color: {t.text_dim}; }}
QStatusBar::item {{ border: none; }}
QSplitter::handle {{ background: {t.border}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QSplitter::handle:vertical {{ height: 1px; }}
QScrollArea {{ border: none; background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {t.border}; border-radius: 4px; min-height: 24px; min-width: 24px;
  margin: 1px; }}
QScrollBar::handle:hover {{ background: {t.text_dim}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QProgressBar {{ background: {t.field}; border: 1px solid {t.border}; border-radius: 4px; height: 8px;
  text-align: center; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
"""

"""Every action by one declaration: its menu entry, tool button, shortcut and place in the finder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from convstudio.ui.icons import icon


@dataclass(frozen=True)
class ActionSpec:
    """One thing the user can do.

    Attributes:
        name: the action's ``objectName``.
        menu: the menu it stands in, ``"View/Theme"`` for a submenu; an empty string for none.
        text: what the menu says; the finder shows it too.
        tip: one sentence that teaches, shown as tooltip and in the status bar.
        shortcuts: key sequences, the first is the one that is shown.
        icon: a name of ``ui.icons``, or an empty string.
        group: actions with the same group are alternatives of which one is checked.
        checkable: whether it is a switch.
        separated: whether a line stands above it in its menu.
    """

    name: str
    menu: str
    text: str
    tip: str
    run: Callable[[], object]
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    group: str = ""
    checkable: bool = False
    separated: bool = False


class Actions:
    """The window's actions by name, and its menus by path."""

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._icons: dict[str, str] = {}
        self._drawn: tuple[str, int] | None = None  # the colour of the icons, and how many there were
        self._menus: dict[str, QMenu] = {}
        self._groups: dict[str, QActionGroup] = {}

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def all(self) -> list[QAction]:
        """Return every action, in the order of declaration."""
        return list(self._actions.values())

    def menu(self, path: str) -> QMenu:
        """Return the menu at ``path``, made on first use."""
        if path not in self._menus:
            parent, _, title = path.rpartition("/")
            # PySide deletes a menu that addMenu(str) made once its Python wrapper goes; we keep them all.
            self._menus[path] = (
                self.menu(parent).addMenu(title)
                if parent
                else self._window.menuBar().addMenu(f"&{title}")  # Alt and its first letter open it
            )
            self._menus[path].setObjectName(f"menu-{path.lower().replace('/', '-').replace(' ', '-')}")
            self._menus[path].setToolTipsVisible(True)
        return self._menus[path]

    def add(self, spec: ActionSpec) -> QAction:
        """Make the action that ``spec`` declares and put it into its menu."""
        action = QAction(spec.text, self._window)
        action.setObjectName(spec.name)
        action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{spec.tip}  ({shown})" if shown else spec.tip)
        action.setStatusTip(spec.tip)
        action.setCheckable(spec.checkable or bool(spec.group))
        if spec.group:
            self._group(spec.group).addAction(action)
        action.triggered.connect(lambda _checked=False: spec.run())
        if spec.menu:
            menu = self.menu(spec.menu)
            if spec.separated:
                menu.addSeparator()
            menu.addAction(action)
            action.setProperty("menuPath", spec.menu.replace("/", " ▸ "))
        self._window.addAction(action)
        self._actions[spec.name] = action
        if spec.icon:
            self._icons[spec.name] = spec.icon
        return action

    def _group(self, name: str) -> QActionGroup:
        if name not in self._groups:
            self._groups[name] = QActionGroup(self._window)
            self._groups[name].setExclusive(True)
        return self._groups[name]

    def paint_icons(self, colour: str) -> None:
        """Draw all icons in the theme's text colour, if they are not drawn in it already."""
        drawn = (colour, len(self._icons))
        if drawn == self._drawn:
            return
        self._drawn = drawn
        for name, picture in self._icons.items():
            self._actions[name].setIcon(icon(picture, colour))

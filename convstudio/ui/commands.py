"""What the menus, the tool bar and the action finder do: the declarations of all actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt, Slot
from PySide6.QtWidgets import QMenu, QMessageBox, QToolBar, QToolButton, QWidget

from convstudio import __version__
from convstudio.engine.display import VIEWS
from convstudio.io.samples import SAMPLES
from convstudio.model import Project
from convstudio.ui.actions import Actions, ActionSpec
from convstudio.ui.stack_commands import StackCommands
from convstudio.ui.training_commands import TrainingCommands

if TYPE_CHECKING:
    from convstudio.ui.main_window import MainWindow


def _literal(text: str) -> str:
    """Return ``text`` for a menu, where an ampersand would underline the letter after it."""
    return text.replace("&", "&&")


class Commands(QObject):
    """Declares every action of the window and carries them out through the session."""

    def __init__(self, window: MainWindow, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session
        self._actions = actions
        self._exchange = window.exchange
        self._add_file()
        self._add_edit()
        self.stack = StackCommands(window, actions)
        self._add_view()
        self._training = TrainingCommands(window, actions)
        self._add_help()
        self._make_tool_bar()
        self._show_history()
        self._show_recent()
        self._session.history_changed.connect(self._show_history)
        window.settings.recent_changed.connect(self._show_recent)

    def _add(
        self, name: str, menu: str, text: str, tip: str, run: Callable[[], object], *keys: str, **more: object
    ) -> None:
        spec = ActionSpec(name, menu, text, tip, run, tuple(keys), **more)  # type: ignore[arg-type]
        self._actions.add(spec)

    # --- declarations ---

    def _add_file(self) -> None:
        add = self._add
        projects = self._window.projects
        add("new", "File", "New", "Begin again with the bundled picture.", projects.new, "Ctrl+N")
        add(
            "open",
            "File",
            "Open…",
            "Open a picture of your own, or a project.",
            self._exchange.ask_open,
            "Ctrl+O",
            icon="open",
        )
        self._actions.menu("File/Open Recent")
        for sample in SAMPLES:
            add(
                f"open-sample-{sample.id}",
                "File/Bundled Pictures",
                sample.title,
                sample.note,
                partial(self._session.open_sample, sample.id),
            )
        self._actions.menu("File/Unsaved Work").aboutToShow.connect(self._show_left)
        add(
            "save-project",
            "File",
            "Save Project",
            "Save layers, kernels, picture and view, to go on another day.",
            projects.save,
            "Ctrl+S",
            icon="save",
            separated=True,
        )
        add(
            "save-project-as",
            "File",
            "Save Project As…",
            "Save the project to another file.",
            projects.ask_save_as,
            "Ctrl+Shift+S",
        )
        add(
            "embed-picture",
            "File",
            "Keep the Picture in the Project",
            "Put the picture into the project's file, or only where it lies: a small file that can be read "
            "as text.",
            self._embed,
            checkable=True,
        )
        add(
            "save",
            "File",
            "Save Result…",
            "Save the result as a picture or as numbers.",
            self._exchange.ask_save,
            "Ctrl+Shift+E",
            icon="photo",
            separated=True,
        )
        add("quit", "File", "Quit", "Close ConvStudio.", self._window.close, "Ctrl+Q", separated=True)

    def _add_edit(self) -> None:
        add, session = self._add, self._session
        add("undo", "Edit", "Undo", "Take back the last change.", session.undo, "Ctrl+Z", icon="undo")
        add(
            "redo",
            "Edit",
            "Redo",
            "Do again what was taken back.",
            session.redo,
            "Ctrl+Shift+Z",
            "Ctrl+Y",
            icon="redo",
        )
        add(
            "copy",
            "Edit",
            "Copy Result",
            "Copy the result, as shown, to the clipboard. In the kernel's grid this copies the kernel.",
            self._exchange.copy_result,
            "Ctrl+C",
            "Ctrl+Shift+C",
            icon="copy",
            separated=True,
        )
        add(
            "paste",
            "Edit",
            "Paste Picture",
            "Use the picture on the clipboard as input. In the kernel's grid this pastes a kernel.",
            self._exchange.paste,
            "Ctrl+V",
            icon="paste",
        )
        add(
            "reset-parameters",
            "Edit",
            "Reset Parameters",
            "Give padding, stride, dilation and the others their first values; the kernel stays.",
            self._reset_layer,
            icon="reset",
            separated=True,
        )

    def _add_view(self) -> None:
        add, views = self._add, self._window.views
        add("fit", "View", "Fit to Window", "Show the whole picture.", views.fit, "Ctrl+0", icon="fit")
        add(
            "actual-size",
            "View",
            "Actual Size",
            "One picture pixel on one screen pixel.",
            views.actual_size,
            "Ctrl+1",
            icon="actual-size",
        )
        add("zoom-in", "View", "Zoom In", "Look closer.", views.zoom_in, "Ctrl++", "Ctrl+=", icon="zoom-in")
        add("zoom-out", "View", "Zoom Out", "Step back.", views.zoom_out, "Ctrl+-", icon="zoom-out")
        add(
            "compare",
            "View",
            "Compare A|B",
            "Lay the output over the input with a divider to drag.",
            self._compare,
            "Ctrl+B",
            icon="compare",
            checkable=True,
            separated=True,
        )
        for number, view in enumerate(VIEWS, start=1):
            add(
                f"view-{view.id}",
                "View/Display Result As",
                view.title,
                view.help,
                partial(self._session.set_view, view.id),
                f"Alt+{number}",
                group="view",
            )
        for choice in ("system", "dark", "light"):
            add(
                f"theme-{choice}",
                "View/Theme",
                "As the System" if choice == "system" else choice.title(),
                "Follow the desktop's theme." if choice == "system" else f"Use the {choice} theme.",
                partial(self._window.set_theme, choice),
                group="theme",
            )
        add(
            "full-screen",
            "View",
            "Full Screen",
            "Use the whole screen, for a projector.",
            self._full_screen,
            "F11",
            checkable=True,
            separated=True,
        )
        add("prove", "View", "Prove Again", "Check another random crop against SciPy.", self._session.prove)

    def _add_help(self) -> None:
        add = self._add
        add(
            "find-action",
            "Help",
            "Find an Action…",
            "Find anything ConvStudio can do by its name.",
            self._open_finder,
            "Ctrl+K",
            icon="find",
        )
        add("about", "Help", "About ConvStudio", "Version and licence.", self._about, separated=True)

    def _make_tool_bar(self) -> None:
        bar = QToolBar("Tools", self._window)
        bar.setObjectName("tool-bar")
        bar.setMovable(False)
        bar.setIconSize(QSize(16, 16))
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.addAction(self._actions["open"])
        bar.addWidget(self._menu_button("Pictures", "File/Bundled Pictures", bar))
        bar.addAction(self._actions["save-project"])
        bar.addAction(self._actions["save"])
        bar.addSeparator()
        for name in ("undo", "redo"):
            bar.addAction(self._actions[name])
        bar.addSeparator()
        for name in ("choose-preset", "fit", "actual-size", "compare"):
            bar.addAction(self._actions[name])
        bar.addSeparator()
        bar.addAction(self._actions["train"])
        self._tool_button(bar, "train").setProperty("role", "primary")
        for name, text in (
            ("undo", ""),
            ("redo", ""),
            ("choose-preset", "Kernels"),
            ("train", "Train…"),
            ("save", "Export…"),
            ("save-project", "Save"),
        ):
            if text:
                self._actions[name].setIconText(text)
            else:
                self._tool_button(bar, name).setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        for name, text in (("fit", "Fit"), ("actual-size", "1:1"), ("compare", "A|B")):
            self._actions[name].setIconText(text)
        spacer = QWidget(bar)
        spacer.setSizePolicy(spacer.sizePolicy().Policy.Expanding, spacer.sizePolicy().Policy.Preferred)
        bar.addWidget(spacer)
        bar.addAction(self._actions["find-action"])
        self._actions["find-action"].setIconText("Find an action  Ctrl+K")
        for action in self._actions.all():
            button = bar.widgetForAction(action)
            if button is not None:
                button.setObjectName(f"button-{action.objectName()}")
                button.setAccessibleName(action.text().rstrip("…"))
        self._window.addToolBar(bar)

    def _tool_button(self, bar: QToolBar, name: str) -> QToolButton:
        button = bar.widgetForAction(self._actions[name])
        assert isinstance(button, QToolButton)
        return button

    def _menu_button(self, text: str, menu: str, bar: QToolBar) -> QToolButton:
        button = QToolButton(bar)
        button.setObjectName(f"button-{text.lower()}")
        button.setText(f"{text} ▾")
        button.setToolTip("Open one of the bundled pictures.")
        button.setAccessibleName(text)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # as the tool bar's others: the keyboard has the menu
        button.setMenu(self._actions.menu(menu))
        return button

    # --- following the session ---

    def show_project(self, project: Project) -> None:
        """Check the present display view in the menu, and switch off what the selection leaves nothing to."""
        self._actions[f"view-{project.look.view}"].setChecked(True)
        self.stack.show_project(project)
        self._training.show_availability()
        self._actions["embed-picture"].setChecked(self._window.projects.files.embed)
        self._allow("reset-parameters", "" if project.shown is not None else "The photo has none.")

    @Slot()
    def _show_history(self) -> None:
        for name, text, why in (
            ("Undo", self._session.undo_text, "Nothing was changed yet."),
            ("Redo", self._session.redo_text, "Nothing was undone that could be done again."),
        ):
            self._allow(name.lower(), "" if text else why)
            self._actions[name.lower()].setText(_literal(f"{name} {text}") if text else name)
        self.show_availability()

    def show_availability(self) -> None:
        """Switch off what needs a result while the present project has none."""
        why = "" if self._session.is_computed() else "There is no result yet for what is set."
        for name in ("prove", "copy"):
            self._allow(name, why)

    def _allow(self, name: str, why_not: str) -> None:
        action = self._actions[name]
        action.setEnabled(not why_not)
        action.setProperty("whyDisabled", why_not)  # the action finder says it

    @Slot()
    def _show_recent(self) -> None:
        menu = self._actions.menu("File/Open Recent")
        menu.clear()
        recent = self._window.settings.recent
        menu.setEnabled(bool(recent))
        names = [path.name for path in recent]
        for number, path in enumerate(recent, start=1):
            twin = names.count(path.name) > 1
            text = f"{path.name} — {path.parent}" if twin else path.name
            self._add_recent(menu, f"open-recent-{number}", text, str(path), self._opener(path))
        if recent:
            menu.addSeparator()
            clear = self._window.settings.clear_recent
            self._add_recent(menu, "forget-recent", "Forget These", "Empty this list.", clear)

    @staticmethod
    def _add_recent(menu: QMenu, name: str, text: str, tip: str, run: Callable[[], object]) -> None:
        action = menu.addAction(_literal(text), run)
        action.setObjectName(name)
        action.setToolTip(tip)
        action.setStatusTip(tip)

    def _opener(self, path: Path) -> Callable[[], None]:
        return lambda: self._exchange.open_path(path)

    # --- the rest ---

    def _embed(self) -> None:
        self._window.projects.embed(self._actions["embed-picture"].isChecked())

    @Slot()
    def _show_left(self) -> None:
        self._window.projects.fill_menu(self._actions.menu("File/Unsaved Work"))

    def _reset_layer(self) -> None:
        if self._session.project.shown is not None:
            self._session.reset_layer(self._session.project.selected)

    def _compare(self) -> None:
        self._window.views.set_compare(self._actions["compare"].isChecked())

    def _full_screen(self) -> None:
        state = self._window.windowState()
        self._window.setWindowState(state ^ Qt.WindowState.WindowFullScreen)

    def _open_finder(self) -> None:
        self._window.finder.open()

    def _about(self) -> None:
        box = QMessageBox(self._window)
        box.setObjectName("about")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("About ConvStudio")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(
            f"ConvStudio {__version__}\n\nA playground for image filters and convolution kernels. "
            "Everything on screen is computed by its own NumPy core and checked against SciPy."
        )
        box.setInformativeText("MIT licence.")
        box.open()

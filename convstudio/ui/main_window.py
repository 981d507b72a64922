"""The main window: its parts put together, the session's signals led to them and their requests back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from convstudio.engine.evaluate import Evaluation
from convstudio.engine.proof import Proof
from convstudio.io.samples import load_sample
from convstudio.model import Project
from convstudio.session.session import Failure, Session
from convstudio.session.settings import Settings
from convstudio.ui.action_finder import ActionFinder
from convstudio.ui.actions import Actions
from convstudio.ui.centre import Centre
from convstudio.ui.commands import Commands
from convstudio.ui.exchange import Exchange, has_picture
from convstudio.ui.filter_bar import FilterBar
from convstudio.ui.inspector import Inspector
from convstudio.ui.kernel_editor import KernelEditor
from convstudio.ui.kernel_exchange import KernelExchange
from convstudio.ui.layer_limits import misfit
from convstudio.ui.map_exchange import MapExchange
from convstudio.ui.project_control import FIRST_SAMPLE, ProjectControl
from convstudio.ui.readout import Readout, proof_words
from convstudio.ui.sidebar import Sidebar
from convstudio.ui.slow_work import SlowWork
from convstudio.ui.stack_control import StackControl
from convstudio.ui.theme import ThemeChoice, apply_theme, theme_of
from convstudio.ui.tool_control import LOW_WINDOW, ToolControl

MOMENT_MILLISECONDS = 150
FACTS_MILLISECONDS = 4
"""How long the numbers stay behind a picture: with none, their timer may come before the painting."""
DEFAULT_SIZE = (1440, 900)
TITLE_BAR = 48  # px that a desktop may put over the window, unknown before it is shown


class MainWindow(QMainWindow):
    """Puts the panels together; owns the session."""

    unexpected = Signal(str)  # from any thread: an error nobody caught

    def __init__(
        self,
        settings: Settings,
        *,
        theme: str | None = None,
        size: tuple[int, int] | None = None,
        recovery: Path | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """``recovery`` is the folder in which unsaved work is kept safe; without one it is not."""
        super().__init__(parent)
        self.setObjectName("main-window")
        self.setWindowTitle("ConvStudio")
        self.settings = settings
        self.session = Session(Project.first(load_sample(FIRST_SAMPLE)), self)
        self._theme_override = theme
        self._seen = False

        self.sidebar = Sidebar(self)
        self.centre = Centre(self)
        self.views = self.centre.views
        self.message_bar = self.centre.message_bar
        self.progress = self.centre.progress
        self.filters = FilterBar(self)
        self.editor = KernelEditor(self)
        self.inspector = Inspector(self._kernel_panel(), self)
        self.readout = Readout(self)
        self._lay_out()
        self.slow = SlowWork(self.progress, self)
        self.actions_table = Actions(self)
        self.exchange = Exchange(self)
        self.control = StackControl(self)
        self.tools = ToolControl(self)
        self.training = self.tools.training
        self.kernel_exchange = KernelExchange(self)
        self.map_exchange = MapExchange(self)
        self.projects = ProjectControl(self, recovery)
        self.commands = Commands(self, self.actions_table)
        self.finder = ActionFinder(self.actions_table.all(), self)
        self.finder.set_recent(settings.recent_actions)

        self._after_paint = self._timer(FACTS_MILLISECONDS, self._show_facts)
        self._moment = self._timer(MOMENT_MILLISECONDS, self._tell_expected)
        self._expected = ("", "")
        self._shown: Evaluation | None = None
        self.set_theme(theme or settings.theme, remember=False)
        self._connect()
        self._restore(size)
        self._show_project(self.session.project)
        self.session.compute()

    @property
    def busy(self) -> bool:
        """Whether anything is on its way: a result, its proof, maps, a report, a file."""
        workers = (self.session, self.tools, self.kernel_exchange, self.map_exchange, self.projects.files)
        return any(worker.busy for worker in workers)

    # --- putting together ---

    def _timer(self, milliseconds: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _kernel_panel(self) -> QWidget:
        panel = QWidget(self)
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.filters)
        column.addWidget(self.editor)
        return panel

    def _lay_out(self) -> None:
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setObjectName("main-splitter")
        self.splitter.setChildrenCollapsible(False)
        self.right = QStackedWidget(self)
        self.right.setObjectName("right-column")
        self.right.addWidget(self.inspector)
        for widget, stretch in ((self.sidebar, 0), (self.centre, 1), (self.right, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.splitter.setSizes([224, 900, 324])
        self.sidebar.setMinimumWidth(224)
        self.right.setMinimumWidth(316)
        self.setCentralWidget(self.splitter)
        self.setStatusBar(self.readout)
        self.setAcceptDrops(True)

    def show_right(self, panel: QWidget | None) -> None:
        """Show a panel in the right column, or the inspector (None)."""
        if panel is not None and self.right.indexOf(panel) < 0:
            self.right.addWidget(panel)
        self.right.setCurrentWidget(panel or self.inspector)

    def _connect(self) -> None:
        session = self.session
        session.project_changed.connect(self._show_project)
        session.result_ready.connect(self._show_result)
        session.result_failed.connect(self._show_failure)
        session.stack_ready.connect(self._show_stack)
        self.slow.follow(session)
        session.proof_started.connect(self._proof_started)
        session.proof_ready.connect(self._show_proof)
        session.proof_failed.connect(self._proof_failed)
        session.message.connect(self._show_message)
        session.picture_opened.connect(self._picture_opened)
        self.unexpected.connect(self._show_unexpected)
        self.editor.problem.connect(self._show_warning)
        self.inspector.edit_ended.connect(self._edit_ended)
        self.views.view_chosen.connect(session.set_view)
        self.views.channel_chosen.connect(session.set_channel)
        self.views.cursor_moved.connect(self.readout.show_cursor)
        self.views.files_dropped.connect(self.exchange.open_dropped)
        self.views.image_dropped.connect(self.exchange.open_image)
        self.sidebar.samples.sample_chosen.connect(session.open_sample)
        self.sidebar.layers.photo_open_requested.connect(self.exchange.ask_open)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._desktop_theme_changed)

    def _restore(self, size: tuple[int, int] | None) -> None:
        geometry = self.settings.layout("window")
        if size is not None:
            self.resize(*size)
        elif geometry is None or not self.restoreGeometry(geometry):
            room = self.screen().availableSize() - QSize(0, TITLE_BAR)
            self.resize(QSize(*DEFAULT_SIZE).boundedTo(room))
            if self.size() != QSize(*DEFAULT_SIZE):  # on a small screen no pixel is to be lost
                self.setWindowState(self.windowState() | Qt.WindowState.WindowMaximized)
        for name, splitter in self._splitters():
            state = self.settings.layout(name)
            if state is not None and size is None:
                splitter.restoreState(state)
        state = self.settings.layout("centre")
        self.centre.tools.set_folded(self.height() < LOW_WINDOW)
        self.centre.restore_state(state if size is None else None)

    def _splitters(self) -> tuple[tuple[str, QSplitter], ...]:
        return ("splitter", self.splitter), ("views", self.views.splitter)

    # --- themes ---

    def set_theme(self, choice: str, *, remember: bool = True) -> None:
        """Dress the whole application in ``"dark"``, ``"light"`` or the ``"system"``'s theme."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        known: ThemeChoice = "dark" if choice == "dark" else "light" if choice == "light" else "system"
        apply_theme(app, known)
        if remember:
            self.settings.theme = known
            self._theme_override = None
        self.actions_table[f"theme-{known}"].setChecked(True)
        self.actions_table.paint_icons(theme_of(self).text)

    @Slot()
    def _desktop_theme_changed(self) -> None:
        if self._theme_override is None and self.settings.theme == "system":
            self.set_theme("system", remember=False)

    # --- requests of the panels ---

    @Slot()
    def _edit_ended(self) -> None:
        self.session.end_merge()

    # --- what the session tells ---

    @Slot(object)
    def _show_project(self, project: Project) -> None:
        self.projects.show_title()
        self.control.show_project(project)
        self.sidebar.show_kernel(None if self.control.bank_item() is None else self.editor.kernel())
        self.sidebar.layers.show_project(project)
        self.commands.show_project(project)
        self.tools.show_project(project)
        if not self.session.is_computed():
            # The last result's verdict says nothing about what is asked for now.
            self._expect_proof("computing…", "The result is not there yet.")

    @Slot(object)
    def _show_result(self, evaluation: Evaluation) -> None:
        self.views.show_result(evaluation)
        self._shown = evaluation
        self._after_paint.start()

    @Slot()
    def _show_facts(self) -> None:
        """Show what follows from a result, once the picture is on screen."""
        evaluation, self._shown = self._shown, None
        if evaluation is None:
            return
        self.sidebar.layers.show_result(evaluation)
        self.tools.show_result(evaluation)
        self.commands.show_availability()
        if evaluation.project.shows_the_same(self.session.project):
            self.message_bar.clear("result")
            if evaluation.shown is not None:
                self.inspector.show_result(evaluation.shown)
            self.readout.show_algorithm(evaluation.shown)
        else:
            self.slow.advanced("compute")

    @Slot(object)
    def _show_stack(self, evaluation: Evaluation) -> None:
        if evaluation.project.shows_the_same(self.session.project):
            self.sidebar.layers.show_stack(evaluation)

    @Slot(object)
    def _show_failure(self, failure: Failure) -> None:
        self._shown = None  # what follows from an older result comes too late
        self.views.show_failure(failure, self.session.project.picture)
        self._tell_proof("", "none", "", "")
        self.sidebar.layers.show_failure(failure)
        self.tools.show_failure(failure)
        self.commands.show_availability()
        self.inspector.show_failure(failure.message)
        if failure.cancelled:
            again = ("Compute again", self.session.compute)
            self.message_bar.show_message(failure.message, "warning", again, topic="result")
            return
        self.readout.show_algorithm(None)
        text, repair = failure.message, None
        project = self.session.project
        if failure.layer_id in project.in_shapes and failure.layer_id is not None:
            item, shape = project.item(failure.layer_id), project.in_shapes[failure.layer_id]
            text = misfit(item.layer, shape, self.control.mate(project, item.id)) or text
            if failure.layer_id != project.selected:
                text = f"{item.title}: {text}"
        if failure.repair is not None and failure.layer_id is not None:
            work = partial(self.control.edits.repair, failure.layer_id, failure.repair)
            repair = (failure.repair.text, work)
        self.message_bar.show_message(text, "error", repair, topic="result")

    @Slot()
    def _proof_started(self) -> None:
        self._expect_proof("checking against SciPy…", "A random crop is being computed again.")

    @Slot(object)
    def _show_proof(self, proof: Proof | None) -> None:
        if proof is None:  # nothing was computed that could be computed in another way
            self._tell_proof("", "none", "", "")
            return
        text, tip = proof_words(proof)
        self._tell_proof(text, "good" if proof.ok else "bad", "✓" if proof.ok else "✗", tip)

    @Slot(str)
    def _proof_failed(self, text: str) -> None:
        self._tell_proof(text, "bad", "?", text)

    def _expect_proof(self, text: str, tip: str) -> None:
        """Say that a verdict is on its way, unless it comes in a moment: words that flicker say nothing."""
        self._expected = (text, tip)
        if not self._moment.isActive():
            self._moment.start()

    @Slot()
    def _tell_expected(self) -> None:
        text, tip = self._expected
        self._tell_proof(text, "checking", "", tip)

    def _tell_proof(self, text: str, state: str, mark: str, tip: str) -> None:
        self._moment.stop()
        self.inspector.show_proof(text, state)
        self.readout.show_proof(text, state, tip)
        self.sidebar.layers.show_proof(mark, tip)

    @Slot(str, str, str)
    def _show_message(self, text: str, level: str, topic: str) -> None:
        self.message_bar.show_message(text, level, topic=topic)

    @Slot()
    def _picture_opened(self) -> None:
        for topic in ("open", "note"):  # of the picture before
            self.message_bar.clear(topic)

    @Slot(str)
    def _show_warning(self, text: str) -> None:
        self.message_bar.show_message(text, "warning", topic="edit")

    @Slot(str)
    def _show_unexpected(self, text: str) -> None:
        self.message_bar.show_message(text, "error")

    # --- window events ---

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._seen:
            self._seen = True
            QTimer.singleShot(0, self.sidebar.samples.load_icons)
            QTimer.singleShot(0, self.projects.offer_recovery)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if not hasattr(self, "actions_table"):
            return  # still being put together
        if event.type() == QEvent.Type.PaletteChange:
            self.actions_table.paint_icons(theme_of(self).text)
        elif event.type() == QEvent.Type.WindowStateChange:
            self.actions_table["full-screen"].setChecked(self.isFullScreen())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # The views take drops themselves, with a highlight; here is what falls beside them.
        if has_picture(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self.exchange.take(event.mimeData(), "dropped picture"):
            event.acceptProposedAction()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.projects.may_close() or not self.session.finish_saving():
            event.ignore()  # stay to tell that the file is not there; the result still can be saved elsewhere
            return
        self.settings.set_layout("window", self.saveGeometry())
        for name, splitter in self._splitters():
            self.settings.set_layout(name, splitter.saveState())
        self.settings.set_layout("centre", self.centre.save_state())
        self.settings.recent_actions = self.finder.recent()
        self.settings.sync()
        self.tools.close()
        self.kernel_exchange.close()
        self.map_exchange.close()
        self.projects.close()
        self.session.close()
        super().closeEvent(event)

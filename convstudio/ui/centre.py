"""The middle column of the window: messages, the pictures, the feature maps, the tools, progress."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping

from PySide6.QtCore import QByteArray, Qt, Slot
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from convstudio.ui.feature_maps import SCALES, SORTS, FeatureMapsPanel
from convstudio.ui.message_bar import MessageBar
from convstudio.ui.progress_strip import ProgressStrip
from convstudio.ui.tool_tabs import ToolTabs
from convstudio.ui.view_area import ViewArea

SCALE_IDS = tuple(each[0] for each in SCALES)
SORT_IDS = tuple(each[0] for each in SORTS)
_GRID_SHARE = 0.55  # of the height that pictures and maps share, when the maps become a grid


class Centre(QWidget):
    """Stacks the panels; the strip of maps keeps its height, the grid shares its with the pictures.

    A tall tool takes the place of pictures and maps while it is shown.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.message_bar = MessageBar(self)
        self.views = ViewArea(self)
        self.maps = FeatureMapsPanel(self)
        self.tools = ToolTabs(self)
        self.progress = ProgressStrip(self)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.setObjectName("centre-splitter")
        self.splitter.setChildrenCollapsible(False)
        for widget in (self.views, self.maps):
            self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.maps.grid_toggled.connect(self._share_height)
        self.tools.tall_changed.connect(self._give_column)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.message_bar)
        column.addWidget(self.splitter, 1)
        column.addWidget(self.tools)
        column.addWidget(self.progress)

    @Slot(bool)
    def _share_height(self, grid: bool) -> None:
        height = self.splitter.height()
        maps = round(_GRID_SHARE * height) if grid else self.maps.minimumHeight()
        self.splitter.setSizes([height - maps, maps])

    @Slot(bool)
    def _give_column(self, tall: bool) -> None:
        self.splitter.setVisible(not tall)

    def view_state(self) -> dict[str, object]:
        """Return what a project remembers of how it was looked at."""
        return {
            "grid": self.maps.is_grid,
            "tool": self.tools.current,
            "folded": self.tools.folded,
            "scale": self.maps.scale,
            "sort": self.maps.sort,
        }

    def show_view_state(self, state: Mapping[str, object]) -> None:
        """Look at a project as it was looked at when it was saved, as far as that is known."""
        if isinstance(state.get("grid"), bool):
            self.maps.set_grid(bool(state["grid"]))
        if state.get("scale") in SCALE_IDS:
            self.maps.choose_scale(str(state["scale"]))
        if state.get("sort") in SORT_IDS:
            self.maps.choose_sort(str(state["sort"]))
        if state.get("tool") in self.tools.tools:
            folded = self.tools.folded if not isinstance(state.get("folded"), bool) else state["folded"]
            self.tools.show_tool(str(state["tool"]))
            self.tools.set_folded(bool(folded))

    def save_state(self) -> QByteArray:
        """Return what is remembered between runs: the tools' height, grid or strip, the grid's share."""
        state = {
            "grid": self.maps.is_grid,
            "sizes": self.splitter.sizes(),
            "tools": bytes(self.tools.save_state().data()).decode("latin-1"),
        }
        return QByteArray(json.dumps(state).encode())

    def restore_state(self, saved: QByteArray | None) -> None:
        """Restore what ``save_state`` returned; what cannot be read counts as not saved."""
        if saved is None:
            return
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            state = json.loads(bytes(saved.data()).decode())
            self.tools.restore_state(QByteArray(str(state["tools"]).encode("latin-1")))
            self.maps.set_grid(bool(state["grid"]))
            self.splitter.setSizes([int(size) for size in state["sizes"]])

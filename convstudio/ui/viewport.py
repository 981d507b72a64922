"""Which part of the picture the linked views show, and how large.

Everything is in *input coordinates*: the centre of the input's pixel (row r, column c) is at x = c, y = r,
and its edges are half a unit away. A view maps them to its own rectangle around its own middle, so views
of the same size show the same part.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable

from PySide6.QtCore import QObject, QPointF, QRectF, Signal

SMALLEST = 0.01
LARGEST = 128.0
MARGIN = 10.0  # left free around a fitted picture
LADDER = (
    *(0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8),
    *(1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0),
)


class Viewport(QObject):
    """Pan and zoom shared by the views that show the same project.

    ``scale`` is in device-independent screen pixels per input pixel; ``zoom`` is in real screen pixels and
    is what "100%" speaks of, so that at 100 % a pixel of the picture is a pixel of the screen.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._content = QRectF(-0.5, -0.5, 1.0, 1.0)
        self._centre = self._content.center()
        self._scale = 1.0
        self._ratio = 1.0
        self._fitting = True
        self._views: dict[Hashable, tuple[float, float]] = {}

    # --- what is shown ---

    @property
    def centre(self) -> QPointF:
        """The input coordinates in the middle of every view."""
        return QPointF(self._centre)

    @property
    def scale(self) -> float:
        """Device-independent screen pixels per input pixel."""
        return self._scale

    @property
    def zoom(self) -> float:
        """Real screen pixels per input pixel."""
        return self._scale * self._ratio

    @property
    def fitting(self) -> bool:
        """Whether the whole picture is kept in view, also when views are resized."""
        return self._fitting

    @property
    def content(self) -> QRectF:
        """What there is to see, in input coordinates."""
        return QRectF(self._content)

    def describe(self) -> str:
        """Return the zoom in words: ``"fit · 92%"``, ``"100%"``, ``"3.5%"``."""
        percent = self.zoom * 100.0
        digits = f"{percent:.0f}" if percent >= 9.95 else f"{percent:.1f}"
        return f"fit · {digits}%" if self._fitting else f"{digits}%"

    def to_view(self, point: QPointF, width: float, height: float) -> QPointF:
        """Return where input coordinates lie in a view of that size."""
        offset = (point - self._centre) * self._scale
        return QPointF(width / 2.0 + offset.x(), height / 2.0 + offset.y())

    def to_input(self, position: QPointF, width: float, height: float) -> QPointF:
        """Return the input coordinates at a position in a view of that size."""
        return self._centre + (position - QPointF(width / 2.0, height / 2.0)) / self._scale

    # --- what the program tells it ---

    def set_content(self, content: QRectF) -> None:
        """Say what there is to see, in input coordinates with the pixels' edges: x from −0.5 to W − 0.5.

        A fitted picture stays fitted; otherwise the same place stays in view as far as it still exists.
        """
        if content != self._content and content.isValid():
            self._content = QRectF(content)
            self._move(self._centre, self._scale, self._fitting)

    def set_view_size(self, view: Hashable, width: float, height: float, ratio: float = 1.0) -> None:
        """Say how large a visible view is, and how many real pixels make one of its own."""
        same = self._views.get(view) == (width, height) and ratio == self._ratio
        if same or width <= 0.0 or height <= 0.0:
            return
        self._views[view] = (width, height)
        exact = not self._fitting and abs(self.zoom - 1.0) < 1e-9
        self._ratio = ratio
        self._move(self._centre, 1.0 / ratio if exact else self._scale, self._fitting)

    def forget_view(self, view: Hashable) -> None:
        """Say that a view is hidden: it no longer counts in fitting."""
        if self._views.pop(view, None) is not None and self._views:
            self._move(self._centre, self._scale, self._fitting)

    # --- what the user does ---

    def fit(self) -> None:
        """Show all of it, and keep showing all of it."""
        self._move(self._content.center(), self._scale, fitting=True)

    def actual_size(self, offset: QPointF | None = None) -> None:
        """Show a pixel of the picture as a pixel of the screen; ``offset`` as in ``zoom_to``."""
        self.zoom_to(1.0 / self._ratio, offset)

    def toggle_fit(self, offset: QPointF | None = None) -> None:
        """Go from the fitted picture to 100 % and back."""
        if self._fitting:
            self.actual_size(offset)
        else:
            self.fit()

    def zoom_to(self, scale: float, offset: QPointF | None = None) -> None:
        """Set the scale; what lies ``offset`` screen pixels from a view's middle stays where it is."""
        scale = min(max(scale, self._smallest()), LARGEST)
        anchor = offset if offset is not None else QPointF()
        fixed = self._centre + anchor / self._scale
        self._move(fixed - anchor / scale, scale, fitting=False)

    def set_zoom(self, zoom: float) -> None:
        """Set the zoom in real screen pixels per input pixel: 1 is what the user calls 100 %."""
        self.zoom_to(zoom / self._ratio)

    def zoom_by(self, factor: float, offset: QPointF | None = None) -> None:
        """Multiply the scale; ``offset`` as in ``zoom_to``."""
        self.zoom_to(self._scale * factor, offset)

    def zoom_step(self, steps: int, offset: QPointF | None = None) -> None:
        """Go to the next larger (or, with negative steps, smaller) round percentage."""
        zoom = self.zoom
        if steps > 0:
            index = bisect_right(LADDER, zoom * 1.001) + steps - 1
        else:
            index = bisect_left(LADDER, zoom * 0.999) + steps
        self.zoom_to(LADDER[min(max(index, 0), len(LADDER) - 1)] / self._ratio, offset)

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by screen pixels: to the right and down for positive numbers."""
        self._move(self._centre - QPointF(dx, dy) / self._scale, self._scale, fitting=False)

    def centre_on(self, point: QPointF) -> None:
        """Bring input coordinates to the middle of the views, as far as the picture stays in view."""
        self._move(point, self._scale, fitting=False)

    # --- the rules ---

    def _size(self) -> tuple[float, float]:
        sizes = self._views.values()
        return min((w for w, _ in sizes), default=1.0), min((h for _, h in sizes), default=1.0)

    def _fit_scale(self) -> float:
        width, height = self._size()
        across = max(width - 2.0 * MARGIN, 1.0) / self._content.width()
        down = max(height - 2.0 * MARGIN, 1.0) / self._content.height()
        return min(across, down, LARGEST)

    def _smallest(self) -> float:
        return min(SMALLEST, self._fit_scale())

    def _move(self, centre: QPointF, scale: float, fitting: bool) -> None:
        before = (self._centre, self._scale, self._fitting, self._ratio)
        fits = not fitting and self._fitting and scale == self._scale
        if fitting:
            centre, scale = self._content.center(), self._fit_scale()
        self._scale = scale
        width, height = self._size()
        left, right = self._content.left(), self._content.right()
        top, bottom = self._content.top(), self._content.bottom()
        self._centre = QPointF(
            _held(centre.x(), left, right, width / scale), _held(centre.y(), top, bottom, height / scale)
        )
        # Panning a picture that is all in view moves nothing: it stays fitted.
        self._fitting = fitting or (fits and self._centre == before[0])
        if before != (self._centre, self._scale, self._fitting, self._ratio) or fitting:
            self.changed.emit()


def _held(centre: float, low: float, high: float, visible: float) -> float:
    """Keep the picture in view along one axis: centred while it fits, else no farther than its edges."""
    length = high - low
    if length <= visible:
        return (low + high) / 2.0
    slack = min(visible / 2.0, length - visible)  # beyond the edge, up to the view's middle
    return min(max(centre, low + visible / 2.0 - slack), high - visible / 2.0 + slack)

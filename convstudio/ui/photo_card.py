"""What is known of the photo: its size, how its file stored it, what happened on the way in."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from convstudio.model import Picture
from convstudio.ui.fact_cards import Card
from convstudio.ui.formula import counted


class PhotoCard(Card):
    """The photo in a few lines."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("photo-card", parent)
        self._name = self.line("photo-name", "title")
        self._size = self.line("photo-size")
        self._store = self.line("photo-depth", "caption")
        self._notes = self.line("photo-notes", "caption")

    def show_picture(self, picture: Picture) -> None:
        """Show a picture's facts."""
        channels, height, width = picture.shape
        self._name.setText(picture.name)
        colours = "red, green, blue" if channels == 3 else "grey"
        self._size.setText(f"{width}×{height} pixels, {counted(channels, 'channel')} ({colours})")
        scaled = "" if picture.source_depth.startswith("float") else "; here 0 is black and 1 is white"
        self._store.setText(f"stored as {picture.source_depth}{scaled}")
        self._notes.setText("\n".join(picture.notes))
        self._notes.setVisible(bool(picture.notes))

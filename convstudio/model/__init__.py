"""The project document: frozen states and their history."""

from convstudio.model.history import History
from convstudio.model.picture import Picture
from convstudio.model.project import LayerItem, Look, Project, suiting_view

__all__ = ["History", "LayerItem", "Look", "Picture", "Project", "suiting_view"]

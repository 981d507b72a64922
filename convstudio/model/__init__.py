"""The project document: frozen states and their history."""

from convstudio.model.history import History
from convstudio.model.learned import Found, Learned
from convstudio.model.picture import Picture
from convstudio.model.project import (
    MOST_LAYERS,
    PHOTO,
    LayerItem,
    Look,
    Project,
    Side,
    suiting_bank_view,
    suiting_view,
)
from convstudio.model.training import PairSetup, StudentSetup, TrainingSetup
from convstudio.model.training_method import MethodSetup

__all__ = [
    "MOST_LAYERS",
    "PHOTO",
    "Found",
    "History",
    "LayerItem",
    "Learned",
    "Look",
    "MethodSetup",
    "PairSetup",
    "Picture",
    "Project",
    "Side",
    "StudentSetup",
    "TrainingSetup",
    "suiting_bank_view",
    "suiting_view",
]

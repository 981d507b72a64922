"""A session with a small colour picture and a Sobel kernel, its first result computed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from convstudio.model import Project
from convstudio.session.session import Session
from tests.session.session_hands import Ear, picture


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[Session]:
    made = Session(Project.first(picture()))
    made.compute()
    qtbot.waitUntil(lambda: not made.busy)
    yield made
    made.close()


@pytest.fixture
def ear(session: Session) -> Ear:
    return Ear(session)

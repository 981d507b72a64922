"""Render the program's icon for desktops that want pixels: ``python resources/icons/render.py``."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    app = QGuiApplication.instance() or QGuiApplication([])
    image = QImage(256, 256, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(HERE / "convstudio.svg")).render(painter)
    painter.end()
    image.save(str(HERE / "convstudio.png"))
    del app


if __name__ == "__main__":
    main()

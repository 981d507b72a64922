"""Tooltips that wrap: Qt breaks lines only in rich text."""

from __future__ import annotations

from html import escape


def tip(*paragraphs: str) -> str:
    """Return a tooltip of these plain-text paragraphs; empty ones are left out."""
    return "".join(f"<p>{escape(each, quote=False)}</p>" for each in paragraphs if each)

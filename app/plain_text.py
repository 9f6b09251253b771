"""Showing words from outside as they stand: names, notes and source lines are never taken for HTML."""

from html import escape

from PySide6.QtGui import Qt


def tip(text: str) -> str:
    """``text`` for a tooltip, which Qt would show as HTML where it looks like it."""
    if not Qt.mightBeRichText(text):
        return text
    return f"<qt>{escape(text).replace(chr(10), '<br>')}</qt>"

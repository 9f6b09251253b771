"""Text of an SVG that is as wide everywhere as where it was laid out, whatever faces are installed."""

import html
import re

from PySide6.QtGui import QFont, QFontMetricsF

from app.fonts import CODE_FAMILY, TEXT_FAMILY, code_font, text_font

OTHERS = {TEXT_FAMILY: "Helvetica, Arial, sans-serif", CODE_FAMILY: "monospace"}
"""By face what is taken where it is not installed."""

TEXT = re.compile(
    r'<text (?P<before>[^>]*?)font-family="(?P<family>[^"]*)" font-size="(?P<size>[\d.]+)" '
    r'font-weight="(?P<weight>\d+)"(?P<after>[^>]*)>(?P<text>[^<]*)</text>'
)
"""An element as Qt writes it."""


def fitted_text(svg: str) -> str:
    """The SVG with other faces named after ours, and with the width of every text in it."""
    return TEXT.sub(_fitted, svg)


def _fitted(match: re.Match[str]) -> str:
    family, size, weight = match["family"], round(float(match["size"])), int(match["weight"])
    text = html.unescape(match["text"])
    font = code_font(size) if family == CODE_FAMILY else text_font(size, QFont.Weight(weight))
    width = QFontMetricsF(font).horizontalAdvance(text)
    names = f"{family}, {OTHERS.get(family, 'sans-serif')}"
    length = f' textLength="{width:.2f}" lengthAdjust="spacingAndGlyphs"' if text.strip() else ""
    return (
        f'<text {match["before"]}font-family="{names}" font-size="{size}" '
        f'font-weight="{weight}"{length}>{match["text"]}</text>'
    )

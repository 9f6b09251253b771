"""What the lesson panel is made of: a page ready to be read, its dots, its words, the list's cards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.fonts import CODE_FAMILY
from app.lessons.lesson import Kind
from app.panels.controls import label
from app.theme import DARK, Theme
from app.translation import tr

LEAST_WIDTH = 300
_TICK = (QPointF(-2.5, 0.2), QPointF(-0.7, 2.0), QPointF(2.6, -1.8))


@dataclass(frozen=True, slots=True)
class Card:
    """A lesson as the list shows it."""

    title: str
    summary: str
    minutes: int
    begun: bool
    done: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question, ready to be read."""

    kind: Kind
    text: str
    choices: tuple[str, ...] = ()
    unit: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page, ready to be read."""

    lesson: str
    title: str
    text: str
    number: int
    """From 0."""
    asking: tuple[bool, ...]
    """By page, whether it asks something."""
    answered: frozenset[int]
    question: Question | None = None
    remember: str = ""


def rich(text: str, theme: Theme) -> str:
    """Plain text as HTML: paragraphs, ``**bold**`` and `` `code` ``, and nothing else."""
    code = f'<span style="font-family: {CODE_FAMILY}; color: {theme.text2};">\\1</span>'
    parts = []
    paragraphs = re.split(r"\n\s*\n", text.strip())
    for number, paragraph in enumerate(paragraphs, 1):
        line = escape(" ".join(paragraph.split()))
        line = re.sub(r"`([^`]+)`", code, line)
        line = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", line)
        below = 9 if number < len(paragraphs) else 0
        parts.append(f'<p style="margin: 0 0 {below}px 0;">{line}</p>')
    return "".join(parts)


class Dots(QWidget):
    """A dot for every page: filled where one is, ticked where its question was answered."""

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme = DARK
        self._sheet: Sheet | None = None
        self.setFixedHeight(16)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_sheet(self, sheet: Sheet, theme: Theme) -> None:
        """Follow a page."""
        self._sheet, self._theme = sheet, theme
        count = len(sheet.asking)
        self.setAccessibleName(
            tr("Page {} of {}, {} answered").format(sheet.number + 1, count, len(sheet.answered))
        )
        self.setToolTip(self.accessibleName())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        sheet, theme = self._sheet, self._theme
        if sheet is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for page, asks in enumerate(sheet.asking):
            box = QRectF(1 + 16.0 * page, 3, 10, 10)
            here, right = page == sheet.number, page in sheet.answered
            ink = QColor(theme.ok if right else theme.accent if here else theme.text3)
            painter.setPen(QPen(ink, 1.5))
            painter.setBrush(ink if here else Qt.BrushStyle.NoBrush)
            if asks:
                painter.drawEllipse(box)
            else:
                painter.drawRoundedRect(box.adjusted(0, 3.5, 0, -3.5), 1.5, 1.5)
            if right:
                painter.setPen(QPen(QColor(theme.panel) if here else ink, 1.5))
                painter.drawPolyline([box.center() + d for d in _TICK])


class CardButton(QPushButton):
    """A lesson in the list."""

    def __init__(self, number: int, card: Card) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        state = "done" if card.done else "begun" if card.begun else "new"
        self.setObjectName(f"lesson_{number}")
        self.setAccessibleName(
            tr("Lesson {}: {}, {} minutes, {}").format(number, card.title, card.minutes, state)
        )
        self.setAccessibleDescription(card.summary)
        head = QHBoxLayout()
        head.setSpacing(8)
        title = label(f"{number}  {card.title}", "strong")
        title.setWordWrap(True)
        head.addWidget(title, 1)
        mark = label(
            tr("✓ done")
            if card.done
            else tr("begun")
            if card.begun
            else tr("{} min").format(card.minutes),
            "caption",
            "ok" if card.done else "accent" if card.begun else "text3",
        )
        head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        words = label(card.summary, "body", "text2")
        words.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(words)
        for part in (title, mark, words):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(LEAST_WIDTH, self.heightForWidth(max(self.width(), LEAST_WIDTH - 32)))

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        layout = self.layout()
        return layout.heightForWidth(width) if layout is not None else 74


class ChoiceLabel(QLabel):
    """A choice's words, on as many lines as they need; a click chooses."""

    def __init__(self, text: str, radio: QRadioButton) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("face", "body")
        self.setWordWrap(True)
        self.setBuddy(radio)
        self._radio = radio

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._radio.isEnabled():
            self._radio.setChecked(True)
            self._radio.setFocus()

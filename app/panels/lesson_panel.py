"""The lesson beside the map: what it says, what it asks, and the list of all lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.lessons.lesson import Kind
from app.panels.controls import clear, label, rule
from app.panels.lesson_parts import (
    LEAST_WIDTH,
    Card,
    CardButton,
    ChoiceLabel,
    Dots,
    Question,
    Sheet,
    rich,
)
from app.panels.sheet import panel_sheet
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import tr

WIDTH = 344
GAP = 12


class LessonPanel(QWidget):
    """A list of lessons, or one page of one. It decides nothing: it tells what was done."""

    lesson_asked = Signal(int)
    """A lesson of the list, from 0."""
    file_asked = Signal()
    list_asked = Signal()
    page_asked = Signal(int)
    """Pages on, or back where negative."""
    answered = Signal(str)
    """What was chosen or written; empty for what is done on the map."""
    again_asked = Signal()
    """The window is to be pointed where the page wants it once more."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(LEAST_WIDTH)
        self._theme: Theme = DARK
        self._sheet: Sheet | None = None
        self._verdict: tuple[str, bool] | None = None
        self._stack = QStackedWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        self._cards = QVBoxLayout()
        self._cards.setSpacing(8)
        self._stack.addWidget(self._make_list())
        self._stack.addWidget(self._make_page())

    # -- the list

    def _make_list(self) -> QWidget:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(GAP)
        lead = label(tr("Six short lessons on live steps. Take them in order."), tone="text2")
        lead.setWordWrap(True)
        column.addWidget(lead)
        column.addLayout(self._cards)
        other = QPushButton(tr("Open a lesson of your own…"))
        other.setProperty("kind", "flat")
        other.clicked.connect(self.file_asked)
        column.addWidget(other, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return _scrolled(inner, tr("Lessons"))

    def show_list(self, cards: Sequence[Card]) -> None:
        """Offer the lessons."""
        clear(self._cards)
        for number, card in enumerate(cards, 1):
            button = CardButton(number, card)
            button.clicked.connect(self._card_clicked)
            self._cards.addWidget(button)
        self._sheet = None
        self._stack.setCurrentIndex(0)

    @property
    def listing(self) -> bool:
        """Whether the list is shown."""
        return self._stack.currentIndex() == 0

    def _card_clicked(self) -> None:
        sender = self.sender()
        if isinstance(sender, CardButton):
            self.lesson_asked.emit(int(sender.objectName().removeprefix("lesson_")) - 1)

    # -- a page

    def _make_page(self) -> QWidget:
        page = QWidget()
        self.dots = Dots()
        self.lesson = label("", "caption", "text3")
        self.title = label("", "title")
        self.title.setWordWrap(True)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setWordWrap(True)
        self.text.setContentsMargins(0, 0, 0, 6)
        self._question = QWidget()
        self._question_column = QVBoxLayout(self._question)
        self._question_column.setContentsMargins(0, 0, 0, 0)
        self._question_column.setSpacing(8)
        self.score = label("", "strong", "accent")
        self.score.setWordWrap(True)
        self.verdict = QLabel()
        self.remember = QLabel()
        for boxed in (self.verdict, self.remember):
            boxed.setTextFormat(Qt.TextFormat.RichText)
            boxed.setWordWrap(True)
            boxed.setContentsMargins(14, 10, 12, 10)
            boxed.setAccessibleName(tr("Verdict") if boxed is self.verdict else tr("Remember"))
        self.away = QPushButton(tr("Back to the lesson's step"))
        self.away.clicked.connect(self.again_asked)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(8)
        top = QHBoxLayout()
        top.addWidget(self.dots, 1)
        column.addWidget(self.lesson)
        column.addLayout(top)
        for part in (self.title, self.text, self.away, self.score, self._question, self.verdict):
            column.addWidget(part)
        column.addWidget(self.remember)
        column.addStretch(1)
        self.all = QPushButton(tr("Lessons"))
        self.back, self.next = QPushButton(tr("Back")), QPushButton(tr("Next"))
        self.next.setProperty("kind", "primary")
        self.all.setProperty("kind", "flat")
        for button, tip in (
            (self.all, tr("All lessons")),
            (self.back, tr("The page before")),
            (self.next, tr("The next page")),
        ):
            button.setToolTip(tip)
        self.all.clicked.connect(self.list_asked)
        self.back.clicked.connect(lambda: self.page_asked.emit(-1))
        self.next.clicked.connect(lambda: self.page_asked.emit(1))
        foot = QHBoxLayout()
        foot.setContentsMargins(16, 8, 16, 10)
        foot.addWidget(self.all)
        foot.addStretch(1)
        foot.setSpacing(8)
        foot.addWidget(self.back)
        foot.addWidget(self.next)
        self._scroll = _scrolled(inner, tr("Lesson"))
        outer = QVBoxLayout(page)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._scroll, 1)
        outer.addWidget(rule())
        outer.addLayout(foot)
        return page

    def show_sheet(self, sheet: Sheet) -> None:
        """Show a page."""
        self._sheet, self._verdict = sheet, None
        self.lesson.setText(tr("Page {} of {}").format(sheet.number + 1, len(sheet.asking)))
        self.title.setText(sheet.title)
        self.score.hide()
        self.away.hide()
        self.back.setEnabled(sheet.number > 0)
        last = sheet.number == len(sheet.asking) - 1
        self.next.setText(tr("Finish") if last else tr("Next"))
        self._fill_question(sheet.question)
        self._write()
        self._stack.setCurrentIndex(1)
        self._scroll.verticalScrollBar().setValue(0)

    def mark_answered(self, answered: frozenset[int]) -> None:
        """Tick pages."""
        if self._sheet is not None:
            self._sheet = replace(self._sheet, answered=answered)
            self.dots.show_sheet(self._sheet, self._theme)

    def say(self, text: str, *, right: bool) -> None:
        """Judge an answer."""
        self._verdict = (text, right)
        self._write()
        self._scroll.ensureWidgetVisible(self.verdict)

    def set_score(self, text: str) -> None:
        """What has been reached so far; empty: nothing is counted."""
        self.score.setText(text)
        self.score.setVisible(bool(text))

    def set_away(self, away: bool) -> None:
        """The step on the map is not the lesson's."""
        self.away.setVisible(away)
        self._question.setEnabled(not away)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.setStyleSheet(
            panel_sheet(theme)
            + f"QRadioButton {{ color: {theme.text}; }}"
            + f'QLabel[box="remember"] {{ background: {theme.raised}; border-left: 3px solid'
            f" {theme.accent}; }}"
            + f'QLabel[box="right"] {{ background: {theme.ok_background}; border-left: 3px solid'
            f" {theme.ok}; }}"
            + f'QLabel[box="wrong"] {{ background: {theme.raised}; border-left: 3px solid'
            f" {theme.warn}; }}"
        )
        self._write()

    def _write(self) -> None:
        sheet, theme = self._sheet, self._theme
        if sheet is None:
            return
        self.dots.show_sheet(sheet, theme)
        self.text.setText(rich(sheet.text, theme))
        self.remember.setVisible(bool(sheet.remember))
        set_property(self.remember, "box", "remember")
        self.remember.setText(rich(tr("**Remember:** {}").format(sheet.remember), theme))
        self.verdict.setVisible(self._verdict is not None)
        if self._verdict is not None:
            text, right = self._verdict
            set_property(self.verdict, "box", "right" if right else "wrong")
            self.verdict.setText(
                rich(f"**{tr('✓ Right') if right else tr('Not yet')}.** {text}", theme)
            )

    def _fill_question(self, question: Question | None) -> None:
        column = self._question_column
        clear(column)
        self._question.setVisible(question is not None)
        self._question.setEnabled(True)
        self.choices = QButtonGroup(self)
        self.field: QLineEdit | None = None
        if question is None:
            return
        column.addWidget(rule())
        asked = QLabel(rich(question.text, self._theme))
        asked.setTextFormat(Qt.TextFormat.RichText)
        asked.setProperty("face", "strong")
        asked.setWordWrap(True)
        column.addWidget(asked)
        for number, text in enumerate(question.choices):
            row = QHBoxLayout()
            row.setSpacing(2)
            radio = QRadioButton()
            radio.setFixedWidth(20)
            radio.setAccessibleName(text)
            words = ChoiceLabel(text, radio)
            self.choices.addButton(radio, number)
            row.addWidget(radio, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(words, 1)
            column.addLayout(row)
        self.choices.setExclusive(True)
        if question.kind is Kind.NUMBER:
            row = QHBoxLayout()
            self.field = QLineEdit()
            self.field.setAccessibleName(tr("Your answer"))
            self.field.setMaximumWidth(120)
            self.field.returnPressed.connect(self._check)
            row.addWidget(self.field)
            row.addWidget(label(question.unit, tone="text2"))
            row.addStretch(1)
            column.addLayout(row)
        buttons = QHBoxLayout()
        self.check = QPushButton(tr("Check"))
        self.check.clicked.connect(self._check)
        buttons.addWidget(self.check)
        if question.hint:
            hint = QPushButton(tr("Hint"))
            hint.setObjectName("hint")
            hint.setProperty("kind", "flat")
            hint.clicked.connect(lambda: self._show_hint(question.hint))
            buttons.addWidget(hint)
        buttons.addStretch(1)
        column.addLayout(buttons)
        self._hint = label("", tone="text2")
        self._hint.setWordWrap(True)
        self._hint.hide()
        column.addWidget(self._hint)

    def _show_hint(self, text: str) -> None:
        self._hint.setText(text)
        self._hint.show()

    def _check(self) -> None:
        sheet = self._sheet
        if sheet is None or sheet.question is None:
            return
        given = ""
        if sheet.question.kind is Kind.CHOICE:
            chosen = self.choices.checkedId()
            if chosen < 0:
                self.say(tr("Choose one of the answers first."), right=False)
                return
            given = str(chosen)
        elif self.field is not None:
            given = self.field.text().strip()
            if not given:
                self.say(tr("Write a number first."), right=False)
                return
        self.answered.emit(given)


def _scrolled(inner: QWidget, name: str) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setAccessibleName(name)
    scroll.setWidget(inner)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QScrollArea.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return scroll

"""The certificate: a card with badge, height, bound and gap, and a dialog that explains them."""

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.document import Entry
from app.facts.solve import (
    BOUND,
    CertificateFacts,
    certificate_facts,
    proof_paragraphs,
    provenance_rows,
)
from app.icons import pixmap
from app.panels.controls import clear, label, rule
from app.panels.sheet import panel_sheet
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import tr
from solver.plan import Plan, Status
from solver.step import Step

ICON = 14
WIDTH = 540


class CertificateCard(QWidget):
    """What is proven of the plan on the map."""

    continue_requested = Signal()
    """A stopped solve is to go on."""
    proof_requested = Signal()
    """The op and the tensors that prove the bound are to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("certificate")
        self.setAccessibleName(tr("Certificate"))
        self._theme = DARK
        self._step: Step | None = None
        self._plan: Plan | None = None
        self._facts: CertificateFacts | None = None
        self._given: tuple[Step | None, Entry | None, bool] | None = None
        self.badge = QFrame()
        self.badge_text = label("", "strong")
        self.badge_icon = QLabel()
        row = QHBoxLayout(self.badge)
        row.setContentsMargins(8, 5, 10, 5)
        row.setSpacing(6)
        row.addWidget(self.badge_icon)
        row.addWidget(self.badge_text)
        self.figures = QGridLayout()
        self.figures.setHorizontalSpacing(12)
        self.figures.setVerticalSpacing(4)
        self.figures.setColumnStretch(1, 1)
        self.note = label("", "body", "text3")
        self.note.setWordWrap(True)
        self.show_link = QPushButton(tr("Show certificate"))
        self.show_link.setProperty("kind", "flat")
        self.show_link.setObjectName("showCertificate")
        self.show_link.setCursor(Qt.CursorShape.PointingHandCursor)
        self.show_link.clicked.connect(self.show_dialog)
        self.go_on = QPushButton(tr("Continue"))
        self.go_on.setObjectName("continueSolve")
        self.go_on.clicked.connect(self.continue_requested)
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_link)
        buttons.addStretch(1)
        buttons.addWidget(self.go_on)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(6)
        column.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(self.figures)
        column.addWidget(self.note)
        column.addLayout(buttons)
        column.addStretch(1)
        self.set_entry(None, None)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self._show_badge()

    def set_entry(self, step: Step | None, entry: Entry | None, *, running: bool = False) -> None:
        """Show the certificate of another entry."""
        before = self._given
        # By identity: whether two plans are equal takes long to find out.
        if before is not None and before[0] is step and before[1] is entry and before[2] is running:
            return
        self._given = (step, entry, running)
        plan = entry.plan if entry is not None else None
        self._step, self._plan = step, plan
        facts = None
        if step is not None and entry is not None:
            facts = certificate_facts(step, entry.plan, entry.baseline, running=running)
        wrong = entry is not None and entry.conflicts > 0
        if facts is not None and wrong:
            # What is in conflict is feasible in no sense, and has no gap to a bound.
            facts = replace(facts, badge=tr("Not a plan yet"), proven=False, rows=facts.rows[:1])
        self._facts = facts
        self.badge.setVisible(facts is not None)
        clear(self.figures)
        for row, (name, figure) in enumerate(facts.rows if facts is not None else ()):
            self.figures.addWidget(label(name, "body", "text2"), row, 0)
            value = self._bound(figure) if name == tr(BOUND) and not running else _figure(figure)
            self.figures.addWidget(value, row, 1, Qt.AlignmentFlag.AlignRight)
        self.note.setText(
            facts.note if facts is not None else tr("No plan yet. Solve the step to get one.")
        )
        self.note.setVisible(bool(self.note.text()))
        planned = entry is not None and entry.baseline is None
        self.show_link.setVisible(planned and not running and not wrong)
        stopped = plan is not None and plan.status is Status.STOPPED
        self.go_on.setVisible(stopped and not running)
        self._show_badge()

    def _bound(self, figure: str) -> QPushButton:
        """The bound as a link to what proves it."""
        link = QPushButton(figure)
        link.setProperty("kind", "flat")
        link.setObjectName("showProof")
        link.setAccessibleName(tr("{} {}: show what proves it").format(tr(BOUND), figure))
        link.setToolTip(tr("Show the op and the tensors that prove it"))
        link.setCursor(Qt.CursorShape.PointingHandCursor)
        link.clicked.connect(self.proof_requested)
        return link

    def _show_badge(self) -> None:
        if self._facts is None:
            return
        proven = self._facts.proven
        set_property(self.badge, "badge", "ok" if proven else "plain")
        set_property(self.badge_text, "tone", "ok" if proven else "text")
        self.badge_text.setText(self._facts.badge)
        self.badge_icon.setVisible(proven)
        ratio = self.devicePixelRatioF()
        self.badge_icon.setPixmap(pixmap("check-circle", self._theme.ok, ICON, ratio))

    def show_dialog(self) -> None:
        """Open the explanation."""
        if self._step is not None and self._plan is not None:
            dialog = CertificateDialog(self._step, self._plan, self._theme, self)
            dialog.proof_requested.connect(self.proof_requested)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()


class CertificateDialog(QDialog):
    """Why no plan needs less, and where this one comes from."""

    proof_requested = Signal()
    """What proves the bound is to be shown on the map."""

    def __init__(self, step: Step, plan: Plan, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("certificateDialog")
        self.setWindowTitle(tr("Certificate"))
        self.setStyleSheet(panel_sheet(theme))
        facts = certificate_facts(step, plan)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(10)
        column.addWidget(label(f"{plan.name}: {facts.badge.lower()}", "title"))
        column.addWidget(label(step.title, "body", "text3"))
        column.addLayout(_grid(facts.rows))
        column.addWidget(rule())
        for text in proof_paragraphs(step, plan):
            paragraph = label(text)
            paragraph.setWordWrap(True)
            paragraph.setMinimumWidth(460)
            paragraph.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(paragraph)
        column.addWidget(rule())
        column.addLayout(_grid(provenance_rows(plan)))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        if plan.terms is None:
            self._add_proof(buttons)
        column.addSpacing(4)
        column.addWidget(buttons)
        self.setFixedWidth(WIDTH)
        self.setMinimumHeight(column.totalHeightForWidth(WIDTH))

    def _add_proof(self, buttons: QDialogButtonBox) -> None:
        """The way to the op and the tensors that prove the bound on the bytes."""
        self.show_proof = buttons.addButton(
            tr("Show on the map"), QDialogButtonBox.ButtonRole.AcceptRole
        )
        self.show_proof.setToolTip(tr("The op and the tensors that prove the bound"))
        buttons.accepted.connect(self.accept)
        self.accepted.connect(self.proof_requested)


def _figure(text: str) -> QLabel:
    value = label(text)
    value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return value


def _grid(rows: tuple[tuple[str, str], ...]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnMinimumWidth(0, 92)
    grid.setColumnStretch(1, 1)
    for row, (name, value) in enumerate(rows):
        text = label(value)
        text.setWordWrap(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(label(name, "body", "text2"), row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text, row, 1)
    return grid

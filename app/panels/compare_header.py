"""The strip over one side of the comparison: which plan it shows, and its figures."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QToolButton, QWidget

from app.facts.plan import PlanFacts
from app.numbers import bytes_exact, human, percent, plan_size
from app.panels.controls import FigureLabel, Strip
from app.panels.header import saving
from app.translation import tr

TEXT_TOO = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
LIST_PADDING = 24
"""Pixels beside the longest name in the list of plans."""


class SideHeader(Strip):
    """Which entry one side shows, and its figures."""

    def __init__(self, side: str) -> None:
        super().__init__(40)
        self.chooser = QComboBox()
        self.chooser.setObjectName(f"{side}Entry")
        on = tr("Plan on the left") if side == "left" else tr("Plan on the right")
        self.chooser.setAccessibleName(on)
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.chooser.setMaximumWidth(220)
        self.total = FigureLabel(tr("Height"))
        self.live = FigureLabel(tr("Live peak"))
        self.unfilled = FigureLabel(tr("Never filled"))
        self.saved = FigureLabel(tr("Saved"), "ok")
        self.row.setSpacing(16)
        self.row.addWidget(self.chooser)
        for part in (self.total, self.live, self.unfilled, self.saved):
            self.row.addWidget(part)
        self.row.addStretch(1)
        self.expendable = (self.unfilled, self.live, self.saved)
        self._buttons: list[QToolButton] = []
        self.chosen = ""
        """What the user chose; empty: the side follows what there is."""
        self._figures, self._as_run = False, False
        self._other: PlanFacts | None = None

    def add_button(self, text: str, tip: str) -> QToolButton:
        """A command at the right end."""
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setToolButtonStyle(TEXT_TOO)
        self.row.addWidget(button)
        self._buttons.append(button)
        return button

    def fit(self) -> None:
        """Where it is narrow commands lose their texts and names grow short before a figure goes."""
        icon_only = Qt.ToolButtonStyle.ToolButtonIconOnly
        for style, short in ((TEXT_TOO, False), (icon_only, False), (icon_only, True)):
            for button in self._buttons:
                button.setToolButtonStyle(style)
                button.updateGeometry()
            self.unfilled.set_name(self._unfilled_name(short=short))
            super().fit()
            if not any(part.isHidden() for part in self.expendable if self.wanted(part)):
                return

    def _unfilled_name(self, *, short: bool) -> str:
        return tr("Reserved, never filled") if self._as_run and not short else tr("Never filled")

    def set_names(self, names: Sequence[str], chosen: int) -> None:
        """Offer these plans, without telling anybody; long names are read in full in the list."""
        chooser = self.chooser
        chooser.blockSignals(True)
        chooser.clear()
        chooser.addItems(list(names))
        chooser.setCurrentIndex(chosen)
        chooser.blockSignals(False)
        chooser.view().setMinimumWidth(chooser.view().sizeHintForColumn(0) + LIST_PADDING)

    def remember(self) -> None:
        """What is shown now was the user's choice and stays when plans come and go."""
        self.chosen = self.chooser.currentText()

    def wanted(self, part: QWidget) -> bool:
        return self._figures and (part is not self.saved or self._other is not None)

    def show_figures(self, facts: PlanFacts | None, other: PlanFacts | None) -> None:
        """Figures of ``facts``; ``other`` is what the saving is against, None on the left side."""
        self.chooser.setToolTip(self.chooser.currentText())
        self._figures, self._other = facts is not None, other
        self.total.setVisible(facts is not None)
        if facts is not None:
            total, live = facts.total_bytes, facts.live_peak
            self._as_run = facts.baseline is not None
            self.total.set_figure(
                plan_size(total),
                name=tr("Reserved") if self._as_run else tr("Height"),
                exact=f"{bytes_exact(total)} B",
            )
            self.live.set_figure(plan_size(live), exact=f"{bytes_exact(live)} B")
            unfilled = total - live
            share = f", {percent(unfilled / max(total, 1))}" if unfilled else ""
            self.unfilled.set_figure(
                f"{human(unfilled)}{share}",
                tone="warn" if unfilled else "ok",
                exact=f"{bytes_exact(unfilled)} B",
            )
            if other is not None:
                before = other.total_bytes
                self.saved.set_figure(
                    saving(before, total),
                    tone="ok" if total <= before else "warn",
                    exact=f"{bytes_exact(before - total)} B",
                )
        self.fit()

"""The strip under the map while its slots are played: play, step, speed, and what happens."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QComboBox, QSizePolicy, QSlider, QToolButton

from app.explore.player import NORMAL, SPEEDS, Player
from app.icons import icon
from app.panels.controls import ElidedLabel, Strip, label
from app.panels.sheet import panel_sheet
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import tr

HEIGHT = 36
LIVE_WIDTH, CHANGE_WIDTH = 96, 148
"""Room for the longest figures, so that nothing moves from step to step."""


class PlayBar(Strip):
    """Follows a player and drives it."""

    closed = Signal()

    def __init__(self, player: Player) -> None:
        super().__init__(HEIGHT)
        self.setObjectName("playBar")
        self.setAccessibleName(tr("Play the step"))
        self._player = player
        self._theme = DARK
        self.back = _button(tr("Step back"), tr("Step back (,)"))
        self.play = _button(tr("Play"), tr("Play or pause (Space)"))
        self.on = _button(tr("Step on"), tr("Step on (.)"))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("playSlider")
        self.slider.setAccessibleName(tr("Op"))
        self.slider.setMinimumWidth(80)
        self.slider.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.speed = QComboBox()
        self.speed.setObjectName("playSpeed")
        self.speed.setAccessibleName(tr("Ops a second"))
        for speed in SPEEDS:
            self.speed.addItem(tr("{} ops/s").format(speed), speed)
        self.speed.setCurrentIndex(SPEEDS.index(NORMAL))
        self.op = ElidedLabel("", "strong")
        self.op.setObjectName("playOp")
        self.op.setMinimumWidth(120)
        self.live = label("", "body", "text2")
        self.live.setObjectName("playLive")
        self.live.setMinimumWidth(LIVE_WIDTH)
        self.change = label("", "body", "text3")
        self.change.setObjectName("playChange")
        self.change.setMinimumWidth(CHANGE_WIDTH)
        self.close_button = _button(tr("Close"), tr("End playing (Esc)"))
        for part in (self.back, self.play, self.on):
            self.row.addWidget(part)
        self.row.addWidget(self.slider, 2)
        self.row.addWidget(self.speed)
        self.row.addWidget(self.op, 3)
        self.row.addWidget(self.live)
        self.row.addWidget(self.change)
        self.row.addWidget(self.close_button)
        self.row.setSpacing(8)
        self.expendable = (self.change, self.slider)
        self.back.clicked.connect(partial(self._step, -1))
        self.on.clicked.connect(partial(self._step, 1))
        self.play.clicked.connect(player.toggle)
        self.close_button.clicked.connect(self.closed)
        self.slider.valueChanged.connect(self._dragged)
        self.speed.currentIndexChanged.connect(lambda at: player.set_speed(SPEEDS[at]))
        player.playing_changed.connect(self._show_state)
        self.hide()
        self.set_theme(DARK)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.setStyleSheet(panel_sheet(theme))
        for button, name in (
            (self.back, "step-back"),
            (self.on, "step-on"),
            (self.close_button, "close"),
        ):
            button.setIcon(icon(name, theme, theme.text2))
        self._show_state()

    def show_slots(self, slots: int) -> None:
        """Another map is played."""
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(slots - 1, 0))
        self.slider.setPageStep(max(slots // 20, 1))
        self.slider.blockSignals(False)

    def show_step(self, slot: int, op: str, live: str, change: str) -> None:
        """Another slot: what runs, what is alive, what came and went."""
        self.slider.blockSignals(True)
        self.slider.setValue(slot)
        self.slider.blockSignals(False)
        self.op.setText(op)
        self.live.setText(live)
        self.change.setText(change)

    def _step(self, by: int) -> None:
        self._player.pause()
        self._player.step(by)

    def _dragged(self, slot: int) -> None:
        self._player.go(slot)

    def _show_state(self) -> None:
        playing = self._player.playing
        self.play.setIcon(icon("pause" if playing else "play", self._theme, self._theme.text))
        self.play.setAccessibleName(tr("Pause") if playing else tr("Play"))


def _button(name: str, tip: str) -> QToolButton:
    result = QToolButton()
    set_property(result, "kind", "icon")
    result.setAccessibleName(name)
    result.setToolTip(tip)
    result.setIconSize(QSize(14, 14))
    result.setFixedSize(26, 26)
    return result

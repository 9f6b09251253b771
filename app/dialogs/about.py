"""What this program is, its version and licences; and the keys that it listens to."""

from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QGridLayout, QLabel, QWidget

from app.dialogs.frame import FrameDialog, caption
from app.icons import pixmap
from app.translation import mark, tr

KEYS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("Ctrl+O", mark("Open a step or a plan")),
        ("Ctrl+R", mark("Capture a model")),
        ("Ctrl+Return", mark("Solve")),
        ("Esc", mark("Clear the selection, then stop")),
        ("Ctrl+S", mark("Save the plan")),
        ("Ctrl+E", mark("Export the plan as a module")),
        ("Ctrl+F", mark("Find by name, module, op, shape (64x256) or size (>64MiB)")),
        (mark("F3, Shift+F3"), mark("The next tensor that was found, the one before")),
        ("Ctrl+K", mark("Find a command, a plan or a recent file")),
        (mark("Ctrl+1, 2, 3"), mark("Map, compare, budget")),
        ("Ctrl+B", mark("Add a budget")),
        (mark("Left, Right"), mark("On the budget line the next solved budget")),
        (mark("[ and ]"), mark("Previous and next plan")),
        ("F7, F8", mark("What is alive at the cursor, what the peak is made of")),
        ("F9, F10, F11", mark("Library, inspector, solve")),
        ("Ctrl+Shift+B", mark("The budget's panel")),
        (mark("A, Shift+A"), mark("Pin the tensor where it lies, at another address")),
        (mark("Alt+Home, End, B"), mark("Pin the op: first, last, before another one")),
        ("M, U", mark("Keep its module in order, remove its pins")),
        ("Ctrl+,", mark("Settings")),
        ("Tab", mark("Next part of the window")),
    ),
    (
        (mark("F, Shift+F"), mark("Fit the selection, fit all")),
        ("K", mark("Jump to the peak")),
        (mark("+ and −"), mark("Zoom ops")),
        (mark("Arrows"), mark("Pan; on a selection the next tensor that way")),
        (mark("P, 1 to 9"), mark("Go to the producer, to a consumer")),
        ("N", mark("Go to where the tensor is in memory next")),
        ("Space", mark("Play the step, or pause")),
        (mark(", and ."), mark("One op back, one op on")),
        ("O", mark("Select the op at the cursor; also a click on the axis")),
        ("H", mark("Hold the table of what is alive at this op")),
        (mark("Wheel"), mark("Zoom ops at the pointer")),
        ("Ctrl+wheel", mark("Zoom addresses")),
        ("Shift+wheel", mark("Pan; also with the middle button")),
        (mark("Drag"), mark("Zoom into a box")),
        (mark("Double click"), mark("Fit the tensor")),
        ("Ctrl+click", mark("Add to the selection")),
        ("E", mark("Edit by hand: drag tensors up and down, ops along the axis")),
        (mark("Alt+Up, Down"), mark("While editing, the tensor to the next gap; with Shift a little")),
        (mark("Alt+Left, Right"), mark("While editing, the op by one slot; with Shift by ten")),
        ("X", mark("In Compare, swap the sides")),
    ),
)


class AboutDialog(FrameDialog):
    """Name, version, licences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("About Bayplan"), parent)
        picture = QLabel()
        picture.setPixmap(pixmap("bayplan", "#000000", 56, self.devicePixelRatioF()))
        name = QLabel(tr("Bayplan"))
        name.setProperty("role", "headline")
        self.version = QLabel(tr("Version {}").format(program_version()))
        self.version.setProperty("role", "second")
        self.body.addWidget(picture)
        self.body.addWidget(name)
        self.body.addWidget(self.version)
        text = QLabel(
            tr(
                "Plans the memory of a PyTorch training step: the order of its operators and the "
                "address of every tensor, with a proof of how good the plan is."
            )
        )
        text.setWordWrap(True)
        self.body.addWidget(text)
        self.body.addWidget(
            caption(
                tr(
                    "Apache License 2.0. Uses PyTorch, OR-Tools, NumPy, Numba, PySide6 (LGPL 3), "
                    "pyqtgraph, SQLAlchemy and Alembic. Typefaces: Inter (SIL Open Font License 1.1) "
                    "and Hack (MIT and Bitstream Vera licences). Nothing leaves this computer."
                )
            )
        )
        self.buttons.setStandardButtons(QDialogButtonBox.StandardButton.Close)
        self.setFixedWidth(420)


class KeysDialog(FrameDialog):
    """The keyboard and the mouse on one page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Keyboard and Mouse"), parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        for column, keys in enumerate(KEYS):
            for row, (key, meaning) in enumerate(keys):
                cap = QLabel(tr(key))
                cap.setProperty("role", "key")
                cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
                grid.addWidget(cap, row, column * 3)
                grid.addWidget(QLabel(tr(meaning)), row, column * 3 + 1)
        grid.setColumnMinimumWidth(2, 24)
        self.body.addLayout(grid)
        self.buttons.setStandardButtons(QDialogButtonBox.StandardButton.Close)


def program_version() -> str:
    """The installed version; ``development`` where the program runs from its source alone."""
    try:
        return metadata.version("bayplan")
    except metadata.PackageNotFoundError:
        return "development"

"""What this program is, its version and licences; and the keys that it listens to."""

from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QGridLayout, QLabel, QWidget

from app.dialogs.frame import FrameDialog, caption
from app.icons import pixmap
from app.translation import tr

KEYS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("Ctrl+O", "Open a step or a plan"),
        ("Ctrl+R", "Capture a model"),
        ("Ctrl+Return", "Solve"),
        ("Esc", "Clear the selection, then stop"),
        ("Ctrl+S", "Save the plan"),
        ("Ctrl+E", "Export the plan as a module"),
        ("Ctrl+F", "Find by name, module, op, shape (64x256) or size (>64MiB)"),
        ("F3, Shift+F3", "The next tensor that was found, the one before"),
        ("Ctrl+K", "Find a command, a plan or a recent file"),
        ("Ctrl+1, 2, 3", "Map, compare, budget"),
        ("Ctrl+B", "Add a budget"),
        ("Left, Right", "On the budget line the next solved budget"),
        ("[ and ]", "Previous and next plan"),
        ("F7, F8", "What is alive at the cursor, what the peak is made of"),
        ("F9, F10, F11", "Library, inspector, solve"),
        ("Ctrl+Shift+B", "The budget's panel"),
        ("Ctrl+,", "Settings"),
        ("Tab", "Next part of the window"),
    ),
    (
        ("F, Shift+F", "Fit the selection, fit all"),
        ("K", "Jump to the peak"),
        ("+ and −", "Zoom ops"),
        ("Arrows", "Pan; on a selection the next tensor that way"),
        ("P, 1 to 9", "Go to the producer, to a consumer"),
        ("N", "Go to where the tensor is in memory next"),
        ("Space", "Play the step, or pause"),
        (", and .", "One op back, one op on"),
        ("O", "Select the op at the cursor; also a click on the axis"),
        ("H", "Hold the table of what is alive at this op"),
        ("Wheel", "Zoom ops at the pointer"),
        ("Ctrl+wheel", "Zoom addresses"),
        ("Shift+wheel", "Pan; also with the middle button"),
        ("Drag", "Zoom into a box"),
        ("Double click", "Fit the tensor"),
        ("Ctrl+click", "Add to the selection"),
        ("E", "Edit by hand: drag tensors up and down, ops along the axis"),
        ("Alt+Up, Down", "While editing, the tensor to the next gap; with Shift a little"),
        ("Alt+Left, Right", "While editing, the op by one slot; with Shift by ten"),
        ("X", "In Compare, swap the sides"),
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
                cap = QLabel(key)
                cap.setProperty("role", "key")
                cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
                grid.addWidget(cap, row, column * 3)
                grid.addWidget(QLabel(meaning), row, column * 3 + 1)
        grid.setColumnMinimumWidth(2, 24)
        self.body.addLayout(grid)
        self.buttons.setStandardButtons(QDialogButtonBox.StandardButton.Close)


def program_version() -> str:
    """The installed version; ``development`` where the program runs from its source alone."""
    try:
        return metadata.version("bayplan")
    except metadata.PackageNotFoundError:
        return "development"

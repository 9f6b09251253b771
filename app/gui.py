"""The program with its window: from the command line to the window's closing."""

import faulthandler
import gc
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Slot
from PySide6.QtWidgets import QApplication

from app.collecting import Collector
from app.document import Document
from app.fonts import load_fonts, text_font
from app.heavy import begin, compile_kernels
from app.icons import application_icon
from app.jobs.job import failure_of
from app.library import Library
from app.library.ready import offer_ready_plans
from app.overrides import contain_errors
from app.settings import Settings
from app.translator import load_translation
from app.window.main_window import MainWindow

READY_MS = 2000
"""How long after the first window the ready plans are put into a library that lacks them."""
COMPILE_MS = 500
"""How long after the first window kernels begin to be compiled, where they never were."""
AGAIN_SECONDS = 10.0
"""How long an error is not reported again that comes from the same line: painting repeats itself."""
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while another one waits for it."""


def run_gui(
    path: Path | None,
    *,
    library_path: Path | None = None,
    example: bool = False,
    settings_path: Path | None = None,
) -> int:
    """Open the window, on the step or plan at ``path`` where one is named, until it is closed.

    ``example``: it is the embedded sample. Returns the exit status.
    """
    if sys.stderr is not None:  # Where a program has no console: there is none.
        faulthandler.enable()  # What ends the program natively says where.
    gc.disable()  # Until the collector takes over: importing makes objects, not garbage.
    application = make_application(sys.argv[:1])
    settings = Settings(settings_path)
    window = MainWindow(Document(), Library(library_path), settings)
    guard = _Guard(window)
    sys.excepthook = guard.report
    window.restore_layout()
    window.show()
    collector = Collector(lambda: window.work.busy, application)
    collector.watch(window.windowHandle())
    collector.start()
    if path is not None:
        window.open_first(path, example=example)
    QTimer.singleShot(COMPILE_MS, _compile_in_background)
    QTimer.singleShot(READY_MS, partial(_offer_ready_plans, window.work.library.path))
    status = application.exec()
    sys.excepthook = sys.__excepthook__
    guard.release()
    collector.stop()
    return status


def make_application(arguments: list[str]) -> QApplication:
    """The one QApplication, with the program's name, icon and type faces."""
    contain_errors()
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(arguments)
    # Painting goes back and forth between Qt and Python hundreds of times, and each time a busy
    # worker may keep the interpreter for one interval: at the 5 ms of the default that is seconds.
    sys.setswitchinterval(SWITCH_SECONDS)
    application.setApplicationName("bayplan")
    application.setApplicationDisplayName("Bayplan")
    application.setDesktopFileName("bayplan")
    application.setWindowIcon(application_icon())
    load_translation(application)
    # Before any widget is made: those that exist keep the face of the desktop.
    load_fonts()
    application.setFont(text_font())
    return application


def _compile_in_background() -> None:
    begin("compile kernels", lambda _: compile_kernels())


def _offer_ready_plans(path: Path) -> None:
    # A connection of its own; the panel sees the change as it sees that of another window.
    begin("ready plans", partial(offer_ready_plans, Library(path)))


class _Guard(QObject):
    """Shows our own bugs in the window instead of losing them; closes it when a signal asks to."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._reported: dict[tuple[str, int], float] = {}
        """When, by the line that it came from."""
        # Python runs signal handlers between byte codes only, and Qt's loop runs none; the byte that
        # Python writes into this socket wakes the loop.
        self._reading, self._writing = socket.socketpair()
        for end in (self._reading, self._writing):
            end.setblocking(False)
        signal.set_wakeup_fd(self._writing.fileno())
        self._before = {
            number: signal.signal(number, self._interrupted)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._notifier = QSocketNotifier(self._reading.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)

    def report(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """An exception that nobody caught."""
        line = _line_of(trace)
        now = time.monotonic()
        if now - self._reported.get(line, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._reported[line] = now
        sys.__excepthook__(kind, error, trace)
        # In a while: what raised it may be in the midst of painting, which cannot change a window.
        QTimer.singleShot(0, self, partial(self._window.show_bug, failure_of(error)))

    def release(self) -> None:
        """Let go of the signals and the sockets."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._reading.close()
        self._writing.close()

    def _interrupted(self, _number: int, _frame: object) -> None:
        QTimer.singleShot(0, self._window.close)

    @Slot()
    def _wake(self) -> None:
        self._reading.recv(64)


def _line_of(trace: TracebackType | None) -> tuple[str, int]:
    """File and line where an exception was raised."""
    if trace is None:
        return "", 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno

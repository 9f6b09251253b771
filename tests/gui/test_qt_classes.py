"""Qt's classes are made by one thread, before the others use any."""

import subprocess
import sys

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.document import Document
from app.library import Library
from app.qt_classes import ClassMaker
from app.settings import Settings
from app.window.main_window import MainWindow

PROGRAM = """
import sys, threading
from PySide6.QtCore import QCoreApplication
from app.overrides import contain_errors
from app.qt_classes import MODULES, ClassMaker

application = QCoreApplication([])
contain_errors()
maker = ClassMaker()
maker.done.connect(application.quit)
maker.start()
application.exec()
assert maker.is_done

sys.setswitchinterval(1e-6)
together = threading.Barrier(2)

def use():
    for module in MODULES:
        for name in dir(module):
            together.wait()
            getattr(module, name)

threads = [threading.Thread(target=use) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("used")
"""


def test_threads_may_use_any_class_of_qt_once_all_are_made() -> None:
    """In a process of its own: threads that made the same class at once ended it natively."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "used\n"), done.stderr


def test_a_window_that_is_closed_at_once_begins_nothing(
    dressed: QApplication, qtbot: QtBot, library: Library, settings: Settings
) -> None:
    maker = ClassMaker()
    with qtbot.waitSignal(maker.done):
        maker.start()
    # All are there, so that one turn of the event loop would be enough.
    window = MainWindow(Document(), library, settings)
    window.show()
    window.close()
    dressed.processEvents()
    dressed.processEvents()
    assert not window.qt_classes.is_done
    assert not window.work.busy
    window.deleteLater()

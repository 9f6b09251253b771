"""Nothing heavy is loaded before the first window is there."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys, time
from pathlib import Path
from app.gui import make_application
application = make_application([])
from app.document import Document
from app.library import Library
from app.settings import Settings
from app.window.main_window import MainWindow
folder = Path(sys.argv[1])
window = MainWindow(Document(), Library(folder / "l.sqlite"), Settings(folder / "s.ini"))
window.show()
print(json.dumps([sorted({name.split(".")[0] for name in sys.modules}), time.process_time()]))
window.close()
"""


def test_the_first_window_waits_for_nothing_heavy(tmp_path: Path) -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds = []
    # The first run compiles the program's sources.
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path)],
            env=environment,
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        modules, used = json.loads(done.stdout.splitlines()[-1])
        seconds.append(used)
    heavy = {"torch", "ortools", "numba", "sqlalchemy", "alembic", "pyqtgraph", "torchvision"}
    assert heavy.isdisjoint(modules)
    # 0.5 s on an idle machine; others may be using this one.
    assert min(seconds) < 1.5


RUN = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app.gui import make_application, run_gui
make_application([])
folder = Path(sys.argv[1])
QTimer.singleShot(0, lambda: print("running", flush=True))
sys.exit(run_gui(None, library_path=folder / "l.sqlite", settings_path=folder / "s.ini"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_terminal_closes_the_window_in_good_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)],
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.stdout.close()
    assert (tmp_path / "s.ini").is_file()

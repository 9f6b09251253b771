"""Captures run in a process of their own, next to whatever modules the user has."""

import os
import sys
import time
from pathlib import Path

import pytest

from runtime.capture import capture
from solver.errors import BayplanError

MODEL = """
    return model, (torch.rand(batch, 4), torch.rand(batch, 4)), nn.MSELoss(), torch.optim.SGD(
        model.parameters(), lr=0.1)
"""


def write(folder: Path, body: str, before: str = "import torch\nfrom torch import nn") -> str:
    file = folder / "train.py"
    file.write_text(f"{before}\n\ndef build(batch=2):\n{body}{MODEL}")
    return f"{file}:build"


def test_modules_of_the_users_own_come_before_ours(tmp_path: Path) -> None:
    names = ("app", "solver", "runtime", "zoo", "trace", "capture", "errors")
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"WIDTH = {len(name)}\n")
    imports = f"import torch\nfrom torch import nn\nimport {', '.join(names)}"
    widths = " + ".join(f"{name}.WIDTH" for name in names)
    source = write(
        tmp_path,
        f"    print('width', {widths})\n"
        "    import sys; print('path', sys.path[0], [p for p in sys.path if 'capture' in p])\n"
        "    model = nn.Linear(4, 4)\n",
        imports,
    )
    lines: list[str] = []
    python = Path(sys.executable)
    step = capture(source, batch=3, optimizer=None, python=python, log=lines.append)
    assert step.origin.batch == 3 and step.origin.source == source
    assert f"width {sum(map(len, names))}" in lines
    assert f"path {tmp_path} []" in lines
    assert any("ops" in line for line in lines)


def test_an_error_arrives_with_the_users_traceback(tmp_path: Path) -> None:
    source = write(tmp_path, "    raise KeyError('missing')\n")
    with pytest.raises(BayplanError, match=r"build in train\.py failed: KeyError") as caught:
        capture(source, batch=None, optimizer=None)
    assert "line 5, in build" in caught.value.details


def test_a_child_that_dies_is_an_error_with_its_last_output(tmp_path: Path) -> None:
    source = write(tmp_path, "    import os; print('farewell', flush=True); os._exit(7)\n")
    with pytest.raises(BayplanError, match=r"ended without a result \(exit status 7\)") as caught:
        capture(source, batch=None, optimizer=None)
    assert "farewell" in caught.value.details


def test_a_missing_interpreter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match=r"nowhere cannot be started"):
        capture("zoo:resnet18", batch=1, optimizer=None, python=tmp_path / "nowhere")


def test_an_interpreter_without_torch_is_an_error(tmp_path: Path) -> None:
    # A virtual environment without packages, as far as the child can tell.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(BayplanError, match="no torch"):
        capture("zoo:resnet18", batch=1, optimizer=None, python=python)


def test_cancelling_kills_the_child_and_its_children_at_once(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    source = write(
        tmp_path,
        "    import os, subprocess, time\n"
        "    sleeper = subprocess.Popen(['sleep', '60'])\n"
        f"    open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{sleeper.pid}}')\n"
        "    time.sleep(60)\n",
    )
    asked: list[float] = []

    def cancelled() -> bool:
        if pids.exists() and len(pids.read_text().split()) == 2:
            asked.append(time.monotonic())
        return bool(asked)

    with pytest.raises(BayplanError, match="cancelled"):
        capture(source, batch=None, optimizer=None, cancelled=cancelled)
    assert time.monotonic() - asked[0] < 1.0
    assert all(not running(int(pid)) for pid in pids.read_text().split())


def test_the_time_limit_ends_it(tmp_path: Path) -> None:
    source = write(tmp_path, "    import time; time.sleep(60)\n")
    start = time.monotonic()
    with pytest.raises(BayplanError, match=r"longer than its limit of 0\.5 s"):
        capture(source, batch=None, optimizer=None, timeout=0.5)
    assert time.monotonic() - start < 5


def running(pid: int) -> bool:
    """Whether a process is there and not a zombie that waits to be collected."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""CP-SAT windows as threads: whoever ends while one still runs ends well."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import numpy as np
from solver.ordering.problem import compile_step
from solver.ordering.windows import Windows
from solver.watch import Watch
from tests.solver.random_steps import random_step

graph = compile_step(random_step(120, seed=1, density=0.05)).graph
order = np.arange(graph.ops)
with Watch(3.0) as watch:
    Windows(graph, watch, 0).solve(order, 0, graph.ops, 0, 1000.0)
print("returned")
"""


def test_a_process_that_ends_under_a_running_window_is_not_aborted() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "returned"), ended.stderr

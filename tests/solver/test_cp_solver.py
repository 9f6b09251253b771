"""CP-SAT leaves Ctrl+C to the program that it runs in."""

import subprocess
import sys

PRESSED_TWICE = """
import os, signal, threading, time
from itertools import combinations
from ortools.sat.python import cp_model
from solver.cp_solver import cp_solver

model = cp_model.CpModel()
marks = [model.new_int_var(0, 300, "") for _ in range(14)]
gaps = [model.new_int_var(-300, 300, "") for _ in combinations(marks, 2)]
for gap, (one, other) in zip(gaps, combinations(marks, 2)):
    model.add(gap == other - one)
model.add_all_different(gaps)
model.minimize(marks[-1])

pressed = []
signal.signal(signal.SIGINT, lambda *_: pressed.append(searching.is_alive()))
searching = threading.Thread(target=lambda: cp_solver(1e9, 1.5).solve(model))
searching.start()
time.sleep(0.5)
os.kill(os.getpid(), signal.SIGINT)
searching.join()
os.kill(os.getpid(), signal.SIGINT)
print(pressed)
"""


def test_ctrl_c_reaches_the_program_while_a_search_runs_and_after_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESSED_TWICE], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[True, False]\n", "")

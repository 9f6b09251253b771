"""Proves exports wherever a GPU is: ``python3 tests/cuda [FOLDER...] [--device cpu] [--write]``.

Needs Python, torch and the folders; the models are built again with ``runtime/capture``. Prints a table
and exits with 1 where anything is not as it should be, with 2 where nothing could be checked.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EXPORTS = HERE / "exports"
CHECKS = (
    "equal",
    "pluggable",
    "corrupted",
    "memory",
    "graph",
    "trains",
    "duration",
    "ranks",
    "compiled",
)
ONLY_CUDA = frozenset({"pluggable", "memory", "trains"})
SECONDS = 900

Row = dict[str, dict[str, Any]]


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make test-cuda", description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="exports (default: tests/cuda/exports/*)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="(default cuda)")
    parser.add_argument("--steps", type=int, default=3, help="compared steps (default 3)")
    parser.add_argument("--rounds", type=int, default=50, help="timed rounds (default 50)")
    parser.add_argument("--only", action="append", choices=CHECKS, help="only this check; repeatable")
    parser.add_argument("--write", action="store_true", help="write the table to tests/cuda/RESULTS.md")
    options = parser.parse_args(arguments)
    folders = [folder.resolve() for folder in options.folders]
    folders = folders or sorted(path.parent for path in EXPORTS.glob("*/plan.json"))
    problem = obstacle(options.device, folders)
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    results = importlib.import_module("results")
    checks = [c for c in options.only or CHECKS if options.device == "cuda" or c not in ONLY_CUDA]
    rows: dict[str, Row] = {}
    for folder in folders:
        rows[folder.name] = row = {}
        for check in checks:
            sys.stderr.write(f"{folder.name}: {check}\n")
            row[check] = checked(folder, check, row, options.steps, options.rounds)
    text = results.table(rows)
    sys.stdout.write(text)
    if options.write:
        results.write(HERE / "RESULTS.md", text, options.device)
    failed = [name for name, row in rows.items() if any(found["problems"] for found in row.values())]
    return 1 if failed else 0


def obstacle(device: str, folders: list[Path]) -> str:
    """Why nothing can be checked here, or empty."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return (
            f"This torch ({torch.__version__}) finds no CUDA GPU. Exports for the CPU can be checked "
            "with --device cpu."
        )
    if not folders:
        return (
            f"There are no exports in {EXPORTS}. Make them with `make cuda-exports`, which needs the "
            "whole environment but no GPU, and bring them here; or name folders."
        )
    for folder in folders:
        try:
            target = json.loads((folder / "plan.json").read_text())["plan"]["device"]
        except (OSError, ValueError, KeyError) as error:
            return f"{folder} is not an export: {error}."
        if target != device:
            return f"{folder} is for {target}, and --device is {device}."
    return ""


def checked(folder: Path, check: str, row: Row, steps: int, rounds: int) -> dict[str, Any]:
    """The result of one check, which runs in a process of its own."""
    adapter = "pluggable" if check == "pluggable" else "auto"
    request = {
        "folder": str(folder),
        "check": "equal" if check == "pluggable" else check,
        "adapter": adapter,
        "steps": steps,
        "rounds": rounds,
        "cap": row.get("memory", {}).get("cap", 0),
    }
    if check == "trains" and not request["cap"]:
        return {"problems": ["the memory that it needs is not known"]}
    with tempfile.TemporaryDirectory() as temporary:
        files = [Path(temporary) / name for name in ("request.json", "result.json")]
        files[0].write_text(json.dumps(request))
        # cuBLAS repeats itself bit for bit only with workspaces of a fixed size; waiting threads would
        # otherwise spin, and their time on the CPU would count as the step's.
        settings = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "OMP_WAIT_POLICY": "passive"}
        environment = {**os.environ, **settings}
        command = [sys.executable, str(HERE / "child.py"), *map(str, files)]
        try:
            done = subprocess.run(
                command, env=environment, timeout=SECONDS, check=False, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            return {"problems": [f"took more than {SECONDS} s"]}
        if not files[1].is_file():
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            return {"problems": [f"the process ended with {done.returncode}: {last}"]}
        result: dict[str, Any] = json.loads(files[1].read_text())
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Write an export: a folder that runs the planned step with nothing but torch."""

import hashlib
import json
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from typing import TypeAlias

from solver.assemble import assemble
from solver.check import require_valid
from solver.errors import BayplanError
from solver.plan import Certificate, Plan, Proof, Status
from solver.rewriting import rewritten
from solver.step import Step
from solver.timeline import planned_storages

from .generate import generate
from .plan_file import plan_file
from .templates import INIT, MAIN, SELFTEST, readme

REPLAY_SUFFIXES = (".py", ".h", ".hpp", ".cpp")
OWN_EXTRAS = frozenset({"recordings", "__pycache__"})
"""What an export grows when it is used."""


GoOn: TypeAlias = Callable[[float], bool]
"""Is told the part of an export that is done; False ends it before anything is written."""


def export(step: Step, plan: Plan, folder: Path, go_on: GoOn | None = None) -> bool:
    """Write the module that runs ``plan`` into ``folder``; an earlier export there is replaced whole.

    False, and nothing is written or replaced, where ``go_on`` said so.
    Raises BayplanError for a plan that is not right for ``step``, a planning-only step, and a folder
    that is not an earlier export or not a name that Python can import.
    """
    folder = folder.absolute()
    if step.program is None:
        raise BayplanError(
            f"{step.title} is a planning-only step: it has no program that could be run. Capture the "
            "model to export a plan of it."
        )
    require_valid(step, plan)
    _require_place(folder)
    content = export_files(step, plan, folder.name, go_on)
    if content is None or (go_on is not None and not go_on(0.95)):
        return False
    _write(folder, content)
    return True


def export_files(
    step: Step, plan: Plan, name: str, go_on: GoOn | None = None
) -> dict[str, bytes] | None:
    """Every file of the export called ``name``, by its path with ``/``, for a checked plan.

    What the plan rewrites is in the planned step alone: the traced one is as captured. None where
    ``go_on`` ended it.
    """
    told = go_on or (lambda _: True)
    if not told(0.1):
        return None
    changed = rewritten(step, plan) if plan.rewrites else step
    planned = generate(changed, plan, f"{step.title}: {plan.name}")
    if not told(0.45):
        return None
    traced = generate(step, _program_order(step), f"{step.title}: program order")
    if not told(0.8):
        return None
    result = {
        "__init__.py": INIT.encode(),
        "__main__.py": MAIN.encode(),
        "selftest.py": SELFTEST.encode(),
        "README.md": readme(step, plan, name).encode(),
        "planned.py": planned.source.encode(),
        "traced.py": traced.source.encode(),
    }
    for resource in sorted(files("runtime.replay").iterdir(), key=lambda r: r.name):
        if resource.name.endswith(REPLAY_SUFFIXES):
            result[f"replay/{resource.name}"] = resource.read_bytes()
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in result.items()}
    record = plan_file(step, changed, plan, planned, digests)
    result["plan.json"] = json.dumps(record, separators=(",", ":")).encode()
    return result


def _program_order(step: Step) -> Plan:
    """A plan only for generating the traced step: its addresses are never used."""
    return assemble(
        step,
        range(len(step.ops)),
        dict.fromkeys(map(int, planned_storages(step)), 0),
        name="Program order",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 0),
    )


def _require_place(folder: Path) -> None:
    """Refuse a folder that is not free and not an earlier export that nobody added anything to."""
    if folder.name != module_name(folder.name):
        raise BayplanError(
            f"{folder.name!r} cannot be imported by Python: use letters, digits and underscores, such "
            f"as {module_name(folder.name)!r}."
        )
    if folder.name == "torch" or folder.name in sys.stdlib_module_names:
        raise BayplanError(
            f"A folder called {folder.name!r} would stand in for Python's own {folder.name}. Choose "
            f"another name, such as 'plan_{folder.name}'."
        )
    if not folder.parent.is_dir():
        raise BayplanError(f"There is no folder {folder.parent}. Make it, or choose another place.")
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise BayplanError(f"{folder} cannot be looked at: {error.strerror or error}.") from None
    if not stat.S_ISDIR(found.st_mode):
        raise BayplanError(f"{folder} is not a folder. Choose another place for the export.")
    foreign = _foreign_file(folder)
    if foreign:
        raise BayplanError(
            f"{folder} is not an earlier export, or has something of yours in it ({foreign}). "
            "Choose another place for the export."
        )


def _foreign_file(folder: Path) -> str:
    """Something in ``folder`` that no export wrote; empty: all of it may be replaced."""
    there = sorted(item.name for item in folder.iterdir())
    if not there:
        return ""
    try:
        record = json.loads((folder / "plan.json").read_bytes())
        listed = record["files"] if record["format"] == "bayplan-export" else {}
        known = {path.split("/")[0] for path in listed} | {"plan.json"} | OWN_EXTRAS
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        known = set()
    return next((name for name in there if name not in known), "")


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write beside ``folder`` and move into its place, so that it is the old export or the new one."""
    token = secrets.token_hex(4)
    fresh = folder.with_name(f".{folder.name}.{token}")
    old = folder.with_name(f".{folder.name}.{token}.old")
    try:
        for path, data in content.items():
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    except OSError as error:
        raise BayplanError(
            f"{folder} cannot be written: {error.strerror or error}. Choose another place."
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def module_name(text: str) -> str:
    """A name for an export's folder, made of ``text``, that Python can import."""
    name = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in text.strip())
    return name if name.isidentifier() and not iskeyword(name) else f"plan_{name}"

"""The library: steps by their fingerprint, plans that were checked against their step."""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from app.heavy import load_module
from app.library.place import default_path
from app.library.summary import SPARK_POINTS, PlanSummary, StepSummary
from solver.errors import BayplanError
from solver.files import decode_plan, decode_step, encode_plan, encode_step
from solver.pin_text import pin_text
from solver.plan import IntArray, Plan, Status
from solver.solution import Report
from solver.step import Step
from solver.timeline import order_profile, plan_profile

if TYPE_CHECKING:
    from app.library.store import Store


class Library:
    """Steps and plans in one file, which other windows may use at the same time.

    Making a ``Library`` touches nothing; ``open``, or the first use of anything else, opens the
    file, and creates or migrates it where needed. All methods raise BayplanError where the file is
    damaged, newer than this program, read-only, busy or on a full disk, and may be called from any
    thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or default_path()).absolute()
        self._opening = threading.Lock()
        self._open: Store | None = None
        self._seen = -1
        self._recent: Step | None = None
        """The step last stored or read: its plans come next, and decoding a large one takes a while."""

    @property
    def _store(self) -> "Store":
        with self._opening:
            if self._open is None:
                # Imported here: SQLAlchemy takes half a second, and the first window must not wait.
                load_module("app.library.store")
                from app.library.store import Store

                self._open = Store(self.path)
                self._seen = self._open.version()
            return self._open

    def open(self) -> None:
        """Open the file now, to learn early whether it can be used."""
        _ = self._store

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._opening:
            if self._open is not None:
                self._open.close()
                self._open = None

    def changed(self) -> bool:
        """Whether anybody, this window included, changed the library since this was last asked."""
        version = self._store.version()
        before, self._seen = self._seen, version
        return version != before

    def ready_edition(self) -> int:
        """Which edition of the ready plans was put into it last; 0: none."""
        return self._store.ready_edition()

    def note_ready_plans(self, edition: int) -> None:
        """Remember that this edition of the ready plans was put into it."""
        self._store.set_ready_edition(edition)

    def steps(self) -> list[StepSummary]:
        """All steps with their plans, the newest first."""
        return self._store.steps()

    def search(self, text: str) -> list[StepSummary]:
        """The steps of which every word of ``text`` is in a name or tag of theirs or of a plan."""
        return [step for step in self.steps() if step.mentions(text)]

    def find_step(self, fingerprint: str) -> int | None:
        """The id of the step with this fingerprint, or None."""
        return self._store.find_step(fingerprint)

    def add_step(self, step: Step) -> int:
        """Store a step; its id. One with the same fingerprint is there once."""
        program_order = order_profile(step, range(len(step.ops)))
        self._recent = step
        return self._store.add_step(
            step.fingerprint,
            {
                "name": step.title,
                "model": step.origin.model,
                "batch": step.origin.batch,
                "optimizer": step.origin.optimizer,
                "training": step.origin.training,
                "target": step.origin.target,
                "dtype": step.origin.dtype,
                "ops": len(step.ops),
                "storages": sum(s.planned for s in step.storages),
                "resident_bytes": step.resident_bytes,
                "program_order_peak_bytes": int(program_order.max(initial=0)),
                "replayable": step.program is not None,
                "added": _now(),
                "spark": spark(program_order),
                "content": encode_step(step),
            },
        )

    def step(self, step_id: int) -> Step:
        """Read a step."""
        fingerprint, content = self._store.step_content(step_id)
        recent = self._recent
        if recent is not None and recent.fingerprint == fingerprint:
            return recent
        step = decode_step(content, f"Step {step_id} of the library")
        if step.fingerprint != fingerprint:
            raise BayplanError(
                f"Step {step_id} of the library {self.path} is damaged: it is not what was stored. "
                "Delete it and capture it again."
            )
        self._recent = step
        return step

    def rename_step(self, step_id: int, name: str) -> None:
        """Give a step another name."""
        self._store.rename("step", step_id, _name(name))

    def set_step_notes(self, step_id: int, notes: str) -> None:
        """Replace a step's notes."""
        self._store.set_notes("step", step_id, notes)

    def set_step_tags(self, step_id: int, tags: Iterable[str]) -> None:
        """Replace a step's tags."""
        self._store.set_tags("step", step_id, _tags(tags))

    def delete_step(self, step_id: int) -> None:
        """Delete a step and all its plans."""
        self._store.delete("step", step_id)

    def plans(self, step_id: int) -> list[PlanSummary]:
        """A step's plans, the lowest first."""
        return self._store.plans(step_id)

    def add_plan(self, step_id: int, plan: Plan, report: Report | None = None) -> int:
        """Store a plan of a stored step, after checking it; its id.

        A plan with the same decisions is there once. With ``report`` the step's summary also learns
        what the caching allocator reserves as run. The step as run is no plan: it is refused.
        """
        if plan.status is Status.BASELINE:
            raise BayplanError(
                f"{plan.name!r} is a model of how the step runs today, not a plan; it is computed "
                "anew when needed and not stored."
            )
        step = self.step(step_id)
        _require_valid(step, plan)
        terms = plan.terms
        return self._store.add_plan(
            step_id,
            _digest(plan),
            {
                "name": plan.name,
                "status": plan.status.value,
                "peak_bytes": plan.peak_bytes,
                "height_bytes": plan.height_bytes,
                "peak_bound_bytes": plan.certificate.peak_bound_bytes,
                "budget_bytes": None if terms is None else terms.budget_bytes,
                "overhead": None if terms is None else terms.overhead,
                "overhead_bound": None if terms is None else terms.overhead_bound,
                "seed": plan.provenance.seed,
                "seconds": plan.provenance.seconds,
                "created": plan.provenance.created or _now(),
                "spark": spark(plan_profile(_as_planned(step, plan), plan)),
                "content": encode_plan(plan),
            },
            None if report is None else report.baseline_reserved_bytes,
        )

    def plan(self, plan_id: int) -> Plan:
        """Read a plan under its present name, checked against its step."""
        step_id, name, content = self._store.plan_content(plan_id)
        plan = replace(decode_plan(content, f"Plan {plan_id} of the library"), name=name)
        _require_valid(self.step(step_id), plan)
        return plan

    def rename_plan(self, plan_id: int, name: str) -> None:
        """Give a plan another name, which no other plan of its step has."""
        self._store.rename("plan", plan_id, _name(name))

    def set_plan_notes(self, plan_id: int, notes: str) -> None:
        """Replace a plan's notes."""
        self._store.set_notes("plan", plan_id, notes)

    def set_plan_tags(self, plan_id: int, tags: Iterable[str]) -> None:
        """Replace a plan's tags."""
        self._store.set_tags("plan", plan_id, _tags(tags))

    def delete_plan(self, plan_id: int) -> None:
        """Delete a plan; its step stays."""
        self._store.delete("plan", plan_id)


def spark(profile: IntArray) -> list[int]:
    """A live-bytes profile in at most ``SPARK_POINTS`` points: the most of each stretch of slots."""
    if len(profile) <= SPARK_POINTS:
        return [int(value) for value in profile]
    starts = np.arange(SPARK_POINTS) * len(profile) // SPARK_POINTS
    return [int(value) for value in np.maximum.reduceat(profile, starts)]


def _digest(plan: Plan) -> str:
    """SHA-256 (hex) of what the plan decides; not of its name, its seconds or the machine.

    A plan within a budget is another one than the same decisions under other terms: its overhead is
    that of a device, its bound that of a budget. One that keeps pins is proven of other plans.
    """
    decisions: list[object] = [plan.instances, plan.actions, plan.host_slots]
    if plan.rewrites or plan.terms is not None:
        decisions += [plan.rewrites, plan.terms]
    if plan.pins:
        decisions.append(sorted(pin_text(pin) for pin in plan.pins))
    return hashlib.sha256(msgspec.json.encode(decisions)).hexdigest()


def _name(name: str) -> str:
    if not name.strip():
        raise BayplanError("The name is empty. Give it at least one letter.")
    return name.strip()


def _tags(tags: Iterable[str]) -> list[str]:
    return sorted({tag.strip() for tag in tags} - {""})


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _require_valid(step: Step, plan: Plan) -> None:
    from solver.check import require_valid  # The first window must not wait for the validator.

    require_valid(step, plan)


def _as_planned(step: Step, plan: Plan) -> Step:
    from solver.rewriting import rewritten  # Nor for the rules of rewrites.

    return rewritten(step, plan)

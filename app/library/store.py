"""The library's rows: every query there is, each in a transaction of its own."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sqlalchemy import select, text
from sqlalchemy.orm import Session, selectinload

from app.library.opening import BUSY_SECONDS, open_library, plain_errors, writing
from app.library.schema import PlanRow, PlanTagRow, StepRow, StepTagRow
from app.library.summary import PlanSummary, StepSummary
from solver.errors import BayplanError

Kind: TypeAlias = Literal["step", "plan"]


class Store:
    """The open database file; its methods may be called from any thread. All raise BayplanError."""

    def __init__(self, path: Path) -> None:
        """Open, create or migrate the library at ``path``."""
        self.path = path
        self._engine = open_library(path)
        with plain_errors(path):
            self._watch = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)

    def close(self) -> None:
        """Let go of the file."""
        self._watch.close()

    def version(self) -> int:
        """A number that differs once anybody's transaction changed the file.

        The connection that asks never writes, so that changes of this process count too.
        """
        with plain_errors(self.path):
            (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(version)

    def ready_edition(self) -> int:
        """The edition of the ready plans that was noted last, or 0."""
        with self._reading() as session:
            return int(session.execute(text("PRAGMA user_version")).scalar_one())

    def set_ready_edition(self, edition: int) -> None:
        """Note an edition of the ready plans; SQLite keeps the number in the file's header."""
        with self._changing() as session:
            session.execute(text(f"PRAGMA user_version = {int(edition)}"))

    def steps(self) -> list[StepSummary]:
        """All steps with their plans, the newest first."""
        plans = selectinload(StepRow.plans)
        query = (
            select(StepRow)
            .options(selectinload(StepRow.tags), plans, plans.selectinload(PlanRow.tags))
            .order_by(StepRow.id.desc())
        )
        with self._reading() as session:
            return [_step_summary(row) for row in session.scalars(query)]

    def plans(self, step_id: int) -> list[PlanSummary]:
        """A step's plans, the lowest first."""
        with self._reading() as session:
            return [_plan_summary(row) for row in _step(session, step_id).plans]

    def step_content(self, step_id: int) -> tuple[str, bytes]:
        """A step's fingerprint and encoded content."""
        with self._reading() as session:
            row = _step(session, step_id)
            return row.fingerprint, row.content

    def plan_content(self, plan_id: int) -> tuple[int, str, bytes]:
        """The id of a plan's step, the plan's name and its encoded content."""
        with self._reading() as session:
            row = _plan(session, plan_id)
            return row.step_id, row.name, row.content

    def find_step(self, fingerprint: str) -> int | None:
        """The id of the step with this fingerprint, if it is stored."""
        with self._reading() as session:
            return session.scalar(select(StepRow.id).where(StepRow.fingerprint == fingerprint))

    def add_step(self, fingerprint: str, figures: dict[str, Any]) -> int:
        """Store a step unless it is there; its id."""
        with self._changing() as session:
            known = session.scalar(select(StepRow.id).where(StepRow.fingerprint == fingerprint))
            if known is not None:
                return known
            row = StepRow(fingerprint=fingerprint, **figures)
            session.add(row)
            session.flush()
            return row.id

    def add_plan(
        self, step_id: int, digest: str, figures: dict[str, Any], reserved_bytes: int | None
    ) -> int:
        """Store a plan unless one with the same decisions is there; its id.

        Where another plan of the step has the name, a number is put behind it. ``reserved_bytes``
        is noted with the step unless None.
        """
        with self._changing() as session:
            step = _step(session, step_id)
            if reserved_bytes is not None:
                step.baseline_reserved_bytes = reserved_bytes
            for plan in step.plans:
                if plan.digest == digest:
                    return plan.id
            name = _free_name(figures["name"], {plan.name for plan in step.plans})
            row = PlanRow(step_id=step_id, digest=digest, **(figures | {"name": name}))
            session.add(row)
            session.flush()
            return row.id

    def rename(self, kind: Kind, row_id: int, name: str) -> None:
        """Give a step or a plan another name; a step's plans have different ones."""
        with self._changing() as session:
            if kind == "step":
                _step(session, row_id).name = name
                return
            plan = _plan(session, row_id)
            taken = select(PlanRow.id).where(
                PlanRow.step_id == plan.step_id, PlanRow.name == name, PlanRow.id != row_id
            )
            if session.scalar(taken) is not None:
                raise BayplanError(f"The step has another plan named {name!r}. Choose another name.")
            plan.name = name

    def set_notes(self, kind: Kind, row_id: int, notes: str) -> None:
        """Replace the notes of a step or a plan."""
        with self._changing() as session:
            _row(session, kind, row_id).notes = notes

    def set_tags(self, kind: Kind, row_id: int, tags: Iterable[str]) -> None:
        """Replace the tags of a step or a plan."""
        wanted = set(tags)
        with self._changing() as session:
            present: Sequence[StepTagRow | PlanTagRow] = _row(session, kind, row_id).tags
            there = {entry.tag for entry in present}
            for entry in present:
                if entry.tag not in wanted:
                    session.delete(entry)
            for tag in wanted - there:
                session.add(
                    StepTagRow(step_id=row_id, tag=tag)
                    if kind == "step"
                    else PlanTagRow(plan_id=row_id, tag=tag)
                )

    def delete(self, kind: Kind, row_id: int) -> None:
        """Delete a plan, or a step with all its plans; one that is gone already is no error."""
        with self._changing() as session:
            row = session.get(StepRow if kind == "step" else PlanRow, row_id)
            if row is not None:
                session.delete(row)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        """A session that sees one state of the file."""
        with plain_errors(self.path), Session(self._engine) as session:
            yield session

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        """A session whose changes are all kept when the block ends, or none."""
        with plain_errors(self.path), Session(writing(self._engine)) as session, session.begin():
            yield session


def _row(session: Session, kind: Kind, row_id: int) -> StepRow | PlanRow:
    return _step(session, row_id) if kind == "step" else _plan(session, row_id)


def _step(session: Session, step_id: int) -> StepRow:
    row = session.get(StepRow, step_id)
    if row is None:
        raise BayplanError("The step is no longer in the library; another window may have deleted it.")
    return row


def _plan(session: Session, plan_id: int) -> PlanRow:
    row = session.get(PlanRow, plan_id)
    if row is None:
        raise BayplanError("The plan is no longer in the library; another window may have deleted it.")
    return row


def _free_name(name: str, taken: set[str]) -> str:
    number, result = 2, name
    while result in taken:
        result = f"{name} ({number})"
        number += 1
    return result


def _plan_summary(row: PlanRow) -> PlanSummary:
    return PlanSummary(
        id=row.id,
        step_id=row.step_id,
        name=row.name,
        status=row.status,
        peak_bytes=row.peak_bytes,
        height_bytes=row.height_bytes,
        peak_bound_bytes=row.peak_bound_bytes,
        budget_bytes=row.budget_bytes,
        overhead=row.overhead,
        overhead_bound=row.overhead_bound,
        seed=row.seed,
        seconds=row.seconds,
        created=row.created,
        notes=row.notes,
        tags=tuple(entry.tag for entry in row.tags),
        spark=tuple(row.spark),
    )


def _step_summary(row: StepRow) -> StepSummary:
    return StepSummary(
        id=row.id,
        fingerprint=row.fingerprint,
        name=row.name,
        model=row.model,
        batch=row.batch,
        optimizer=row.optimizer,
        training=row.training,
        target=row.target,
        dtype=row.dtype,
        ops=row.ops,
        storages=row.storages,
        resident_bytes=row.resident_bytes,
        program_order_peak_bytes=row.program_order_peak_bytes,
        baseline_reserved_bytes=row.baseline_reserved_bytes,
        replayable=row.replayable,
        added=row.added,
        notes=row.notes,
        tags=tuple(entry.tag for entry in row.tags),
        spark=tuple(row.spark),
        plans=tuple(_plan_summary(plan) for plan in row.plans),
    )

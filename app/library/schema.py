"""The library's tables as typed rows. A change here needs a new script in ``migrations/versions``."""

from sqlalchemy import JSON, Double, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

HEAD = "0002"
"""The newest migration; a library at another one is migrated when it is opened."""


class Base(DeclarativeBase):
    """The tables' common base."""


class StepRow(Base):
    """A step, addressed by its content: ``fingerprint`` is unique, ``content`` a step file's bytes."""

    __tablename__ = "step"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    model: Mapped[str]
    batch: Mapped[int]
    optimizer: Mapped[str]
    training: Mapped[bool]
    target: Mapped[str]
    dtype: Mapped[str]
    ops: Mapped[int]
    storages: Mapped[int]
    resident_bytes: Mapped[int]
    program_order_peak_bytes: Mapped[int]
    baseline_reserved_bytes: Mapped[int | None]
    replayable: Mapped[bool]
    added: Mapped[str]
    notes: Mapped[str] = mapped_column(default="")
    spark: Mapped[list[int]] = mapped_column(JSON)
    # Last, and loaded only when asked for: listing must not read through megabytes of steps.
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

    tags: Mapped[list["StepTagRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="StepTagRow.tag"
    )
    plans: Mapped[list["PlanRow"]] = relationship(
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="PlanRow.height_bytes, PlanRow.id",
    )


class PlanRow(Base):
    """A plan of a step; ``digest`` is of its decisions, so that the same plan is stored once."""

    __tablename__ = "plan"
    __table_args__ = (UniqueConstraint("step_id", "digest"), UniqueConstraint("step_id", "name"))

    id: Mapped[int] = mapped_column(primary_key=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("step.id", ondelete="CASCADE"))
    digest: Mapped[str]
    name: Mapped[str]
    status: Mapped[str]
    peak_bytes: Mapped[int]
    height_bytes: Mapped[int]
    peak_bound_bytes: Mapped[int]
    budget_bytes: Mapped[int | None]
    overhead: Mapped[float | None] = mapped_column(Double)
    overhead_bound: Mapped[float | None] = mapped_column(Double)
    seed: Mapped[int]
    seconds: Mapped[float] = mapped_column(Double)
    created: Mapped[str]
    notes: Mapped[str] = mapped_column(default="")
    spark: Mapped[list[int]] = mapped_column(JSON)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

    tags: Mapped[list["PlanTagRow"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True, order_by="PlanTagRow.tag"
    )


class StepTagRow(Base):
    """A word that somebody gave a step."""

    __tablename__ = "step_tag"

    step_id: Mapped[int] = mapped_column(ForeignKey("step.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)


class PlanTagRow(Base):
    """A word that somebody gave a plan."""

    __tablename__ = "plan_tag"

    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)

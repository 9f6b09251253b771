"""What a plan within a budget does beyond order and addresses, in figures and in words. No Qt."""

from dataclasses import dataclass

from app.numbers import human
from app.translation import plural, tr
from solver.plan import HOME, Offload, Plan, Run
from solver.step import Step
from solver.terms import DeviceModel


@dataclass(frozen=True, slots=True)
class Doings:
    """Counts; bytes."""

    recomputed_ops: int
    """Runs of ops that had run before."""
    fused_ops: int
    """Those of them that need no pass of their own."""
    offloaded_bytes: int
    """Copied to host memory, every trip counted."""
    host_bytes: int
    """Of host memory that the plan takes: its block, and what lives there from step to step."""
    rewritten_ops: int
    """Rewrites to other implementations."""


def doings(step: Step, plan: Plan) -> Doings:
    """``step``: as the plan runs it, with its rewrites."""
    runs = [action for action in plan.actions if isinstance(action, Run)]
    trips = [action.host for action in plan.actions if isinstance(action, Offload)]
    sizes = [step.storages[slot.storage].size for slot in plan.host_slots]
    slots = list(zip(plan.host_slots, sizes, strict=True))
    block = max((slot.address + size for slot, size in slots if slot.address != HOME), default=0)
    return Doings(
        recomputed_ops=len(runs) - len({run.op for run in runs}),
        fused_ops=sum(run.fused for run in runs),
        offloaded_bytes=sum(sizes[host] for host in trips),
        host_bytes=block + sum(size for slot, size in slots if slot.address == HOME),
        rewritten_ops=len(plan.rewrites),
    )


def done_text(done: Doings) -> str:
    """``29 ops run again, 14 of them fused; 0 B copied to the host; 3 other implementations``."""
    again = plural("{} op run again", "{} ops run again", done.recomputed_ops)
    if done.fused_ops:
        again = tr("{}, {:,} of them fused").format(again, done.fused_ops)
    others = plural("{} other implementation", "{} other implementations", done.rewritten_ops)
    return tr("{}; {} copied to the host; {}").format(again, human(done.offloaded_bytes), others)


def times_text(device: DeviceModel, measured: bool) -> str:
    """Which op times were used: measured ones, or those of the device model, in figures."""
    copies = tr("copies {:g} GB/s").format(device.host_bytes_per_second / 1e9)
    if measured:
        return tr("measured on the target; {}").format(copies)
    peak = device.flops_per_second["float32"] / 1e12
    return tr("a roofline of {}: {:g} TFLOP/s float32, {:g} GB/s, {:g} µs a launch, {}").format(
        device.name,
        peak,
        device.bytes_per_second / 1e9,
        device.launch_seconds * 1e6,
        copies,
    )

"""``order_step``: the best order of a step that can be found in the time given, and its proof."""

from dataclasses import dataclass

from solver.plan import Proof
from solver.solution import CancelCallback, ProgressCallback
from solver.step import Step


@dataclass(frozen=True, slots=True)
class OrderResult:
    """An order, what it needs, and what no order can go below. Bytes of planned storages."""

    order: tuple[int, ...]
    peak_bytes: int
    bound_bytes: int
    proof: Proof
    proof_op: int
    """The op whose cut is the bound, or -1."""
    optimal: bool
    """Whether the peak is the bound."""
    lean_order: tuple[int, ...] = ()
    """An order of the same peak that is not pulled towards program order: it often holds less alive
    on the way, and so can be easier to place. Empty where none is known."""


def order_step(
    step: Step,
    *,
    deadline: float,
    seed: int,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
) -> OrderResult:
    """Find an order with a small peak and prove how small it can be; see the package's parts.

    ``deadline`` is in seconds from now. ``progress`` is called from this thread; ``cancelled`` from
    another one, some fifty times a second, and when it returns True the best order found is returned
    within 100 ms (a kernel that is being compiled for the first time on this machine is finished
    first). The result is the same for the same ``seed`` as long as the deadline does not come before
    the end. Raises ValueError for a step that ``solver.validate`` would refuse.
    """
    # Imported here: numba takes half a second, and a window that opens must not wait for it.
    from solver.ordering.search import Search
    from solver.watch import Watch

    with Watch(deadline, cancelled) as watch:
        return Search(step, seed, watch, progress).run()

"""``order_step``: the best order of a step that can be found in the time given, and its proof."""

from solver.ordering.result import OrderResult
from solver.solution import CancelCallback, ProgressCallback
from solver.step import Step


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

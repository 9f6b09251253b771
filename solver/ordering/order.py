"""``order_step``: the best order of a step that can be found in the time given, and its proof."""

from solver.ordering.interim import Interim
from solver.ordering.result import OrderResult
from solver.pins import Pins
from solver.solution import CancelCallback, ProgressCallback
from solver.step import Step


def order_step(
    step: Step,
    *,
    deadline: float,
    seed: int,
    reuse: bool = True,
    pins: Pins = (),
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    interim: Interim | None = None,
) -> OrderResult:
    """Find an order with a small peak and prove how small it can be; see the package's parts.

    ``reuse``: the plan may reuse memory in place (``solver.reuse``), so that peak and bound are those
    of such plans. ``pins``: the order keeps them, so that the bound is that of plans that do.
    ``deadline`` is in seconds from now. ``progress`` is called from this thread;
    ``cancelled`` from another one, some fifty times a second, and when it returns True the best order
    found is returned within 100 ms (a kernel that is being compiled for the first time on this machine
    is finished first). ``interim`` takes what is found on the way. The result is the same for the same
    ``seed`` as long as the deadline does not come before the end. Raises BayplanError that names the
    pins in conflict where no order keeps them, ValueError for a step that ``solver.validate`` would
    refuse.
    """
    # Imported here: numba takes half a second, and a window that opens must not wait for it.
    from solver.ordering.pinned import order_with_pins
    from solver.ordering.problem import compile_step
    from solver.ordering.reuse import order_with_reuse
    from solver.ordering.search import Search
    from solver.watch import Watch

    with Watch(deadline, cancelled) as watch:
        if pins:
            return order_with_pins(step, pins, reuse, seed, watch, progress, interim)
        if reuse:
            return order_with_reuse(step, seed, watch, progress, interim)
        return Search(compile_step(step).graph, seed, watch, progress, interim=interim).run()

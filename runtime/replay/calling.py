"""Call a generated step with what it works with: the device's state, ranks, transfers, repetitions."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from .device import Device
from .draws import CudaDraws
from .generated import GeneratedStep, StepFunction
from .offload import Transfers
from .out_of_memory import named_op
from .plan_data import PlanData
from .ranks import Ranks
from .repetitions import Repetitions
from .report import Report


class Caller:
    """Calls the planned step of one export. Not for use by two threads at a time."""

    def __init__(self, plan: PlanData, source: GeneratedStep, device: Device, ranks: Ranks) -> None:
        self._plan, self._source, self._device, self._ranks = plan, source, device, ranks
        self._again = Repetitions(plan.norms, device) if plan.again else None
        """What the ops need that run again; None: nothing."""
        self._transfers: Transfers | None = None
        """Between the arena and host memory, where the plan has some."""

    @property
    def draws(self) -> CudaDraws | None:
        """What a CUDA graph of the step needs to know of its repetitions."""
        return self._again.graphed if self._again is not None else None

    def settle(self) -> None:
        """Find out what depends on the machine's settings. Between steps."""
        if self._again is not None:
            self._again.settle()

    def fill(self, value: int) -> None:
        """Set every byte of host memory that the plan uses, between the steps on the device."""
        if self._transfers is not None:
            self._transfers.fill(value)

    def told(self, report: Report) -> Report:
        """``report`` with what is known here."""
        plan, transfers = self._plan, self._transfers
        block = transfers.host_bytes if transfers is not None else plan.host_bytes
        return replace(
            report,
            transfers=len(plan.transfers),
            host_bytes=block + plan.home_bytes,
            repeated=len(plan.repeated),
            whole_norms=self._again.whole if self._again is not None else 0,
        )

    def __call__(
        self,
        function: StepFunction,
        arm: Callable[[int], object],
        residents: Sequence[Tensor],
        scalars: Sequence[float],
        *,
        planned: bool = False,
        late: bool = False,
    ) -> tuple[Tensor, ...]:
        """One step by ``function``, which is made of the source. Raises NoMemoryError.

        ``planned``: at planned addresses; otherwise its transfers are made at once. ``late``: they
        come as late as they may.
        """
        with (
            named_op(self._plan, self._source),
            self._device.running(training=self._plan.training),
            self._ranks.running(),
        ):
            again: tuple[Repetitions, ...] = ()
            if self._again is not None:
                self._again.begin()
                again = (self._again,)
            if not self._plan.transfers:
                return function(arm, residents, scalars, *again)
            if self._transfers is None:
                self._transfers = Transfers(self._plan, self._device)
            with self._transfers.running(late=late, at_once=not planned):
                return function(arm, residents, scalars, self._transfers, *again)

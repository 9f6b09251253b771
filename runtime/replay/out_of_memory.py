"""Running out of memory in a step: which op asked for how many bytes."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import torch

from .errors import ReplayError
from .generated import GeneratedStep
from .plan_data import PlanData

_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
_ARMED = re.compile(r"\s*arm\((\d+)\)$")
_ASKED = re.compile(r"tried to allocate ([\d.,]+ ?\w+)", re.IGNORECASE)


class NoMemoryError(ReplayError):
    """A step ran out of memory."""

    def __init__(self, where: str, advice: str) -> None:
        """``where``: op and bytes."""
        super().__init__(f"{where} {advice}")
        self.where = where

    def while_recording(self) -> "NoMemoryError":
        """The same for a step without an effect."""
        return NoMemoryError(
            self.where,
            "This was the unplanned step that records a machine, and takes more memory than planned "
            "ones; the model is as it was before. Record where more is free, on a machine of this "
            "kind, and keep the export's folder 'recordings': steps then start as planned.",
        )


@contextmanager
def named_op(plan: PlanData, source: GeneratedStep) -> Iterator[None]:
    """Around a call of ``source``'s step: NoMemoryError names the op and the bytes."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        where = _describe(plan, source, error)
        # The frames of the step would keep its tensors, and with them the memory.
        traceback.clear_frames(error.__traceback__)
        raise NoMemoryError(
            where,
            "The step ended there: what it had updated by then is updated. Go back to saved "
            "parameters, and plan with a lower budget or a smaller batch.",
        ) from None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator raised ``error`` because there was no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(sign in str(error) for sign in _SIGNS)


def _describe(plan: PlanData, source: GeneratedStep, error: BaseException) -> str:
    asked = _ASKED.search(str(error))
    size = f" It asked for {asked[1]}." if asked else ""
    slot = _slot_at(source, _line_in(error.__traceback__, str(source.path)))
    if slot is None:
        where = "a step"
    else:
        made = sum(plan.instances[i].size for i in plan.created[slot] if i >= 0)
        where = f"{plan.ops[slot]} (slot {slot} of {len(plan.ops)}), whose results have {made:,} bytes"
    return f"Out of memory at {where}.{size}"


def _line_in(found: TracebackType | None, path: str) -> int:
    """The line of the file ``path`` in which the innermost of its frames was; 0: in none."""
    line = 0
    while found is not None:
        if found.tb_frame.f_code.co_filename == path:
            line = found.tb_lineno
        found = found.tb_next
    return line


def _slot_at(source: GeneratedStep, line: int) -> int | None:
    """The slot whose op stands at ``line``, from 1; None where none is armed before it."""
    for text in reversed(source.source.splitlines()[:line]):
        if found := _ARMED.match(text):
            return int(found[1])
    return None

"""Moving what makes a value to an earlier place in the program."""

from collections.abc import Sequence

from solver.rewrites.draft import Draft, Line, values_of

_MOST = 32
"""Lines that are moved at most."""


def hoist(draft: Draft, values: Sequence[int], before: Line) -> list[Line] | None:
    """The lines (in program order) to move before ``before`` so that ``values`` are there; None: one of
    them needs what ``before`` makes, or what is not as it will be yet."""
    lines: dict[int, Line] = {}
    pending = list(values)
    made = {value for value in before.outputs if value is not None}
    while pending:
        value = pending.pop()
        maker = draft.maker(value)
        if value in made:
            return None
        if maker is None or maker.position < before.position or id(maker) in lines:
            continue
        if maker.op is not None and (maker.op.writes or maker.op.random or maker.instruction.guard):
            return None
        needed = values_of(maker.instruction)
        if len(lines) == _MOST or not all(_is_there(draft, v, maker, before) for v in needed):
            return None
        lines[id(maker)] = maker
        pending += needed
    return sorted(lines.values(), key=lambda line: line.position)


def _is_there(draft: Draft, value: int, user: Line, before: Line) -> bool:
    """Whether ``value`` is at ``before``, or as it is made, what it is where ``user`` finds it."""
    maker = draft.maker(value)
    later = maker is not None and maker.position > before.position
    return draft.unwritten(value, maker if later and maker is not None else before, user)


def move(draft: Draft, lines: Sequence[Line], before: Line) -> None:
    """Put ``lines``, in this order, right before ``before``."""
    for line in reversed(lines):
        draft.move(line, before)
        before = line

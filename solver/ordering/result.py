"""What the search for an order returns."""

from dataclasses import dataclass

from solver.plan import Proof


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

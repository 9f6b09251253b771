"""The ops around the cut that proves a bound, laid out as a small graph in three columns. No Qt.

::

    makers        the proving op        those that still need it
    ┌──────┐          ┌────┐            ┌──────┐
    │ ran  ├──────────┤    ├────┐  ┌────┤ runs │
    │before│──────────┼────┼────┼──┼────┤ later│      every edge across the line is held
    └──────┘                    ▲ the cut
"""

from dataclasses import dataclass

from app.facts.plan import op_label
from app.facts.words import phase_name
from solver.proof import PeakProof, Reason
from solver.step import Category, Step

MOST_EDGES = 12


@dataclass(frozen=True, slots=True)
class Node:
    """An op; ``column`` 0: ran before the proving op, 1: it is that one, 2: runs later."""

    op: int
    label: str
    place: str
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor that the cut holds, from the op that makes it to one that still needs it."""

    storage: int
    name: str
    bytes: int
    category: Category
    maker: int
    """Indices of nodes."""
    waiting: int
    touched: bool
    """The proving op uses it itself."""


@dataclass(frozen=True, slots=True)
class CutGraph:
    """What is drawn."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    total: int
    """Bytes of all that is held, of what is not drawn, too."""
    rest_bytes: int
    rest: int
    """So many small tensors are not drawn."""


def cut_graph(step: Step, proof: PeakProof) -> CutGraph:
    """The graph of a proof with an op."""
    drawn, hidden = proof.held[:MOST_EDGES], list(proof.held[MOST_EDGES:])
    largest = max((held.bytes for held in drawn), default=0)
    hidden += [held for held in drawn if held.bytes * 1000 < largest]
    drawn = tuple(held for held in drawn if held.bytes * 1000 >= largest)
    columns: dict[int, dict[int, None]] = {0: {}, 1: {proof.op: None}, 2: {}}
    ends = []
    for held in drawn:
        maker = 1 if held.maker == proof.op else 0
        waiting = 1 if held.waiting == proof.op and maker == 0 else 2
        after = held.waiting
        if waiting == 2 and held.waiting == proof.op:
            # The op makes it itself: it goes to the first that reads it afterwards.
            readers = [i for i, op in enumerate(step.ops) if held.storage in op.reads and i != proof.op]
            after = readers[0] if readers else proof.op
            waiting = 2 if readers else 1
        columns[maker].setdefault(held.maker)
        columns[waiting].setdefault(after)
        ends.append((held, (maker, held.maker), (waiting, after)))
    nodes: list[Node] = []
    index: dict[tuple[int, int], int] = {}
    for column, ops in columns.items():
        near = {end[1] for _, *both in ends for end in both if (1, proof.op) in both}
        # Those beside the proving op on top, as what spans it runs below it; on the right in the order
        # of those on the left, so that few bands cross.
        rank = {op: op for op in ops}
        if column == 2:
            for _, start, end in reversed(ends):
                rank[end[1]] = start[1]
        for row, op in enumerate(sorted(ops, key=lambda op: (op not in near, rank[op], op))):
            index[column, op] = len(nodes)
            known = step.ops[op]
            nodes.append(
                Node(op, op_label(known), known.module or phase_name(known.phase), column, row)
            )
    edges = tuple(
        Edge(
            held.storage,
            step.storages[held.storage].name,
            held.bytes,
            step.storages[held.storage].category,
            index[start],
            index[end],
            held.reason is Reason.TOUCHED,
        )
        for held, start, end in ends
    )
    rest = sum(held.bytes for held in hidden)
    return CutGraph(tuple(nodes), edges, proof.cut_bytes, rest, len(hidden))

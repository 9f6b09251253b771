"""Plans within budgets: overhead, proven bound and seconds next to what they must reach.

Run: ``make bench-budgets``, with ``ARGS="--only resnet50"`` for some of the steps.
GPT-2 is held against torch.compile's ``activation_memory_budget`` on the same graph: torch's choice is
put together, checked and timed as our plans are, though its peak is counted and not its height. Exit
code 1: a target was missed, or a plan was not right.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.graph import DROP, SHORT_GAP, Bits, Tables, make_graph
from solver.budget.simulate import simulate
from solver.budget.solve import solve_budget
from solver.budget.state import State, make_state
from solver.check import check
from solver.compiled import kernel
from solver.files import load_step, save_step, write_atomic
from solver.step import Step
from solver.terms import Choice
from solver.timeline import order_profile, resident_bytes_on_device
from tests.benchmarks.budget_cases import (
    APPROXIMATE,
    EXACT,
    GIB,
    GPT,
    LARGE,
    NEAR,
    RECOMPUTE,
    RESNET,
    Model,
    Target,
    targets,
)

KNOBS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
"""Values of ``activation_memory_budget`` that torch is asked for."""
LESS = 0.8
"""Of torch's overhead, what ours may be with implementations."""
LOW = 0.399
"""Of the peak, below which there must be a plan with chunked cross-entropy."""
LEAST_RATE = 50_000
"""Evaluations per second of the simulator on ResNet-50."""


@dataclass
class Row:
    """One solve. Bytes; seconds; fractions."""

    case: str
    budget_bytes: int
    allowed: str
    overhead: float | None
    bound: float | None
    """None: it is proven that no plan fits."""
    needed_bytes: int
    recomputed_ops: int
    offloaded_bytes: int
    rewritten_ops: int
    wall_seconds: float
    cpu_seconds: float
    wanted: str
    missed: list[str] = field(default_factory=list)
    """What was to be reached and was not; empty: all of it."""

    @property
    def gap(self) -> float | None:
        """How far the overhead is above its bound, relative to it."""
        if self.overhead is None or self.bound is None or self.bound <= 0:
            return None
        return self.overhead / self.bound - 1

    def text(self) -> str:
        """One line of the table."""
        cost = "no plan" if self.overhead is None else f"{100 * self.overhead:.2f} %"
        bound = "none" if self.bound is None or self.bound <= -1 else f"{100 * self.bound:.2f} %"
        gap = "" if self.gap is None else f"{100 * self.gap:.1f} %"
        verdict = "; ".join(self.missed) if self.missed else "met" if self.wanted else ""
        if self.bound is None:
            verdict = "proven impossible"
        return (
            f"{self.case:<18}{self.budget_bytes / GIB:>7.2f}  {self.allowed:<22}{cost:>9}{bound:>9}"
            f"{gap:>8}{self.recomputed_ops:>6}{self.rewritten_ops:>6}"
            f"{self.offloaded_bytes / GIB:>7.2f}{self.wall_seconds:>7.1f}{self.cpu_seconds:>7.1f}"
            f"  {self.wanted:<16}{verdict}"
        )


HEAD = (
    f"{'step':<18}{'GiB':>7}  {'allowed':<22}{'overhead':>9}{'bound':>9}{'gap':>8}{'again':>6}"
    f"{'other':>6}{'host':>7}{'wall s':>7}{'cpu s':>7}  target"
)


def say(text: str) -> None:
    """A line of the table, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass
class Steps:
    """The captured steps, kept in a folder."""

    folder: Path

    def load(self, model: Model) -> Step:
        path = self.folder / f"{model.title}.step"
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            save_step(model.captured(), path)
        return load_step(path)


def solved(step: Step, one: Target, seconds: float, seed: int) -> Row:
    """Solve, check, and hold against the target."""
    began, cpu = time.monotonic(), time.process_time()
    solution = solve_budget(
        step, one.budget_bytes, device=one.device, allowed=one.allowed, deadline=seconds, seed=seed
    )
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    report, plan = solution.report, solution.plan
    wanted = "a plan" if one.overhead is None else f"≤ {100 * one.overhead:.2f} %"
    if one.near:
        wanted += ", near"
    row = Row(
        one.model.title,
        one.budget_bytes,
        _allowed(one.allowed),
        report.overhead,
        report.overhead_bound,
        step.resident_bytes
        if plan is None
        else resident_bytes_on_device(step, plan) + plan.height_bytes,
        report.recomputed_ops,
        report.offloaded_bytes,
        report.rewritten_ops,
        wall,
        cpu,
        wanted,
    )
    if report.overhead_bound is None and one.overhead is None:
        return row
    if plan is None or report.overhead is None:
        row.missed.append(f"no plan (least found {report.feasible_bytes / GIB:.2f})")
        return row
    row.missed += check(step, plan)
    if row.needed_bytes > one.budget_bytes:
        row.missed.append("over the budget")
    if one.overhead is not None and report.overhead > one.overhead:
        row.missed.append(f"{100 * (report.overhead - one.overhead):.2f} points over")
    if one.near and report.overhead > (1 + NEAR) * max(report.overhead_bound, 0) + 1e-6:
        row.missed.append(f"gap over {100 * NEAR:.0f} %")
    if wall > one.seconds + 1:
        row.missed.append(f"took {wall:.0f} s")
    return row


def _allowed(allowed: tuple[Choice, ...]) -> str:
    short = {Choice.IMPLEMENTATIONS: "impl", Choice.APPROXIMATE: "approx"}
    return "+".join(short.get(choice, choice.value) for choice in allowed)


def torch_rows(step: Step, model: Model, seconds: float, seed: int) -> Iterator[Row]:
    """Ours at each budget that torch's choices need: at most its overhead, and a fifth less with other
    implementations, exact ones or all; and with all of them a plan within ``LOW`` of the peak."""
    from tests.benchmarks.torch_choices import torch_choices

    for choice in torch_choices(step, V100, KNOBS):
        say(
            f"{model.title:<18}{choice.needed_bytes / GIB:>7.2f}  {'torch ' + choice.how:<22}"
            f"{100 * choice.overhead:>7.2f} %"
        )
        gib = choice.needed_bytes / GIB
        yield solved(step, Target(model, gib, RECOMPUTE, choice.overhead), seconds, seed)
        most = LESS * choice.overhead
        yield solved(step, Target(model, gib, EXACT, most), seconds, seed)
        yield solved(step, Target(model, gib, APPROXIMATE, most), seconds, seed)
    peak = step.resident_bytes + int(order_profile(step, range(len(step.ops))).max())
    yield solved(step, Target(model, LOW * peak / GIB, APPROXIMATE), seconds, seed)


@kernel
def _simulate_all(tables: Tables, state: State, choices: Bits) -> int:
    slots = 0
    for row in range(len(choices)):
        slots += simulate(tables, state, choices[row])[0]
    return slots


def simulator_rate(step: Step) -> float:
    """Evaluations per CPU second of random choices near keeping everything.

    From within a kernel, as the search calls it: a call from Python takes longer than a simulation, to
    hand over some fifty arrays.
    """
    graph = make_graph(step, op_costs(step, V100, False), tuple(range(len(step.ops))))
    state, random = make_state(graph), np.random.default_rng(0)
    choices = np.tile(graph.kept(), (1024, 1))
    dropped = random.random(choices.shape) < 0.15
    dropped[:, : SHORT_GAP + 1] = False
    choices[dropped] = DROP
    _simulate_all(graph.tables, state, choices)
    began, count = time.process_time(), 0
    while time.process_time() - began < 2:
        _simulate_all(graph.tables, state, choices)
        count += len(choices)
    return count / (time.process_time() - began)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", metavar="TEXT", help="only steps with it in their name")
    parser.add_argument("--allowed", default="", metavar="TEXT", help="only rows that allow this")
    parser.add_argument("--steps", type=Path, default=Path("out/budget_steps"), metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="for each solve (30)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, metavar="RESULT.json")
    arguments = parser.parse_args()
    rows: list[Row] = []

    def keep(row: Row) -> None:
        rows.append(row)
        say(row.text())
        if arguments.output is not None:
            content = [asdict(each) | {"gap": each.gap} for each in rows]
            write_atomic(arguments.output, json.dumps(content, indent=1).encode())

    steps, missed = Steps(arguments.steps), 0
    wanted = [t for t in targets() if arguments.only in t.model.title]
    say(HEAD)
    for one in wanted:
        if arguments.allowed in _allowed(one.allowed):
            keep(solved(steps.load(one.model), one, arguments.seconds, arguments.seed))
    if arguments.only in GPT.title:
        for row in torch_rows(steps.load(GPT), GPT, arguments.seconds, arguments.seed):
            keep(row)
    if arguments.only in LARGE.title:
        step = steps.load(LARGE)
        needed = step.resident_bytes + int(order_profile(step, range(len(step.ops))).max())
        large = Target(LARGE, 0.6 * needed / GIB, EXACT, seconds=60.0)
        say(f"{LARGE.title}: {len(step.ops):,} ops")
        keep(solved(step, large, 60.0, arguments.seed))
    if arguments.only in RESNET.title:
        rate = simulator_rate(steps.load(RESNET))
        verdict = "met" if rate >= LEAST_RATE else "missed"
        say(f"Simulator on {RESNET.title}: {rate:,.0f} evaluations a CPU second, {verdict}")
        missed += rate < LEAST_RATE
    missed += sum(bool(row.missed) for row in rows)
    say(f"{len(rows)} solves, {missed} targets missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Makes the ready plans anew: captures the steps, solves them for their budgets, checks, writes.

Run: ``make plans``; ``ARGS="--only resnet50"`` makes some, ``--seconds`` is what each budget gets.
Steps are captured for CUDA, without a GPU; op times are those of a V100 model, copies run at 12 GB/s.
Another machine may find better or worse plans in the same time: all have passed the validator.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from runtime.capture import capture
from solver.budget.curve import trade_off
from solver.budget.devices import V100
from solver.check import require_valid
from solver.files import load_plan, load_step, save_plan, save_step
from solver.plan import Plan
from solver.step import Step
from solver.terms import Choice

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "plans"
GIB = 1 << 30
PLAIN = (Choice.RECOMPUTE,)
EXACT = (Choice.RECOMPUTE, Choice.IMPLEMENTATIONS)
OFFLOAD = (Choice.RECOMPUTE, Choice.OFFLOAD, Choice.IMPLEMENTATIONS)
NAMES = {PLAIN: "recompute", EXACT: "exact", OFFLOAD: "offload"}
"""Of what is allowed, in file names: *exact* is recompute and implementations with equal results,
*offload* that and trips to the host."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step, and the budgets in GiB to solve it for, by what is allowed."""

    model: str
    batch: int
    budgets: dict[tuple[Choice, ...], tuple[float, ...]]

    @property
    def title(self) -> str:
        """Also the name of its files."""
        return f"{self.model}_b{self.batch}"


USUAL = (10.0, 8.0, 6.0, 5.0)
ZOO = (
    Wanted("resnet50", 184, dict.fromkeys((PLAIN, EXACT, OFFLOAD), (10.01, 8.01, 6.00, 4.99))),
    Wanted("googlenet", 320, {EXACT: USUAL, OFFLOAD: USUAL}),
    Wanted("unet", 11, {EXACT: USUAL, OFFLOAD: USUAL}),
    Wanted("mobilenet_v2", 272, {EXACT: USUAL, OFFLOAD: USUAL}),
    Wanted("vgg16", 176, {EXACT: USUAL, OFFLOAD: USUAL}),
    Wanted("gpt2", 8, {EXACT: (10.0, 8.0, 6.0, 5.0), OFFLOAD: (10.0, 8.0, 6.0, 5.0)}),
)
README = """# Ready plans

Training steps at the batch sizes that MONeT was measured at, and GPT-2, planned within budgets: SGD,
float32, captured for CUDA; op times are those of a V100 model. `make plans` makes them anew. The window
puts them into the library; `bayplan plans` lists them. Budgets count parameters, state and inputs.

| step | allowed | budget | overhead | proven bound |
|---|---|---|---|---|
"""


def main() -> int:
    """Make what is wanted, then the table of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", metavar="TEXT", help="steps with it in their name")
    parser.add_argument("--allowed", default="", metavar="TEXT", help="recompute, exact or offload")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="for each budget (30)")
    parser.add_argument(
        "--steps", type=Path, metavar="FOLDER", help="captured steps, if they are there"
    )
    arguments = parser.parse_args()
    for wanted in ZOO:
        if arguments.only not in wanted.title:
            continue
        step = _step(wanted, arguments.steps)
        for allowed, budgets in wanted.budgets.items():
            if arguments.allowed in NAMES[allowed]:
                for plan in solved(wanted, step, allowed, budgets, arguments.seconds):
                    sys.stdout.write(f"{wanted.title}  {_line(plan)}\n")
                    sys.stdout.flush()
    (FOLDER / "README.md").write_text(README + "".join(_rows()))
    return 0


def _step(wanted: Wanted, folder: Path | None) -> Step:
    """The step beside the plans; captured where it is neither there nor in ``folder``."""
    path = FOLDER / f"{wanted.title}.step"
    for known in (path, *([folder / path.name] if folder is not None else [])):
        if known.is_file():
            step = load_step(known)
            break
    else:
        step = capture(
            f"zoo:{wanted.model}", batch=wanted.batch, optimizer="sgd", target="cuda", timeout=1800
        )
    if not path.is_file():
        save_step(step, path)
    return step


def solved(
    wanted: Wanted, step: Step, allowed: tuple[Choice, ...], budgets: tuple[float, ...], seconds: float
) -> list[Plan]:
    """The plans, written; a budget that nothing fits has none, and one made earlier is gone."""
    plans = {}
    for point in trade_off(
        step,
        [int(gib * GIB) for gib in budgets],
        device=V100,
        allowed=allowed,
        deadline=seconds * len(budgets),
    ):
        plans[point.budget_bytes] = point.solution.plan
    written = []
    for gib in budgets:
        path = FOLDER / f"{wanted.title}_{gib:g}GiB_{NAMES[allowed]}.plan"
        plan = plans.get(int(gib * GIB))
        if plan is None:
            path.unlink(missing_ok=True)
            continue
        made = replace(plan.provenance, step_file=f"{wanted.title}.step", machine="")
        plan = replace(plan, name=f"{gib:g} GiB, {NAMES[allowed]}", provenance=made)
        require_valid(step, plan)
        save_plan(plan, path)
        written.append(plan)
    return written


def _rows() -> list[str]:
    """The table's rows, from the files."""
    titles = [wanted.title for wanted in ZOO]
    rows = []
    for path in FOLDER.glob("*.plan"):
        title = next(each for each in titles if path.name.startswith(each))
        plan = load_plan(path)
        assert plan.terms is not None
        key = (titles.index(title), len(plan.terms.allowed), -plan.terms.budget_bytes)
        rows.append((key, f"| {title} | {_line(plan)} |\n"))
    return [text for _, text in sorted(rows)]


def _line(plan: Plan) -> str:
    terms = plan.terms
    assert terms is not None
    allowed = ", ".join(choice.value for choice in terms.allowed)
    bound = "none" if terms.overhead_bound <= -1 else f"{100 * terms.overhead_bound:.2f} %"
    return f"{allowed} | {terms.budget_bytes / GIB:.2f} GiB | {100 * terms.overhead:.2f} % | {bound}"


if __name__ == "__main__":
    sys.exit(main())

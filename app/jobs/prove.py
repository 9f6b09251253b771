"""Finding out what proves a plan's bound, in the background: it takes a maximum flow."""

from typing import TYPE_CHECKING

from app.heavy import load_module
from app.jobs.job import Job
from solver.plan import Plan, Proof
from solver.step import Step

if TYPE_CHECKING:
    from solver.proof import PeakProof


class ProveJob(Job):
    """Succeeds with a ``PeakProof``."""

    def __init__(self, step: Step, plan: Plan) -> None:
        super().__init__()
        self.step, self.plan = step, plan

    def run(self) -> "PeakProof":
        if self.plan.certificate.peak_proof is Proof.SEARCH:
            load_module("numba")
        from solver.proof import prove_peak

        return prove_peak(self.step, self.plan)

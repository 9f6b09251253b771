"""Asking the validator in the background whether a plan that was edited by hand is right."""

from typing import TYPE_CHECKING

from app.jobs.job import Job

if TYPE_CHECKING:
    from app.edit.draft import Draft


class JudgeJob(Job):
    """Succeeds with a sentence for each problem, as a tuple; with none, the draft is right."""

    def __init__(self, draft: "Draft") -> None:
        super().__init__()
        self.draft = draft

    def run(self) -> tuple[str, ...]:
        return self.draft.judge(self.stopping)

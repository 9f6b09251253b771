"""Painting and writing a picture of a map, in the background."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job

if TYPE_CHECKING:
    from app.map.picture import Drawing


class PictureJob(Job):
    """Write a picture that is laid out; succeeds with its path, or None where it was stopped."""

    def __init__(self, drawing: "Drawing") -> None:
        super().__init__()
        self._drawing = drawing

    def run(self) -> Path | None:
        return self._drawing.path if self._drawing.write(self.stopping) else None

"""Reading memory snapshots and tables of lifetimes, and placing them, in the background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.heavy import load_module
from app.jobs.job import Job, Part
from app.translation import tr
from solver.files import read_bytes
from solver.solution import Progress

if TYPE_CHECKING:
    from app.map.scene import Scene
    from app.snapshot.recorded import Recorded
    from runtime.snapshot.excerpt import Choice
    from runtime.snapshot.recording import Recording


class ReadSnapshotJob(Job):
    """Read a snapshot file in a child process; success is a ``Recording``.

    Progress is ``Part``, and once a list of ``Found``: the devices, before all is read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def run(self) -> Recording:
        # Here, as below: the first window must not wait for what reads snapshots.
        from runtime.snapshot import read_snapshot

        return read_snapshot(
            self.path,
            progress=lambda done, what: self.say(
                Part(done, tr("Reading {}: {}").format(self.path.name, what))
            ),
            found=self.say,
            cancelled=self.stopping,
        )


@dataclass(frozen=True, eq=False)
class Chosen:
    """A part of a recording, to be shown."""

    recording: Recording
    choice: Choice
    path: Path


class ShowPartJob(Job):
    """Lay out a part of a recording; success is a ``Recorded``."""

    def __init__(self, chosen: Chosen) -> None:
        super().__init__()
        self.chosen = chosen

    def run(self) -> Recorded:
        from app.snapshot.recorded import of_snapshot
        from runtime.snapshot.excerpt import excerpt

        self.say(tr("Laying out {}").format(self.chosen.recording.name))
        part = excerpt(self.chosen.recording, self.chosen.choice)
        recorded = of_snapshot(part, self.chosen.path)
        _ = recorded.scene.live, recorded.scene.top, recorded.scene.blocks
        # What the page asks for when it appears.
        _ = recorded.seconds, recorded.allocated, recorded.lost, recorded.scene.peak_slot
        return recorded


class ReadTableJob(Job):
    """Read lifetimes from a CSV file; success is a ``Recorded``."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def run(self) -> Recorded:
        from app.snapshot.recorded import of_table
        from solver.placement.csv_table import decode_table

        text = tr("Reading {}").format(self.path.name)
        self.say(Part(0.0, text))
        table = decode_table(
            read_bytes(self.path),
            self.path.name,
            cancelled=self.stopping,
            progress=lambda share: self.say(Part(share, text)),
        )
        recorded = of_table(table, self.path)
        _ = recorded.scene.live, recorded.scene.top, recorded.scene.blocks
        return recorded


class RecordedPageJob(Job):
    """Write recorded maps as one interactive file; success is its path."""

    def __init__(self, recorded: Recorded, path: Path, *, timed: bool = False) -> None:
        """``timed``: it begins with slots as wide as their seconds."""
        super().__init__()
        self._recorded, self._path, self._timed = recorded, path, timed

    def run(self) -> Path:
        from app.picture.page import write_page
        from app.picture.page_look import PageLook

        recorded = self._recorded
        scenes: list[tuple[str, Scene]] = [(recorded.how, recorded.scene)]
        if recorded.placed_scene is not None:
            scenes.append((tr("Placed anew"), recorded.placed_scene))
        look = PageLook(timed=self._timed)
        write_page(scenes, self._path, look=look, seconds_of=lambda _: recorded.seconds)
        return self._path


class PlaceRecordedJob(Job):
    """Place recorded lifetimes anew; progress is what the solver says, success a ``Recorded``.

    When it is stopped it succeeds with the best placement so far.
    """

    def __init__(self, recorded: Recorded, *, deadline: float, seed: int) -> None:
        super().__init__()
        self.recorded = recorded
        self._deadline, self._seed = deadline, seed

    def run(self) -> Recorded:
        load_module("numba")
        from app.snapshot.placing import place_lifetimes
        from app.snapshot.recorded import with_placement

        recorded = self.recorded
        placed = place_lifetimes(
            recorded.problem,
            recorded.throughout,
            deadline=self._deadline,
            seed=self._seed,
            progress=self._tell,
            cancelled=self.stopping,
        )
        result = with_placement(recorded, placed)
        assert result.placed_scene is not None
        _ = result.placed_scene.live, result.placed_scene.top, result.placed_scene.blocks
        return result

    def _tell(self, line: Progress) -> None:
        self.say(f"{line.phase}: {line.result}")

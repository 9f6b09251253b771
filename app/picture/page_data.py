"""What a standalone page knows: steps and plans as plain numbers and texts, packed into one string.

::

    data = {steps: [{storages, ops, sources}], plans: [{rectangles, colours, bands, lines}], ...}
    page = base64(gzip(json(data)))        no letter of a tensor's name is in the page as such

Columns rather than rows: a column of 200,000 numbers packs and unpacks in milliseconds. The page adds
up live bytes and finds rectangles itself (``resources/page/model.js``).
"""

import base64
import gzip
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from app.facts.plan import op_label
from app.facts.why import why_alive
from app.map.bands import Band
from app.map.palette import make_palette
from app.map.plan_scene import PlanScene
from app.map.scene import CATEGORIES, Scene
from app.map.slot_axis import SecondsOf
from app.numbers import byte_units
from app.picture.figures import figures
from app.picture.page_look import PageLook, captured, colours, differences, kinds, slot_times
from app.theme import DARK
from solver.plan import IntArray
from solver.step import Category, Step

VERSION = 2
"""Of the layout below; the page's scripts travel with the data and know no other."""

Json: TypeAlias = dict[str, Any]


def page_data(scenes: Sequence[tuple[str, Scene]], look: PageLook, seconds_of: SecondsOf) -> Json:
    """Everything of the scenes under their names; ``look``: what the page begins with."""
    steps: list[Step] = []
    known: list[PlanScene] = []
    plans = []
    for name, scene in scenes:
        number = -1
        if isinstance(scene, PlanScene):
            number = next((i for i, step in enumerate(steps) if step is scene.step), len(steps))
            if number == len(steps):
                steps.append(scene.step)
                known.append(scene)
        plans.append(_plan(name, scene, number, seconds_of))
    same = _Numbered()
    return {
        "version": VERSION,
        "title": scenes[0][1].title,
        "shown": look.shown,
        "look": {"by": look.by.value, "against": look.against, "timed": look.timed},
        "units": [list(unit) for unit in byte_units()],
        "colours": len(make_palette(DARK).names),
        "difference": differences(),
        "updates": CATEGORIES.index(Category.PARAMETER),
        "steps": [_step(scene, same) for scene in known],
        "plans": plans,
    }


def pack(data: Json) -> str:
    """As letters that mean nothing to HTML; ``model.js`` unpacks them."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # A time of its own would make every page different.
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def _step(scene: PlanScene, same: "_Numbered") -> Json:
    """Names, sizes and ops of a scene's step; texts that recur are numbered.

    ``same``: of the names of ops, which tell them in every step of the page.
    """
    step = scene.step
    modules = _Numbered()
    labels = _Numbered()
    values = {value.storage: value for value in _values(step)}
    return {
        "names": [storage.name for storage in step.storages],
        "sizes": [storage.size for storage in step.storages],
        "captured": captured(scene),
        "shapes": [
            f"{' × '.join(map(str, values[i].shape)) or 'scalar'}, {values[i].dtype}"
            if i in values
            else ""
            for i in range(len(step.storages))
        ],
        "ops": {
            "label": [labels(op_label(op)) for op in step.ops],
            "module": [modules(op.module) for op in step.ops],
            "phase": [op.phase.value for op in step.ops],
            "source": [op.source for op in step.ops],
            "same": [same(op.name) for op in step.ops],
        },
        "labels": labels.texts,
        "modules": modules.texts,
        # File names without their folders: where someone keeps their code is nobody's business.
        "sources": [
            [source.file.replace("\\", "/").rsplit("/", 1)[-1], source.line, source.here, source.text]
            for source in step.sources
        ],
    }


def _values(step: Step) -> list[Any]:
    """Values that start where their storage starts, so that the largest of each comes last."""
    values = step.program.values if step.program is not None else ()
    return sorted(
        (value for value in values if value.offset == 0),
        key=lambda value: int(np.prod(value.shape or (1,))),
    )


class _Numbered:
    """Numbers texts by their first appearance."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._number: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self._number:
            self._number[text] = len(self.texts)
            self.texts.append(text)
        return self._number[text]


def _plan(name: str, scene: Scene, step: int, seconds_of: SecondsOf) -> Json:
    plan: Json = {
        "name": name,
        "step": step,
        "slots": scene.slots,
        "top": scene.top,
        "peak": scene.peak_slot,
        "figures": figures(scene),
        "start": scene.start.tolist(),
        "end": scene.end.tolist(),
        "low": scene.low.tolist(),
        "high": scene.high.tolist(),
        "kinds": kinds(scene),
        "colours": colours(scene),
        "seconds": slot_times(scene, seconds_of),
        "storage": scene.storage.tolist(),
        "resident": (scene.instance < 0).astype(int).tolist(),
        "lines": [[line.size, line.text, line.role.value] for line in scene.lines],
        "bound": [scene.bound.size, scene.bound.text] if scene.bound is not None else None,
        "strips": [[s.low, s.high, s.name, CATEGORIES.index(s.category)] for s in scene.strips],
        "bands": {
            "phases": _bands(scene.bands.phases),
            "updates": _bands(scene.bands.updates),
            "modules": _bands(scene.bands.modules),
        },
        "unusable": scene.unusable.tolist(),
        "reserved": _stairs(scene.reserved),
    }
    if isinstance(scene, PlanScene):
        facts = scene.facts
        present = sorted(set(scene.storage.tolist()))
        plan["run"] = int(scene.baseline is not None)
        plan["order"] = [int(op) for op in facts.plan.order]
        plan["uses"] = {
            storage: [
                [use.slot for use in facts.producers(storage)],
                [use.slot for use in facts.consumers(storage)],
                why_alive(facts, storage),
            ]
            for storage in present
        }
    else:
        plan["names"] = [scene.name(rectangle) for rectangle in range(scene.count)]
    return plan


def _bands(bands: Sequence[Band]) -> list[list[Any]]:
    return [[band.start, band.end, band.name] for band in bands]


def _stairs(values: IntArray) -> list[list[int]]:
    """(first slot, last slot + 1, value) of every run of equal values."""
    if not len(values):
        return []
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [[a, b, int(values[a])] for a, b in pairwise(edges)]

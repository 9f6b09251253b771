"""Scenes made ahead of time, in the thread that finds or loads a plan, so that the window need not.

A scene of 20,000 ops takes a third of a second; the last few are kept.
"""

import threading
from collections import deque

from app.facts.plan import plan_facts
from app.facts.storage import slot_facts
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from solver.plan import Plan
from solver.solution import Baseline
from solver.step import Step

KEPT = 6

_scenes: deque[tuple[Step, Plan, Baseline | None, PlanScene]] = deque(maxlen=KEPT)
_lock = threading.Lock()


def scene_for(step: Step, plan: Plan, as_run: Baseline | None) -> PlanScene:
    """The scene of a plan, or of the step as run where ``plan`` is that of ``as_run``."""
    with _lock:
        for known in _scenes:
            if known[0] is step and known[1] is plan and known[2] is as_run:
                return known[3]
    if as_run is not None and as_run.plan is plan:
        scene = baseline_scene(step, as_run)
    else:
        scene = plan_scene(step, plan, as_run, as_run_line=False)
    with _lock:
        _scenes.append((step, plan, as_run, scene))
    return scene


def forget() -> None:
    """Make scenes anew from now on: what they say is written in other units."""
    with _lock:
        _scenes.clear()


def prepare_row(step: Step, plan: Plan, as_run: Baseline | None = None) -> None:
    """Find out what the library shows of a plan that is not on the map."""
    facts = plan_facts(step, plan, as_run)
    _ = facts.profile, facts.largest


def prepare(step: Step, plan: Plan, as_run: Baseline | None) -> None:
    """Make the scene and the facts that the window will ask for when the plan is shown."""
    scene = scene_for(step, plan, as_run)
    _ = scene.live, scene.top, scene.blocks, scene.unusable, scene.joins, scene.live_tops
    facts = plan_facts(step, plan, as_run if as_run is not None and as_run.plan is plan else None)
    _ = facts.profile, facts.peak_group_bytes, facts.histories, facts.largest
    if facts.slots:
        # Shown while nothing is selected.
        slot_facts(facts, facts.peak_slot)
    planned = next((i for i, s in enumerate(step.storages) if s.planned), None)
    if planned is not None:
        facts.spans(planned)
        facts.producers(planned)

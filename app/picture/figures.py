"""The headline figures of a map for whoever sees it outside the window."""

from app.map.plan_scene import PlanScene
from app.map.scene import Scene, size_of_plan
from app.numbers import human, overhead, percent
from app.translation import tr


def figures(scene: Scene) -> list[tuple[str, str, str]]:
    """(name, value, tone) of the headline figures; a tone is a theme's token."""
    total = scene.total_bytes
    if not isinstance(scene, PlanScene):
        what = tr("Reserved") if scene.most_reserved else tr("Height")
        return [
            (what, size_of_plan(total), "text"),
            (tr("Live peak"), size_of_plan(scene.live_peak), "text"),
        ]
    peak = scene.facts.live_peak
    if scene.baseline is not None:
        unfilled = total - peak
        return [
            (tr("Reserved"), size_of_plan(total), "text"),
            (tr("Live peak"), size_of_plan(peak), "text"),
            (tr("Never filled"), f"{human(unfilled)}, {percent(unfilled / max(total, 1))}", "warn"),
        ]
    rows = [(tr("Height"), size_of_plan(total), "text")]
    if scene.bound is not None:
        proven = scene.bound.size == total
        rows.append((tr("Lower bound"), size_of_plan(scene.bound.size), "ok" if proven else "text"))
    terms = scene.plan.terms
    if terms is not None:
        rows.append((tr("Budget"), size_of_plan(terms.budget_bytes), "text"))
        rows.append((tr("Overhead"), tr("{} time").format(overhead(terms.overhead)), "text"))
    if scene.as_run is not None:
        reserved = scene.as_run.reserved_bytes
        saved = reserved - total
        share = percent(saved / max(reserved, 1))
        rows.append((tr("As run"), size_of_plan(reserved), "text"))
        rows.append((tr("Saved"), f"{human(saved)}, {share}", "ok" if saved > 0 else "warn"))
    return rows

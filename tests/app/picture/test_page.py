"""A standalone page in a real browser: what it shows and answers; it lets nothing in or out."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.map.palette import make_palette
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.raster import Drawing
from app.map.scene import CATEGORIES, Scene, array_scene
from app.numbers import human
from app.picture.page import page, write_page
from app.picture.page_look import PageLook
from app.theme import DARK
from app.window.commands import sample_files
from solver.files import load_plan, load_step
from solver.placement.caching_allocator import simulate
from solver.step import Category
from tests.app.picture.browser import Browser
from tests.app.toy_plans import stacked_plan
from tests.conftest import make_toy_step

HOSTILE = '</script><img src=x onerror="window.harmed=1"><b>\'&amp;'


@pytest.fixture(scope="module")
def scenes() -> list[tuple[str, Scene]]:
    """The sample as run and planned."""
    step, plan = (load(path) for load, path in zip((load_step, load_plan), sample_files(), strict=True))
    as_run = simulate(step)
    return [("As run", baseline_scene(step, as_run)), (plan.name, plan_scene(step, plan, as_run))]


@pytest.fixture
def sample(browser: Browser, scenes: list[tuple[str, Scene]], tmp_path: Path) -> Browser:
    """The sample's page, open with its plan."""
    write_page(scenes, tmp_path / "page.html", look=PageLook(1))
    browser.open(tmp_path / "page.html")
    return browser


def text(browser: Browser, selector: str) -> str:
    """What an element says."""
    found: str = browser.ask(f"document.querySelector({json.dumps(selector)}).innerText")
    return found


def place_of(browser: Browser, slot: float, address: float) -> tuple[float, float]:
    """Pixels of the window where a slot and an address are."""
    x, y = browser.ask(
        f"(() => {{ const box = document.getElementById('map').getBoundingClientRect();"
        f" return [box.left + bayplan.map.x({slot}), box.top + bayplan.map.y({address})]; }})()"
    )
    return x, y


def view(browser: Browser) -> dict[str, float]:
    """What is visible."""
    found: dict[str, float] = browser.ask("bayplan.map.view")
    return found


def named(scene: Scene, name: str) -> int:
    """The rectangle of a name."""
    return next(i for i in range(scene.count) if scene.name(i) == name)


def middle(scene: Scene, rectangle: int) -> tuple[float, float]:
    """Slot and address in the middle of a rectangle."""
    slot = int(scene.start[rectangle] + scene.end[rectangle]) / 2
    return slot, int(scene.low[rectangle] + scene.high[rectangle]) / 2


def test_it_opens_without_a_complaint_and_asks_for_nothing(sample: Browser) -> None:
    assert sample.complaints() == []
    assert [url.partition(":")[0] for url in sample.requests()] == ["file"]
    assert "resnet50" in text(sample, "h1")
    assert "Lower bound" in text(sample, "#figures")


def test_its_policy_lets_no_request_out(sample: Browser) -> None:
    reached = sample.ask("fetch('http://localhost:9/').then(() => 'out', (error) => error.name)")
    assert reached == "TypeError"
    sample.ask(
        "new Promise((done) => {"
        " const image = new Image(); image.onload = image.onerror = done; image.src = 'x.png'; })"
    )
    refused = [said for said in sample.complaints() if "Content Security Policy" in said]
    assert len(refused) >= 2


def test_what_is_under_the_pointer_is_what_python_picks(
    sample: Browser, scenes: list[tuple[str, Scene]]
) -> None:
    scene = scenes[1][1]
    drawing, palette = Drawing(scene), make_palette(DARK)
    random = np.random.default_rng(0)
    window, hits = view(sample), 0
    for _ in range(40):
        slot = float(random.uniform(0, scene.slots))
        address = float(random.uniform(0, window["y1"]))
        place = place_of(sample, slot, address)
        sample.hover(*place)
        picked = sample.ask("bayplan.hovered")
        exact = drawing.pick(slot, address, palette)
        if exact >= 0:
            assert picked == exact
            assert scene.name(exact) in text(sample, "#tooltip strong")
            hits += 1
    assert hits >= 10


def test_a_click_tells_producer_consumers_line_and_why(
    sample: Browser, scenes: list[tuple[str, Scene]]
) -> None:
    scene = scenes[1][1]
    assert isinstance(scene, PlanScene)
    rectangle = named(scene, "layer1.2.bn3 · out")
    sample.click(*place_of(sample, *middle(scene, rectangle)))
    told = text(sample, "#details")
    storage = int(scene.storage[rectangle])
    maker = scene.facts.producers(storage)[0].slot
    for expected in ("layer1.2.bn3 · out", "Why is it alive", "Backward needs it", str(maker), ".py:"):
        assert expected in told
    users = [use.slot for use in scene.facts.consumers(storage)]
    slots = "[...document.querySelectorAll('#details .slot')].map(each => +each.innerText)"
    assert sample.ask(slots)[-len(users) :] == users


def test_badges_cover_no_words_of_lines(sample: Browser, scenes: list[tuple[str, Scene]]) -> None:
    scene = scenes[1][1]
    rectangle = named(scene, "conv1 · out")
    _, address = middle(scene, rectangle)
    # The words of the plan's height right at the top, where badges stand if they can.
    height = sample.ask("bayplan.plan.raw.lines[0][0]")
    sample.ask(f"bayplan.map.show({{x0: 0, x1: 60, y0: 0, y1: {height * 1.05}}})")
    sample.click(*place_of(sample, 30.0, address))
    sample.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    lines, badges = sample.ask("[bayplan.map.lineBoxes, bayplan.map.badgeBoxes]")
    assert lines and len(badges) >= 2
    # In the highest lane they would have covered them.
    assert badges[0][1] > sample.ask("bayplan.map.plot.top") + 1
    for x0, y0, x1, y1 in badges:
        assert all(x1 <= a or c <= x0 or y1 <= b or d <= y0 for a, b, c, d in lines)


def test_the_cursor_lists_what_is_alive_by_bytes(
    sample: Browser, scenes: list[tuple[str, Scene]]
) -> None:
    scene = scenes[1][1]
    sample.hover(*place_of(sample, 100.5, scene.top * 1.05))
    alive = np.flatnonzero((scene.start <= 100) & (scene.end > 100))
    sizes = sorted((scene.bytes_of(i) for i in alive.tolist()), reverse=True)
    assert f"{len(alive)} tensors, {human(int(scene.live[100]))}" in text(sample, "#alive-op")
    shown = sample.ask(
        "[...document.querySelectorAll('#alive .bytes')].slice(0, 9).map(e => e.innerText)"
    )
    assert shown == [human(size) for size in sizes[:9]]


def test_keys_jump_to_the_peak_zoom_and_change_the_plan(
    sample: Browser, scenes: list[tuple[str, Scene]]
) -> None:
    sample.ask("document.getElementById('map').focus()")
    sample.press("k", 75, "k")
    assert f"Alive at the peak, op {scenes[1][1].peak_slot}" in text(sample, "#alive-title")
    before = view(sample)
    sample.press("+", 187, "+")
    after = view(sample)
    assert after["x1"] - after["x0"] == pytest.approx(0.7 * (before["x1"] - before["x0"]))
    sample.press("[", 219, "[")
    assert "As run" in text(sample, "#status")
    assert "Never filled" in text(sample, "#figures")
    assert sample.ask("document.querySelector('[aria-checked=true]').innerText") == "As run"


def test_playing_walks_from_the_cursor_to_the_last_slot_unless_it_is_stopped(sample: Browser) -> None:
    sample.ask("document.getElementById('map').focus()")
    said = "document.getElementById('play').getAttribute('aria-label')"
    # The first slot is 20 seconds of playing from the last one.
    sample.press(" ", 32, " ")
    assert sample.ask(said) == "Pause"
    sample.wait_for("bayplan.cursor >= 2")
    sample.ask("document.getElementById('play').click()")
    assert not sample.ask("bayplan.playing")
    last = sample.ask("bayplan.plan.slots - 1")
    sample.ask(f"bayplan.goToSlot({last} - 3)")
    sample.press(" ", 32, " ")
    sample.wait_for(f"bayplan.cursor === {last} && !bayplan.playing")
    assert sample.ask(said) == "Play the step"


def test_the_wheel_zooms_where_the_pointer_is_and_a_drag_moves(sample: Browser) -> None:
    place = place_of(sample, 200.0, 1 << 30)
    sample.wheel(*place, -400)
    zoomed = view(sample)
    assert zoomed["x1"] - zoomed["x0"] < 400
    assert place_of(sample, 200.0, 1 << 30) == pytest.approx(place, abs=1)
    sample.wheel(*place, -400, modifiers=2)
    before = view(sample)
    assert before["y1"] - before["y0"] < zoomed["y1"] - zoomed["y0"]
    sample.drag([place, (place[0] + 40, place[1] - 20), (place[0] + 100, place[1] - 30)])
    assert place_of(sample, 200.0, 1 << 30) == pytest.approx((place[0] + 100, place[1] - 30), abs=1)


def test_search_counts_and_steps_through_what_it_finds(
    sample: Browser, scenes: list[tuple[str, Scene]]
) -> None:
    scene = scenes[1][1]
    sample.ask("document.getElementById('search').focus()")
    sample.write(">64MiB layer1")
    large = [
        i for i in range(scene.count) if scene.bytes_of(i) >= 64 << 20 and "layer1" in scene.name(i)
    ]
    found = sample.ask("bayplan.found")
    assert set(large) <= set(found)
    assert all(scene.bytes_of(i) >= 64 << 20 for i in found)
    assert text(sample, "#found") == f"{len(found)} found"
    sample.press("Enter", 13, "\r")
    assert sample.ask("bayplan.selected") == found[0]
    assert text(sample, "#found") == f"1 of {len(found)}"


def test_a_box_of_the_legend_hides_what_it_names(
    sample: Browser, scenes: list[tuple[str, Scene]]
) -> None:
    scene = scenes[1][1]
    place = place_of(sample, *middle(scene, named(scene, "layer1.2.bn3 · out")))
    sample.ask("document.querySelector('#legend input').click()")
    sample.hover(*place)
    assert sample.ask("bayplan.hovered") == -1
    assert "98.0 MiB" not in text(sample, "#alive-rows").splitlines()[0]


def test_colours_follow_the_system_until_the_button_is_pressed(sample: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = sample.ask(ground)
    sample.prefer("light")
    sample.settle()
    light = sample.ask(ground)
    assert (dark, light) == ("rgb(27, 30, 35)", "rgb(255, 255, 255)")
    sample.ask("document.getElementById('theme').click()")
    assert sample.ask(ground) == dark


def test_the_picture_of_the_page_has_the_colours_of_the_categories(sample: Browser) -> None:
    from PySide6.QtGui import QImage

    image = QImage.fromData(sample.screenshot())
    assert (image.width(), image.height()) == (1280, 800)
    seen = {image.pixelColor(x, y).name() for x in range(62, 940, 3) for y in range(150, 760, 3)}
    for category in (Category.ACTIVATION, Category.GRADIENT, Category.PARAMETER):
        assert DARK.fill[category] in seen


def test_a_hostile_name_is_shown_as_the_text_it_is(browser: Browser, tmp_path: Path) -> None:
    toy = make_toy_step()
    step = replace(
        toy,
        origin=replace(toy.origin, model=HOSTILE),
        storages=tuple(replace(storage, name=HOSTILE + storage.name) for storage in toy.storages),
        ops=tuple(replace(op, module=HOSTILE) for op in toy.ops),
    )
    scene = plan_scene(step, stacked_plan(step, name=HOSTILE))
    write_page([(HOSTILE, scene)], tmp_path / "page.html")
    assert HOSTILE not in (tmp_path / "page.html").read_text("utf-8")
    browser.open(tmp_path / "page.html")
    browser.click(*place_of(browser, *middle(scene, scene.count - 1)))
    browser.ask("document.getElementById('search').focus()")
    browser.write("img")
    assert HOSTILE in text(browser, "#details h2")
    assert HOSTILE in browser.ask("document.title")
    assert HOSTILE in text(browser, "#plans")
    assert browser.ask("document.querySelectorAll('img, b:not(.use b)').length") == 0
    assert browser.ask("window.harmed ?? 0") == 0
    assert browser.complaints() == []


def many(count: int) -> Scene:
    """A map of so many rectangles that fill bays of 64 bytes one after the other."""
    slots = count // 20
    lanes = np.arange(count) % 100
    start = (np.arange(count) // 100) * (slots * 100 // count)
    end = np.minimum(start + slots * 100 // count, slots)
    low = lanes.astype(np.int64) << 20
    category = np.array([CATEGORIES.index(Category.ACTIVATION), CATEGORIES.index(Category.GRADIENT)])
    kinds = category[lanes % 2].astype(np.uint8)
    return array_scene("many", start, end, low, low + (1 << 20), kinds, slots=slots)


@pytest.mark.parametrize(("count", "milliseconds"), [(20_000, 100), (200_000, 400)])
def test_so_many_rectangles_open_and_move(
    browser: Browser, tmp_path: Path, count: int, milliseconds: float
) -> None:
    """Limits are ten times what an idle machine needs: others work on this one, too."""
    scene = many(count)
    write_page([("many", scene)], tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    spent = browser.ask(
        "(() => { const times = []; bayplan.map.zoom(0.5);"
        " for (let n = 0; n < 9; n++) { bayplan.map.pan(1, 0); const t = performance.now();"
        " bayplan.map.draw(); times.push(performance.now() - t); }"
        " return times.sort((a, b) => a - b)[4]; })()"
    )
    assert spent < milliseconds
    asked = time.monotonic()
    browser.hover(*place_of(browser, *middle(scene, int(browser.ask("bayplan.plan.count / 2")))))
    assert time.monotonic() - asked < 10
    assert browser.ask("bayplan.hovered") >= 0
    assert browser.complaints() == []


def test_the_same_plans_make_the_same_page(scenes: list[tuple[str, Scene]]) -> None:
    assert page(scenes) == page(scenes)


def test_no_folder_of_whoever_captured_is_in_the_page(scenes: list[tuple[str, Any]]) -> None:
    from app.picture.page_data import page_data
    from app.picture.page_look import no_seconds

    files = {source[0] for source in page_data(scenes, PageLook(), no_seconds)["steps"][0]["sources"]}
    assert files
    assert all("/" not in name and "\\" not in name for name in files)

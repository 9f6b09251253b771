"""Colours and the time axis of a standalone page: in a real browser they are what the window shows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QImage

from app.map.colouring import ColourBy, Colouring, colour, ways
from app.map.palette import make_palette
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.raster import KERNELS, Drawing
from app.map.scene import CATEGORIES, Scene, array_scene
from app.map.slot_axis import SecondsOf, SlotAxis, by_seconds, seconds_on
from app.map.ticks import second_ticks, seconds_text
from app.numbers import human
from app.picture.page import write_page
from app.picture.page_look import PageLook, slot_times
from app.theme import DARK, THEMES
from app.window.commands import sample_files
from solver.budget.devices import V100
from solver.files import load_plan, load_step
from solver.placement.caching_allocator import simulate
from solver.rewriting import rewrite
from solver.step import Category
from tests.app.picture.browser import Browser
from tests.app.toy_plans import stacked_plan
from tests.solver.rewrites.test_rewriting import step_with_relu6

Scenes = list[tuple[str, Scene]]
SECONDS: SecondsOf = seconds_on(V100, False)
COLOUR, TIME = "document.getElementById('colour')", "document.getElementById('time')"


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """The sample as run, planned, and planned with its arena turned upside down."""
    step_file, plan_file = sample_files()
    step, plan = load_step(step_file), load_plan(plan_file)
    as_run = simulate(step)
    planned = plan_scene(step, plan, as_run)
    top = max(i.address + step.storages[i.storage].size for i in plan.instances)
    turned = [
        replace(i, address=top - i.address - step.storages[i.storage].size) if i.storage % 2 else i
        for i in plan.instances
    ]
    other = plan_scene(step, replace(plan, name="Turned", instances=tuple(turned)), as_run)
    return [("As run", baseline_scene(step, as_run)), (plan.name, planned), ("Turned", other)]


@pytest.fixture(scope="module")
def written(scenes: Scenes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all of them, which begins with the plan."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(scenes, path, look=PageLook(1), seconds_of=SECONDS)
    return path


@pytest.fixture
def sample(browser: Browser, written: Path) -> Browser:
    """That page, open."""
    browser.open(written)
    return browser


def axis_of(scene: Scene) -> SlotAxis:
    """The window's time axis."""
    seconds = SECONDS(scene)
    assert seconds is not None
    return by_seconds(seconds)


def choose(browser: Browser, select: str, words: str) -> None:
    """Choose in a list what has these words."""
    browser.ask(
        f"(() => {{ const list = {select};"
        f" list.selectedIndex = [...list.options].findIndex((one) => one.text === {json.dumps(words)});"
        " if (list.selectedIndex < 0) throw new Error('not offered');"
        " list.dispatchEvent(new Event('change')); })()"
    )
    browser.settle()


def words(browser: Browser, selector: str) -> list[str]:
    """What elements say."""
    found: list[str] = browser.ask(
        f"[...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText)"
    )
    return found


def left_of_map(browser: Browser) -> dict[str, float]:
    """Where the map's plot is, in pixels of the window."""
    found: dict[str, float] = browser.ask(
        "(() => { const box = document.getElementById('map').getBoundingClientRect();"
        " const {left, top, width, height} = bayplan.map.plot;"
        " return {left: box.left + left, top: box.top + top, width, height, above: box.top}; })()"
    )
    return found


def picture(browser: Browser) -> QImage:
    """What is to be seen."""
    return QImage.fromData(browser.screenshot())


def assert_same_colours(browser: Browser, expected: Colouring, slot: int) -> None:
    """The page's classes, numbers and bytes are those of the window."""
    assert browser.ask("[...bayplan.plan.colour]") == expected.numbers.tolist()
    classes = browser.ask("bayplan.plan.colouring.classes.map(({name, numbers}) => [name, numbers])")
    assert classes == [[one.name, list(one.numbers)] for one in expected.classes]
    sizes = browser.ask(
        f"bayplan.plan.colouring.classes.map((one) => bayplan.plan.colouring.bytesAt(one, {slot}))"
    )
    assert sizes == list(expected.bytes_at(slot))
    assert sum(sizes) > 0


@pytest.mark.parametrize("by", [ColourBy.CATEGORY, ColourBy.DTYPE, ColourBy.MODULE, ColourBy.AGE])
def test_every_rectangle_has_the_colour_that_it_has_in_the_window(
    sample: Browser, scenes: Scenes, by: ColourBy
) -> None:
    for number in (1, 0):
        scene = scenes[number][1]
        sample.ask(f"bayplan.showPlan({number})")
        choose(sample, COLOUR, by.value)
        assert by in ways(scene)
        assert_same_colours(sample, colour(scene, by), scene.peak_slot)
    for theme in THEMES.values():
        sample.prefer(theme.name)
        sample.settle()
        assert sample.ask("bayplan.palette.names") == list(make_palette(theme).names)
    assert sample.complaints() == []


@pytest.mark.parametrize(("number", "other"), [(1, 0), (1, 2), (2, 1)])
def test_the_difference_from_a_plan_is_that_of_the_window(
    sample: Browser, scenes: Scenes, number: int, other: int
) -> None:
    (_, scene), (name, against) = scenes[number], scenes[other]
    assert isinstance(against, PlanScene)
    sample.ask(f"bayplan.showPlan({number})")
    choose(sample, COLOUR, f"Difference from {name}")
    expected = colour(scene, ColourBy.DIFFERENCE, against)
    assert len(set(expected.numbers.tolist())) >= 2
    assert_same_colours(sample, expected, scene.peak_slot)
    # The plan itself has no difference from itself.
    sample.ask(f"bayplan.showPlan({other})")
    assert sample.ask(f"{COLOUR}.value") == "Category"


def test_the_same_tensor_is_compared_where_a_rewrite_numbers_it_anew(
    browser: Browser, tmp_path: Path
) -> None:
    step = step_with_relu6()
    plain = plan_scene(step, stacked_plan(step, name="Plain"))
    one_less = stacked_plan(rewrite(step, ("output 3",)), name="Other")
    other = plan_scene(step, replace(one_less, fingerprint=step.fingerprint, rewrites=("output 3",)))
    scenes: Scenes = [("Plain", plain), ("Other", other)]
    write_page(scenes, tmp_path / "page.html", look=PageLook(0, ColourBy.DIFFERENCE, 1))
    browser.open(tmp_path / "page.html")
    expected = colour(plain, ColourBy.DIFFERENCE, other)
    only_here = expected.classes[3].numbers[0]
    assert [plain.name(i) for i in np.flatnonzero(expected.numbers == only_here).tolist()] == ["clone"]
    assert browser.ask("[...bayplan.plan.colour]") == expected.numbers.tolist()
    browser.ask("bayplan.showPlan(1)")
    choose(browser, COLOUR, "Difference from Plain")
    expected = colour(other, ColourBy.DIFFERENCE, plain)
    assert browser.ask("[...bayplan.plan.colour]") == expected.numbers.tolist()


def test_slots_are_where_the_window_has_them(sample: Browser, scenes: Scenes) -> None:
    scene = scenes[1][1]
    axis = axis_of(scene)
    slots = np.arange(scene.slots + 1)
    plot = sample.ask("bayplan.map.plot")
    x = f"[...Array({scene.slots + 1}).keys()].map((slot) => bayplan.map.x(slot))"
    for timed, places in ((False, slots.astype(np.float64)), (True, axis.places(slots))):
        choose(sample, TIME, "Seconds" if timed else "Op")
        expected = plot["left"] + places / scene.slots * plot["width"]
        assert np.allclose(sample.ask(x), expected, atol=0.02)
        for at in (0.0, 123.4, scene.slots - 0.5):
            pixel = plot["left"] + (axis.place(at) if timed else at) / scene.slots * plot["width"]
            assert sample.ask(f"bayplan.map.slotAt({pixel})") == pytest.approx(at, abs=0.02)
    assert sample.ask("bayplan.plan.axis.seconds") == pytest.approx(axis.seconds, rel=1e-5)
    # The two axes are not nearly the same.
    assert np.abs(axis.places(slots) - slots).max() > 20


def test_rectangles_and_bands_are_drawn_along_the_seconds(sample: Browser, scenes: Scenes) -> None:
    scene = scenes[1][1]
    axis, theme = axis_of(scene), DARK
    choose(sample, COLOUR, "Module")
    sample.ask("document.getElementById('map').focus()")
    sample.press("t", 84, "t")
    assert sample.ask(f"{TIME}.value") == "Seconds"
    image, plot = picture(sample), left_of_map(sample)
    window = sample.ask("bayplan.map.view")
    numbers, names = colour(scene, ColourBy.MODULE).numbers, make_palette(theme).names
    seen = 0
    for i in np.argsort(-(scene.high - scene.low))[:40].tolist():
        first, last = axis.place(int(scene.start[i])), axis.place(int(scene.end[i]))
        address = float(scene.low[i]) + 0.5 * float(scene.high[i] - scene.low[i])
        x = plot["left"] + (0.1 * first + 0.9 * last) / scene.slots * plot["width"]
        y = plot["top"] + (window["y1"] - address) / window["y1"] * plot["height"]
        tall = (scene.high[i] - scene.low[i]) / window["y1"] * plot["height"]
        if tall > 6 and (last - first) / scene.slots * plot["width"] > 40:
            assert image.pixelColor(int(x), int(y)).name() == names[numbers[i]], scene.name(i)
            seen += 1
    assert seen >= 8
    # The first phase ends where its last op does.
    edge = plot["left"] + axis.place(scene.bands.phases[0].end) / scene.slots * plot["width"]
    row = round(plot["above"] + 8 + 3)
    along = [image.pixelColor(x, row).name() for x in range(round(edge) - 8, round(edge) + 8)]
    gaps = [x for x, name in enumerate(along, round(edge) - 8) if name != theme.raised]
    assert gaps and all(abs(x - edge) <= 2 for x in gaps)


def test_what_is_under_the_pointer_is_what_python_picks_by_seconds(
    sample: Browser, scenes: Scenes
) -> None:
    KERNELS.load()
    scene = scenes[1][1]
    axis, palette = axis_of(scene), make_palette(DARK)
    drawing = Drawing(scene, axis)
    choose(sample, TIME, "Seconds")
    plot, window, hits = left_of_map(sample), sample.ask("bayplan.map.view"), 0
    random = np.random.default_rng(3)
    for _ in range(25):
        x = plot["left"] + float(random.integers(2, int(plot["width"]) - 2))
        y = plot["top"] + float(random.integers(int(plot["height"]) // 3, int(plot["height"]) - 2))
        place = (x - plot["left"]) / plot["width"] * scene.slots
        address = window["y1"] * (1 - (y - plot["top"]) / plot["height"])
        slot = axis.slot(place)
        if min(slot % 1, 1 - slot % 1) < 0.05:
            continue  # an op may be narrower than what the page leaves of its seconds
        sample.hover(x, y)
        assert sample.ask("bayplan.cursor") == int(slot)
        exact = drawing.pick(place, address, palette)
        if exact >= 0:
            assert sample.ask("bayplan.hovered") == exact
            hits += 1
    assert hits >= 5


def test_cursor_peak_search_and_play_work_by_seconds(sample: Browser, scenes: Scenes) -> None:
    scene = scenes[1][1]
    axis, peak = axis_of(scene), scene.peak_slot
    choose(sample, TIME, "Seconds")
    sample.ask("bayplan.map.show({x0: 0, x1: 20, y0: 0, y1: 1e9})")
    sample.ask("document.getElementById('map').focus()")
    sample.press("k", 75, "k")
    view = sample.ask("bayplan.map.view")
    assert view["x0"] <= axis.place(peak) < view["x1"] and view["x1"] - view["x0"] < 21
    assert words(sample, "#alive-title") == [f"Alive at the peak, op {peak}"]
    assert f"{human(int(scene.live[peak]))}" in words(sample, "#alive-op")[0]
    said = sample.ask("secondsText(bayplan.plan.axis.second(bayplan.plan.axis.place(bayplan.cursor)))")
    assert said == seconds_text(axis.second(axis.place(peak)))
    found = sample.ask("bayplan.find('layer1.2.bn3'), bayplan.stepFound(1), bayplan.selected")
    first = axis.place(int(scene.start[found])), axis.place(int(scene.end[found]))
    view = sample.ask("bayplan.map.view")
    assert first[0] < view["x1"] and first[1] > view["x0"]
    sample.ask(f"bayplan.goToSlot({scene.slots - 3}); bayplan.play()")
    sample.wait_for(f"bayplan.cursor === {scene.slots - 1} && !bayplan.playing")
    assert sample.ask("bayplan.map.view")["x1"] > scene.slots - 1
    sample.ask("bayplan.map.fit()")
    sample.settle()
    marks, unit = second_ticks(0.0, axis.seconds, sample.ask("bayplan.map.plot.width"))
    ticks = sample.ask("slotTicks(bayplan.map)")
    assert ticks["caption"] == unit
    assert [text for _, text in ticks["ticks"]] == [text for _, text in marks]
    assert [place for place, _ in ticks["ticks"]] == pytest.approx(
        [second / axis.seconds * scene.slots for second, _ in marks], abs=0.01
    )


def test_boxes_hide_and_show_alone_the_classes_of_the_colours(sample: Browser, scenes: Scenes) -> None:
    scene = scenes[1][1]
    choose(sample, COLOUR, "Dtype")
    expected = colour(scene, ColourBy.DTYPE)
    sizes = expected.bytes_at(scene.peak_slot)
    assert words(sample, "#legend .when") == ["At the peak"]
    assert words(sample, "#legend .bytes") == [human(size) for size in sizes]
    assert words(sample, "#legend label span:not(.bytes)") == [one.name for one in expected.classes]
    sample.ask("document.querySelector('#legend input').click()")
    gone = set(np.flatnonzero(expected.numbers == expected.classes[0].numbers[0]).tolist())
    alive = set(sample.ask(f"bayplan.plan.aliveAt({scene.peak_slot}, bayplan.shown)"))
    assert alive and not alive & gone
    # Alone, with the keyboard's modifier, and again all of them.
    box = sample.ask(
        "(() => { const box = document.querySelector('#legend input').getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    checked = "[...document.querySelectorAll('#legend input')].map((one) => one.checked)"
    for alone in (True, False):
        for kind in ("mousePressed", "mouseReleased"):
            sample.mouse(kind, *box, button="left", clickCount=1, modifiers=1)
        sample.settle()
        assert sample.ask(checked) == [True, *([not alone] * (len(sizes) - 1))]
    # Other colours have other classes: all are shown.
    sample.ask("document.querySelector('#legend input').click()")
    choose(sample, COLOUR, "Age")
    assert sample.ask("bayplan.hidden.size") == 0


def test_the_keyboard_reaches_the_choosers_and_they_have_names(sample: Browser) -> None:
    sample.call("Accessibility.enable")
    tree = sample.call("Accessibility.getFullAXTree")["nodes"]
    sample.call("Accessibility.disable")
    lists = {node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "combobox"}
    assert lists == {"Colour by", "Time axis"}
    sample.ask("document.querySelector('#legend label:last-child input').focus()")
    sample.press("Tab", 9)
    assert sample.ask("document.activeElement.id") == "colour"
    sample.press("ArrowDown", 40)
    assert sample.ask("bayplan.plan.colouring.by") == "Dtype"
    sample.press("Tab", 9)
    sample.press("ArrowDown", 40)
    assert sample.ask("bayplan.plan.axis.timed") is True


@pytest.mark.parametrize("look", [PageLook(0, ColourBy.AGE, -1, True), PageLook(1)])
def test_it_opens_in_the_way_the_window_was_in(
    browser: Browser, scenes: Scenes, tmp_path: Path, look: PageLook
) -> None:
    write_page(scenes, tmp_path / "page.html", look=look, seconds_of=SECONDS)
    browser.open(tmp_path / "page.html")
    assert browser.ask(f"{COLOUR}.value") == look.by.value
    assert browser.ask(f"{TIME}.value") == ("Seconds" if look.timed else "Op")
    assert browser.ask("bayplan.number") == look.shown
    expected = colour(scenes[look.shown][1], look.by)
    assert browser.ask("[...bayplan.plan.colour]") == expected.numbers.tolist()


def test_a_recording_says_its_own_kinds_and_offers_what_it_knows(
    browser: Browser, tmp_path: Path
) -> None:
    count = np.arange(4, dtype=np.int64)
    kinds = {Category.GRADIENT: "Made in backward", Category.BUFFER: "There all the time"}
    category = np.array([CATEGORIES.index(c) for c in (*kinds, *kinds)], np.uint8)
    low = count * 100
    scene = array_scene("rec", count, count + 2, low, low + 50, category, slots=6, kinds=kinds)
    write_page([("rec", scene)], tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    assert words(browser, "#legend label span:not(.bytes)") == list(kinds.values())
    assert browser.ask("bayplan.panels.facts(0)[0][1]") == "Made in backward"
    assert browser.ask(f"[...{COLOUR}.options].map((one) => one.text)") == ["Category", "Age"]
    # Nobody knows how long its slots took.
    assert browser.ask(f"{TIME}.parentElement.offsetWidth") == 0
    browser.ask("bayplan.setTime(true)")
    assert browser.ask("bayplan.plan.axis.timed") is False
    assert browser.complaints() == []


def test_seconds_are_written_with_six_digits(scenes: Scenes) -> None:
    scene: Any = scenes[1][1]
    times = slot_times(scene, SECONDS)
    assert times is not None
    axis = axis_of(scene)
    widths = np.diff(axis.places(np.arange(scene.slots + 1))) * axis.seconds / scene.slots
    assert np.allclose(times, widths, rtol=1e-5, atol=0)
    assert max(len(repr(time)) for time in times) <= 12

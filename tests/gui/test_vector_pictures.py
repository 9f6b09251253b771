"""Pictures as PNG of any scale, SVG and PDF: right size, right words, shapes where they are few."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

import app.map.picture
from app.map.picture import Part, render_picture
from app.map.plan_scene import PlanScene, plan_scene
from app.theme import DARK, LIGHT
from app.window.commands import sample_files
from solver.errors import BayplanError
from solver.files import load_plan, load_step
from solver.placement.caching_allocator import simulate
from solver.step import Category
from tests.app.toy_plans import stacked_plan
from tests.conftest import make_toy_step

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def scene(dressed: QApplication) -> PlanScene:
    """The sample's plan."""
    step, plan = (load(path) for load, path in zip((load_step, load_plan), sample_files(), strict=True))
    return plan_scene(step, plan, simulate(step))


def words(path: Path) -> str:
    """All text of an SVG."""
    return " ".join(element.text or "" for element in ElementTree.parse(path).iter(f"{SVG}text"))


def colours(image: QImage) -> set[str]:
    """The colours of every third pixel each way."""
    places = ((x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3))
    return {image.pixelColor(x, y).name() for x, y in places}


def test_a_png_has_as_many_pixels_as_its_scale_says(scene: PlanScene, tmp_path: Path) -> None:
    render_picture(scene, tmp_path / "map.png", width=800, height=500, scale=2.5)
    image = QImage(str(tmp_path / "map.png"))
    assert (image.width(), image.height()) == (2000, 1250)
    assert {DARK.fill[Category.ACTIVATION], DARK.fill[Category.GRADIENT]} <= colours(image)


def test_an_svg_says_step_plan_height_and_bound(scene: PlanScene, tmp_path: Path) -> None:
    path = tmp_path / "map.svg"
    render_picture(scene, path, width=1280, height=800, theme=LIGHT)
    said = words(path)
    for expected in (
        scene.step.title,
        scene.plan.name,
        "Height",
        "Lower bound",
        "2.668 GiB",
        "layer1.2.bn3",
    ):
        assert expected in said
    assert path.stat().st_size < 400_000
    root = ElementTree.parse(path).getroot()
    assert root.get("viewBox") == "0 0 1280 800"


def test_an_svg_looks_like_the_png(scene: PlanScene, tmp_path: Path) -> None:
    for name in ("map.svg", "map.png"):
        render_picture(scene, tmp_path / name, width=1200, height=800, theme=LIGHT)
    drawn = QImage(1200, 800, QImage.Format.Format_RGB32)
    drawn.fill(QColor("white"))
    painter = QPainter(drawn)
    QSvgRenderer(str(tmp_path / "map.svg")).render(painter)
    painter.end()
    expected = QImage(str(tmp_path / "map.png"))
    places = [(x, y) for x in range(60, 1180, 7) for y in range(90, 790, 7)]
    same = sum(
        abs(drawn.pixelColor(*at).lightness() - expected.pixelColor(*at).lightness()) < 40
        for at in places
    )
    assert same > 0.93 * len(places)


def test_every_text_of_an_svg_has_its_width_and_other_faces(scene: PlanScene, tmp_path: Path) -> None:
    path = tmp_path / "map.svg"
    render_picture(scene, path)
    texts = list(ElementTree.parse(path).iter(f"{SVG}text"))
    assert len(texts) > 20
    for element in texts:
        assert float(element.get("textLength", "0")) > 0
        assert element.get("font-family", "").endswith("sans-serif")


def test_of_many_rectangles_an_svg_holds_pixels(
    scene: PlanScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_picture(scene, tmp_path / "shapes.svg")
    monkeypatch.setattr(app.map.picture, "MOST_SHAPES", 100)
    monkeypatch.setattr(app.map.picture, "MOST_STEPS", 100)
    render_picture(scene, tmp_path / "pixels.svg")
    images = [(tmp_path / name).read_text().count("<image") for name in ("shapes.svg", "pixels.svg")]
    assert images == [1, 3]
    assert "layer1.2.bn3" in words(tmp_path / "pixels.svg")


def test_a_pdf_is_one_page_of_the_size_with_its_faces_in_it(scene: PlanScene, tmp_path: Path) -> None:
    path = tmp_path / "map.pdf"
    render_picture(scene, path, width=960, height=672)
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert [tuple(map(float, box)) for box in boxes] == [(720.0, 504.0)]
    assert b"Inter" in content
    assert b"/FontFile" in content
    assert len(content) < 600_000


def test_a_part_of_the_step_shows_what_is_there(scene: PlanScene, tmp_path: Path) -> None:
    path = tmp_path / "map.svg"
    render_picture(scene, path, part=Part(20, 60, 0, float(scene.top) / 2))
    assert "layer1.2.bn3" in words(path)
    assert "550" not in words(path)


def test_a_name_is_text_of_an_svg_whatever_it_says(dressed: QApplication, tmp_path: Path) -> None:
    toy = make_toy_step()
    hostile = "</text><script>alert(1)</script> & <b>"
    step = replace(toy, origin=replace(toy.origin, model=hostile))
    path = tmp_path / "map.svg"
    render_picture(plan_scene(step, stacked_plan(step, name=hostile)), path)
    assert hostile in words(path)
    assert list(ElementTree.parse(path).iter(f"{SVG}script")) == []


def test_other_kinds_and_impossible_sizes_are_refused(scene: PlanScene, tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match=r"end it in \.png, \.svg or \.pdf"):
        render_picture(scene, tmp_path / "map.gif")
    with pytest.raises(BayplanError, match="gigabytes"):
        render_picture(scene, tmp_path / "map.png", width=20_000, height=20_000, scale=2)
    assert list(tmp_path.iterdir()) == []

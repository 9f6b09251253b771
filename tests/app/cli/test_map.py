"""``bayplan map``: the ending of the file says what is written, at the size that was asked for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from solver.files import save_plan, save_step
from tests.app.cli.conftest import Answer
from tests.app.toy_plans import stacked_plan
from tests.conftest import make_toy_step

Bayplan = Callable[..., Answer]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan beside its step."""
    save_step(make_toy_step(), tmp_path / "toy.step")
    save_plan(stacked_plan(make_toy_step(), name="stacked"), tmp_path / "toy.plan")
    return tmp_path / "toy.plan"


def test_a_png_has_the_pixels_asked_for_at_any_scale(
    bayplan: Bayplan, plan: Path, tmp_path: Path
) -> None:
    for scale in ("1", "2"):
        out = tmp_path / f"{scale}.png"
        assert bayplan("map", plan, "-o", out, "--size", "1280x800", "--scale", scale).code == 0
        image = QImage(str(out))
        assert (image.width(), image.height()) == (1280, 800)
    assert (tmp_path / "1.png").read_bytes() != (tmp_path / "2.png").read_bytes()


def test_a_pdf_has_the_size_of_its_paper(bayplan: Bayplan, plan: Path, tmp_path: Path) -> None:
    assert bayplan("map", plan, "-o", tmp_path / "m.pdf", "--size", "297x210mm").code == 0
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", (tmp_path / "m.pdf").read_bytes())
    assert box is not None
    assert [float(side) for side in box.groups()] == pytest.approx(
        [297 / 25.4 * 72, 210 / 25.4 * 72], abs=1
    )


def test_an_svg_and_a_page_are_written_by_their_endings(
    bayplan: Bayplan, plan: Path, tmp_path: Path
) -> None:
    assert bayplan("map", plan, "-o", tmp_path / "m.svg", "--theme", "light").code == 0
    assert "<svg" in (tmp_path / "m.svg").read_text()
    assert bayplan("map", plan, "-o", tmp_path / "m.html", "--theme", "light").code == 0
    assert '<html lang="en" data-theme="light">' in (tmp_path / "m.html").read_text()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("m.gif", (), "end it in .png, .svg or .pdf"),
        ("m.html", ("--size", "800x600"), "leave out --size"),
        ("m.svg", ("--scale", "2"), "leave out --scale"),
        ("m.png", ("--scale", "99"), "not a scale from 0.5 to 8"),
        ("m.pdf", ("--size", "9x9mm"), "mm a side"),
    ],
)
def test_what_makes_no_sense_is_refused(
    bayplan: Bayplan, plan: Path, tmp_path: Path, name: str, options: tuple[str, ...], said: str
) -> None:
    answer = bayplan("map", plan, "-o", tmp_path / name, *options)
    assert answer.code != 0
    assert said in answer.err
    assert not (tmp_path / name).exists()

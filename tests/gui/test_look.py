"""Type faces, icons, and one style sheet made from the tokens of each theme."""

import re
from pathlib import Path

import pytest
from PySide6.QtGui import QFont, QFontInfo, QFontMetrics
from PySide6.QtWidgets import QApplication, QLabel

from app.fonts import code_font, load_fonts, text_font
from app.icons import icon, pixmap
from app.style import apply_theme, chosen_theme, style_sheet
from app.theme import DARK, LIGHT, THEMES, Theme
from app.window.actions import MENUS, Command

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


@pytest.mark.usefixtures("dressed")
def test_the_bundled_faces_are_used_and_figures_have_one_width() -> None:
    assert load_fonts()
    assert QFontInfo(text_font()).family() == "Inter"
    assert QFontInfo(code_font()).family() == "Hack"
    metrics = QFontMetrics(text_font())
    assert len({metrics.horizontalAdvance(figure * 8) for figure in "0123456789"}) == 1


def test_the_style_sheet_keeps_the_face_its_weight_and_its_figures(dressed: QApplication) -> None:
    apply_theme(dressed, DARK)
    label = QLabel("1111")
    label.setProperty("role", "figure")
    label.ensurePolished()
    assert QFontInfo(label.font()).family() == "Inter"
    assert label.font().weight() == QFont.Weight.DemiBold
    metrics = label.fontMetrics()
    assert metrics.horizontalAdvance("1111") == metrics.horizontalAdvance("0000")


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_style_sheet_is_complete(theme: Theme) -> None:
    sheet = style_sheet(theme)
    assert "$" not in sheet
    other = LIGHT if theme is DARK else DARK
    assert theme.win in sheet and other.win not in sheet
    assert sheet.count("{") == sheet.count("}")
    for picture in re.findall(r"url\((.*?)\)", sheet):
        assert Path(picture).is_file()


@pytest.mark.usefixtures("dressed")
def test_every_command_with_an_icon_has_one_in_the_colours_of_both_themes() -> None:
    names = {line.icon for _, lines in MENUS for line in lines if isinstance(line, Command)} - {""}
    for name in names:
        images = [icon(name, theme).pixmap(16, 16).toImage() for theme in (DARK, LIGHT)]
        assert images[0] != images[1]
        drawn = pixmap(name, "#ff0000", 16).toImage()
        colors = {drawn.pixelColor(x, y).name() for x in range(16) for y in range(16)}
        assert "#ff0000" in colors, name


def test_no_two_commands_share_a_key() -> None:
    keys = [line.shortcut for _, lines in MENUS for line in lines if isinstance(line, Command)]
    used = [key for key in keys if key]
    assert len(used) == len(set(used))


@pytest.mark.usefixtures("dressed")
def test_a_chosen_theme_overrides_the_systems() -> None:
    assert chosen_theme("dark") is DARK
    assert chosen_theme("light") is LIGHT
    assert chosen_theme("system") in (DARK, LIGHT)

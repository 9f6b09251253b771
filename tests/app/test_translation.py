"""Texts are looked up where there is a window; counted ones by the plural forms of the language."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from app import translation
from app.translation import CONTEXT, look_up_with, mark, plural, tr

POLISH = {"{} ops": ("{} operacja", "{} operacje", "{} operacji")}
"""Three plural forms: 1; 2 to 4, 22 to 24, ...; all others."""


def translate(context: str, key: str, disambiguation: str | None, n: int) -> str:
    """As Qt does with a translation: what it does not know stays as it is."""
    assert context == CONTEXT and disambiguation is None
    if key == "Open":
        return "Otwórz"
    if key not in POLISH:
        return key
    few = n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
    return POLISH[key][0 if n == 1 else 1 if few else 2]


@pytest.fixture
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "_look_up", None)


@pytest.fixture
def polish(english: None) -> Iterator[None]:
    look_up_with(translate)
    yield


@pytest.mark.usefixtures("english")
def test_without_a_window_texts_are_english() -> None:
    assert tr("Open") == mark("Open") == "Open"
    assert [plural("{} op", "{} ops", n) for n in (0, 1, 2, 2410)] == [
        "0 ops",
        "1 op",
        "2 ops",
        "2,410 ops",
    ]


@pytest.mark.usefixtures("polish")
def test_a_count_has_the_plural_form_of_the_language() -> None:
    assert tr("Open") == "Otwórz" and mark("Open") == "Open"
    assert [plural("{} op", "{} ops", n) for n in (1, 3, 5, 22, 2412)] == [
        "1 operacja",
        "3 operacje",
        "5 operacji",
        "22 operacje",
        "2,412 operacji",
    ]


@pytest.mark.usefixtures("polish")
def test_what_is_not_translated_is_counted_in_english() -> None:
    assert [plural("{} tensor", "{} tensors", n) for n in (1, 2)] == ["1 tensor", "2 tensors"]


def test_facts_and_the_command_line_translate_without_qt() -> None:
    code = "import app.translation, app.numbers, sys; print('PySide6' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

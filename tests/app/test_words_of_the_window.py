"""What is written in the code of the window and reads as words is translated, or is here with a reason.

``test_translated_texts`` looks at what widgets are given; this one looks at every literal, so that
texts are found that stand in a variable, in a table of constants, or in what a function returns.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"
TRANSLATED = frozenset({"tr", "plural", "mark"})
NOT_SHOWN = frozenset(
    {
        "BayplanError",
        "ValueError",
        "RuntimeError",
        "AssertionError",
        "OSError",
        "TypeVar",
        "compile",
        "setObjectName",
        "begin",
        "parse_pins",
        "setStyleSheet",
    }
)
"""Calls whose texts no translator sees: errors are English as on the command line; names; patterns."""
ENGLISH = {
    "cli": "the command line is English",
    "library/migrations": "SQL",
    "library/opening.py": "parts of errors, and SQL",
    "library/store.py": "SQL",
    "library/schema.py": "SQL",
    "library/library.py": "names of what is stored",
    "lessons/reading.py": "parts of errors, for those who write lessons",
    "lessons/facts.py": "parts of errors, for those who write lessons",
    "lessons/prepared.py": "names of plans and ops, which are data",
    "file_kind.py": "parts of errors",
    "jobs/budget.py": "names of plans, which are written into files",
    "window/actions.py": "collected as a whole: titles, commands and tips",
    "panels/sheet.py": "a style sheet",
    "style.py": "a style sheet",
    "panels/colours.py": "names of the ways are keys; what is shown is translated beside",
    "picture/page.py": "the HTML page is English",
    "picture/page_data.py": "the HTML page is English",
    "picture/page_look.py": "the HTML page is English",
    "picture/svg_text.py": "names of fonts",
    "map/tooltip.py": "markup",
    "overrides.py": "names of methods",
    "fonts.py": "names of fonts",
    "__main__.py": "the command line is English",
    "library/__init__.py": "names of what it offers",
}
ALLOWED = {
    "Bayplan",
    "{} — Bayplan",
    "Adam",
    "CUDA GPU",
    # Qt must understand these itself.
    "Folders (*)",
    "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)",
    "Fusion",
    # Keys of the keyboard, as they are written on it.
    "Esc",
    "Tab",
    "Space",
    # Names of caches.
    "map kernels",
    # Keys of tables; what is shown for them is translated.
    "Category",
    "Dtype",
    "Module",
    "Age",
    "Plan difference",
    "Step",
    "time step",
    "made again",
    "back from host",
    "taken over",
    "as run",
    "program order",
    # Names that plans get are data: they are written into files.
    ", edited",
    "{}, edited",
    "{}, solved around edits",
    "Planned, {}",
    # What is copied, and parts of errors.
    "\tops {}–{}\t{}",
    " (it was solved from {})",
    "This is a bug in Bayplan: {}: {}",
}
STYLE = re.compile(
    r"[{}]\s*[a-z-]*:|: *\{\};|<[a-z/]|px|^text-align|_\{\}|\{\}_|^[a-z]+/\{\}$|^#|^[a-z]+ \{\}$|^\w+="
)
"""Style sheets, markup, and keys such as ``layout/window``."""


def words_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each literal that reads as words and goes through no translator."""
    tree = ast.parse(source)
    quiet: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            quiet.add(id(node.value))
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in TRANSLATED:
                quiet.update(id(argument) for argument in node.args)
            elif called in NOT_SHOWN:
                quiet.update(id(part) for argument in node.args for part in ast.walk(argument))
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            quiet.update(id(part) for part in ast.walk(node.annotation))
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            quiet.update(id(part) for part in ast.walk(node.returns))
        elif isinstance(node, ast.JoinedStr):
            quiet.update(id(part) for part in node.values if isinstance(part, ast.Constant))
            quiet.update(
                id(part)
                for value in node.values
                if isinstance(value, ast.FormattedValue) and value.format_spec is not None
                for part in ast.walk(value.format_spec)
            )
    for node in ast.walk(tree):
        if id(node) in quiet:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        else:
            continue
        if reads_as_words(text) and text not in ALLOWED and not STYLE.search(text):
            yield node.lineno, text


def reads_as_words(text: str) -> bool:
    """A sentence, several words, or one that begins with a capital as titles do."""
    several = re.search(r"[A-Za-z]{2}.* |[ ][^ ]*[A-Za-z]{2}", text)
    return bool(several or re.fullmatch(r"[A-Z][a-z]+…?", text))


def shown_files() -> list[Path]:
    """The files of the window that are not exempt as a whole."""
    return [
        path
        for path in sorted(APP.rglob("*.py"))
        if not any(
            (name := path.relative_to(APP).as_posix()) == part or name.startswith(f"{part}/")
            for part in ENGLISH
        )
    ]


@pytest.mark.parametrize("path", shown_files(), ids=lambda path: path.relative_to(APP).as_posix())
def test_words_in_the_code_of_the_window_are_translated(path: Path) -> None:
    assert list(words_in(path.read_text("utf-8"))) == []


def test_what_is_exempt_is_there() -> None:
    assert [part for part in ENGLISH if not (APP / part).exists()] == []


@pytest.mark.parametrize(
    "source",
    [
        'text = f"{n} ops run again"\nlabel.setText(text)',
        'def title():\n    return "No step open"',
        'HEADS = ("Bytes", "Category")',
        'figure = Figure("Peak", value)',
        'return_ = "at " + place',
    ],
)
def test_words_are_found_wherever_they_stand(source: str) -> None:
    assert list(words_in(source)) != []


@pytest.mark.parametrize(
    "source",
    [
        'text = tr("{} ops").format(n)',
        'HEADS = (mark("Bytes"), mark("Category"))',
        'plural("{} op runs", "{} ops run", n)',
        'raise BayplanError(f"{name} cannot be read. Try again.")',
        '"""Words about a module."""',
        'settings.value(f"layout/{name}")',
        'size = f"{n:,.1f} {unit}"',
    ],
)
def test_what_is_translated_or_no_words_is_left_alone(source: str) -> None:
    assert list(words_in(source)) == []

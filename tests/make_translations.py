"""Collects every text of the window for translators: the literals of ``tr``, and the menus.

python tests/make_translations.py out/bayplan.ts
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

Place = tuple[str, int]


def texts_of(source: str, name: str) -> Iterator[tuple[str, Place]]:
    """The texts of one file, with their places. Raises ValueError for a text that is no literal."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tr":
            (argument,) = node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value, (name, node.lineno)
            elif not isinstance(argument, ast.Name | ast.Attribute):
                raise ValueError(f"{name}:{node.lineno}: the text of tr is neither literal nor a name")


def menu_texts() -> Iterator[tuple[str, Place]]:
    """Titles, commands and their tips."""
    from app.window.actions import MENUS, Command

    place = ("app/window/actions.py", 1)
    for title, lines in MENUS:
        yield title, place
        for line in lines:
            if isinstance(line, Command):
                yield line.text, place
                if line.tip:
                    yield line.tip, place


def collect() -> dict[str, list[Place]]:
    """Every text with all of its places, in the order of the files."""
    found: dict[str, list[Place]] = {}
    for file in sorted((ROOT / "app").rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        for text, place in texts_of(file.read_text("utf-8"), name):
            found.setdefault(text, []).append(place)
    for text, place in menu_texts():
        found.setdefault(text, []).append(place)
    return found


def document(found: dict[str, list[Place]]) -> ElementTree.ElementTree:
    """In the format of Qt Linguist, nothing translated yet."""
    from app.translation import CONTEXT

    root = ElementTree.Element("TS", version="2.1")
    context = ElementTree.SubElement(root, "context")
    ElementTree.SubElement(context, "name").text = CONTEXT
    for text, places in found.items():
        message = ElementTree.SubElement(context, "message")
        for name, line in places:
            ElementTree.SubElement(message, "location", filename=f"../{name}", line=str(line))
        ElementTree.SubElement(message, "source").text = text
        ElementTree.SubElement(message, "translation", type="unfinished")
    ElementTree.indent(root)
    return ElementTree.ElementTree(root)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    document(collect()).write(target, encoding="utf-8", xml_declaration=True)

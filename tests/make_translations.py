"""Collects every text of the window for translators: literals of ``tr``, ``plural``, ``mark``; menus.

python tests/make_translations.py out/bayplan.ts
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

Place = tuple[str, int]


@dataclass(frozen=True)
class Text:
    """What is translated; ``numerous``: once for every plural form of the language."""

    words: str
    numerous: bool = False


def texts_of(source: str, name: str) -> Iterator[tuple[Text, Place]]:
    """The texts of one file, with their places. Raises ValueError for a text that is no literal."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        called, place = node.func.id, (name, node.lineno)
        if called in ("tr", "mark"):
            (argument,) = node.args
            parts = [argument]
            if isinstance(argument, ast.IfExp):
                parts = [argument.body, argument.orelse]
            for part in parts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield Text(part.value), place
                elif called == "mark" or isinstance(part, ast.JoinedStr | ast.BinOp | ast.IfExp):
                    raise ValueError(f"{name}:{node.lineno}: the text of {called} is put together")
        elif called == "plural":
            one, many = node.args[:2]
            if not (isinstance(one, ast.Constant) and isinstance(many, ast.Constant)):
                raise ValueError(f"{name}:{node.lineno}: a text of plural is no literal")
            yield Text(str(many.value), numerous=True), place


def menu_texts() -> Iterator[tuple[Text, Place]]:
    """Titles, commands and their tips."""
    from app.window.actions import MENUS, Command

    place = ("app/window/actions.py", 1)
    for title, lines in MENUS:
        yield Text(title), place
        for line in lines:
            if isinstance(line, Command):
                yield Text(line.text), place
                if line.tip:
                    yield Text(line.tip), place


def collect() -> dict[Text, list[Place]]:
    """Every text with all of its places, in the order of the files; the command line stays English."""
    found: dict[Text, list[Place]] = {}
    for file in sorted((ROOT / "app").rglob("*.py")):
        if file.parent.name == "cli":
            continue
        name = file.relative_to(ROOT).as_posix()
        for text, place in texts_of(file.read_text("utf-8"), name):
            found.setdefault(text, []).append(place)
    for text, place in menu_texts():
        found.setdefault(text, []).append(place)
    return found


def document(found: dict[Text, list[Place]]) -> ElementTree.ElementTree:
    """In the format of Qt Linguist, nothing translated yet."""
    from app.translation import CONTEXT

    root = ElementTree.Element("TS", version="2.1")
    context = ElementTree.SubElement(root, "context")
    ElementTree.SubElement(context, "name").text = CONTEXT
    for text, places in found.items():
        numerus = {"numerus": "yes"} if text.numerous else {}
        message = ElementTree.SubElement(context, "message", numerus)
        for name, line in places:
            ElementTree.SubElement(message, "location", filename=f"../{name}", line=str(line))
        ElementTree.SubElement(message, "source").text = text.words
        translation = ElementTree.SubElement(message, "translation", type="unfinished")
        if text.numerous:
            ElementTree.SubElement(translation, "numerusform")
    ElementTree.indent(root)
    return ElementTree.ElementTree(root)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    document(collect()).write(target, encoding="utf-8", xml_declaration=True)

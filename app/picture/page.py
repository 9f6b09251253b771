"""The map as one HTML file: opens by a double click, needs no network, lets nothing out.

Template, style and scripts are files of ``resources/page``, put together here. The page's own content
security policy forbids all but this one style and this one script, named by their hashes; names of
tensors reach it only inside the packed data and are shown as text.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

from app.map.palette import INK_DARK, INK_LIGHT, make_palette
from app.map.scene import Scene
from app.map.slot_axis import SecondsOf
from app.picture.page_data import pack, page_data
from app.picture.page_look import PLAIN, PageLook, no_seconds
from app.theme import DARK, LIGHT, Theme
from solver.files import write_atomic

SCRIPTS = (
    *("axis.js", "colours.js", "model.js", "raster.js"),
    *("canvas.js", "plot.js", "words.js", "bands.js", "profile.js", "overlay.js", "map.js"),
    *("pointer.js", "panels.js", "legend.js", "state.js", "main.js"),
)
"""In the order in which they build on one another."""
TOKENS = ("win", "panel", "raised", "map", "sel", "line", "line2", "text", "text2", "text3", "accent")
TONES = ("ok", "warn", "error")


def write_page(
    scenes: Sequence[tuple[str, Scene]],
    path: Path,
    *,
    look: PageLook = PLAIN,
    seconds_of: SecondsOf = no_seconds,
    theme: str = "",
) -> None:
    """Write the page of some plans of one step, at least one, each with its name.

    ``look``: what it begins with. ``seconds_of``: asked for each scene. ``theme``: ``dark`` or
    ``light``; empty: that of the reader's system. Raises OSError.
    """
    write_atomic(path, page(scenes, look=look, seconds_of=seconds_of, theme=theme).encode())


def page(
    scenes: Sequence[tuple[str, Scene]],
    *,
    look: PageLook = PLAIN,
    seconds_of: SecondsOf = no_seconds,
    theme: str = "",
) -> str:
    """The page's text."""
    folder = resources.files("resources") / "page"
    style = _tokens() + (folder / "page.css").read_text("utf-8")
    parts = [(folder / name).read_text("utf-8") for name in SCRIPTS]
    script = '"use strict";\n' + "\n".join(parts)
    data = page_data(scenes, look, seconds_of)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template((folder / "page.html").read_text("utf-8")).substitute(
        policy=policy,
        theme=f' data-theme="{theme}"' if theme else "",
        title=html.escape(f"{data['title']} – Bayplan"),
        style=style,
        script=script,
        data=pack(data),
    )


def _hash(text: str) -> str:
    """What a content security policy knows an inline style or script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _tokens() -> str:
    """The colours of the program's own themes as custom properties."""
    dark, light = _properties(DARK), _properties(LIGHT)
    return (
        f":root {{ {dark} }}\n"
        f"@media (prefers-color-scheme: light) {{ :root:not([data-theme='dark']) {{ {light} }} }}\n"
        f":root[data-theme='light'] {{ {light} }}\n"
    )


def _properties(theme: Theme) -> str:
    pairs = [(name, getattr(theme, name)) for name in (*TOKENS, *TONES)]
    pairs += [(f"fill-{number}", fill) for number, fill in enumerate(make_palette(theme).names)]
    pairs += [("ink-dark", INK_DARK), ("ink-light", INK_LIGHT)]
    scheme = f"color-scheme: {theme.name}; "
    return scheme + " ".join(f"--{name}: {colour};" for name, colour in pairs)

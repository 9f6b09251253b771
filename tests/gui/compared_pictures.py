"""Pictures held against accepted ones, with tolerance: type is drawn a little differently everywhere.

A picture is cut into tiles of 8 × 8 pixels; the mean colour of each may differ a little. So a line, a
fill or a word that moved, came or went is found, and the rounding of a letter is not.
"""

from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

ACCEPTED = Path(__file__).parent / "pictures"
OUT = Path(__file__).parents[2] / "out" / "pictures"
"""Where pictures that differ are put, with a page that shows them beside the accepted ones."""

TILE = 8
MOST_IN_TILE = 32.0
"""Of 255, by which the mean of a tile may differ in a channel."""
MOST_TILES = 0.01
"""Share of the tiles that may differ by more than a quarter of that."""

Pixels = npt.NDArray[np.float64]


def difference(one: QImage, two: QImage) -> str:
    """What is wrong with a picture compared with an accepted one; empty: they look the same."""
    if one.size() != two.size():
        return f"it is {one.width()} × {one.height()} instead of {two.width()} × {two.height()} pixels"
    tiles = np.abs(_tiles(one) - _tiles(two)).max(axis=2)
    if tiles.max() > MOST_IN_TILE:
        row, column = np.unravel_index(tiles.argmax(), tiles.shape)
        at = f"{column * TILE}, {row * TILE}"
        return f"the colours at {at} differ by {tiles.max():.0f} of 255"
    share = float((tiles > MOST_IN_TILE / 4).mean())
    return f"{share:.1%} of it differs a little" if share > MOST_TILES else ""


def _tiles(image: QImage) -> Pixels:
    """The mean colour of every tile, shape (rows, columns, 3)."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    width, height = image.width() // TILE * TILE, image.height() // TILE * TILE
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    cut = pixels[:height, :width, :3].astype(np.float64)
    result: Pixels = cut.reshape(height // TILE, TILE, width // TILE, TILE, 3).mean(axis=(1, 3))
    return result


def hold_against(name: str, image: QImage, *, accept: bool) -> None:
    """Fail unless a picture looks like the accepted one of its name; ``accept``: make it that one."""
    path = ACCEPTED / f"{name}.png"
    if accept:
        assert image.save(str(path))
        return
    wrong = "there is none yet" if not path.exists() else difference(image, QImage(str(path)))
    if wrong:
        OUT.mkdir(parents=True, exist_ok=True)
        assert image.save(str(OUT / f"{name}.png"))
        page = _write_page()
        raise AssertionError(
            f"The picture {name} is not the accepted one: {wrong}. Look at {page}; if it is as it "
            'should be, accept it: make pictures ARGS="--accept-pictures"'
        )


def _write_page() -> Path:
    """A page that shows every picture that differs, beside the accepted one."""
    rows = "".join(
        f"<h2>{escape(path.stem)}</h2><p>now, and as accepted</p>"
        f"<img src='{path.name}'> <img src='{(ACCEPTED / path.name).as_uri()}'>"
        for path in sorted(OUT.glob("*.png"))
    )
    page = OUT / "index.html"
    head = "<meta charset=utf-8><title>Pictures</title><style>img{width:49%}</style>"
    page.write_text(f"<!doctype html>{head}{rows}")
    return page

"""What a file is, by its first bytes: the name may say anything."""

from enum import Enum
from pathlib import Path

from solver.errors import BayplanError

FIRST = 4096
"""Bytes that are looked at."""
OPENED = (
    "Bayplan opens steps and plans (.step, .plan, .json.gz), memory snapshots (.pickle), lifetimes "
    "(.csv with the columns id, lower, upper, size) and torch.export programs (.pt2)."
)


class FileKind(Enum):
    """What the window can open."""

    STEP = "a step or a plan"
    SNAPSHOT = "a memory snapshot"
    TABLE = "a table of lifetimes"
    PROGRAM = "a torch.export program"
    LESSON = "a lesson"


def kind_of(path: Path) -> FileKind:
    """What is in a file. Raises BayplanError where it is nothing that is opened, or cannot be read."""
    # Here: they bring what the first window must not wait for.
    from runtime.snapshot import looks_like_pickle
    from solver.placement.csv_table import REQUIRED

    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no ordinary file"
        raise BayplanError(f"{path.name} is {what}. {OPENED}")
    if path.suffix.lower() == ".toml":
        return FileKind.LESSON
    try:
        with path.open("rb") as file:
            first = file.read(FIRST)
    except OSError as error:
        raise BayplanError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    if first.startswith(b"\x1f\x8b") or first.lstrip().startswith((b"{", b"[")):
        return FileKind.STEP
    if first.startswith(b"PK\x03\x04"):
        if path.suffix == ".pt2":
            return FileKind.PROGRAM
        raise BayplanError(
            f"{path.name} is a zip file. If torch.export wrote it, give it a name that ends in .pt2."
        )
    header = first.partition(b"\n")[0].decode("utf-8", "replace").lstrip("\ufeff")
    columns = {cell.strip().strip('"') for cell in header.split(",")}
    if columns.issuperset(REQUIRED[1:]) or path.suffix.lower() == ".csv":
        return FileKind.TABLE
    if looks_like_pickle(first):
        return FileKind.SNAPSHOT
    if not first:
        raise BayplanError(f"{path.name} is empty. {OPENED}")
    raise BayplanError(f"{path.name} is of no kind that can be opened. {OPENED}")

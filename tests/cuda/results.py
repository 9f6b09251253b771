"""The table of ``make test-cuda``, for people, and what is written down of it."""

import datetime
import platform
from pathlib import Path
from typing import Any

HEAD = (
    "model", "ops", "bits", "pluggable", "pointers", "arena", "frag.", "excess", "graph", "corrupted",
    "planned/eager", "graph/eager", "batch",
)  # fmt: skip
MARK = "## Last run"
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def table(rows: dict[str, dict[str, Any]]) -> str:
    """One line a model, in Markdown; below it everything that is not as it should be."""
    lines = [_line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(name, row)) for name, row in rows.items()]
    problems = [
        f"- {name}, {check}: {problem}"
        for name, row in rows.items()
        for check, found in row.items()
        for problem in found["problems"]
    ]
    notes = [
        f"- {name}: no graph. {row['graph']['reason']}"
        for name, row in rows.items()
        if row.get("graph", {}).get("reason")
    ]
    notes += [
        f"- {name}: {row['ranks']['ranks']} rank(s) train as with DistributedDataParallel."
        for name, row in rows.items()
        if row.get("ranks", {}).get("ranks") and not row["ranks"]["problems"]
    ]
    notes += [
        f"- {name}: torch.compile runs it as planned."
        for name, row in rows.items()
        if row.get("compiled", {}).get("compiled") and not row["compiled"]["problems"]
    ]
    for name, row in rows.items():
        equal = row.get("equal", {})
        if equal.get("repeated"):
            whole = f", {equal['whole_norms']} batch norms as a whole" if equal["whole_norms"] else ""
            notes.append(f"- {name}: {equal['repeated']} ops run again{whole}.")
    lines += ["", *(["Not as it should be:", "", *problems] if problems else ["All as it should be."])]
    if notes:
        lines += ["", "Notes:", "", *notes]
    return "\n".join(lines) + "\n"


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    equal, memory = row.get("equal", {}), row.get("memory", {})
    graph, trains, duration = (row.get(check, {}) for check in ("graph", "trains", "duration"))
    return [
        name,
        _number(equal.get("ops")),
        _verdict(row.get("equal")),
        _verdict(row.get("pluggable")),
        _number(equal.get("pointers")),
        _size(equal.get("arena_bytes")),
        _size(equal.get("fragmentation")),
        _size(memory.get("excess")),
        "-"
        if graph and not graph.get("graphed") and not graph["problems"]
        else _verdict(graph or None),
        _verdict(row.get("corrupted")),
        _ratio(duration.get("planned_ratio")),
        _ratio(duration.get("graph_ratio")),
        f"{trains['planned_batch']} / {trains['eager_batch']}" if "eager_batch" in trains else "-",
    ]


def write(path: Path, text: str, device: str) -> None:
    """Put ``text`` into the last part of RESULTS.md, with the machine it was found on."""
    import torch

    facts = [f"torch {torch.__version__}", f"Python {platform.python_version()}"]
    if device == "cuda":
        of = torch.cuda.get_device_properties(0)
        facts.insert(0, f"{of.name}, compute capability {of.major}.{of.minor}")
        facts += [f"CUDA {torch.version.cuda}", f"cuDNN {torch.backends.cudnn.version()}"]
        facts.append(_driver())
    else:
        facts.insert(0, f"CPU, {torch.get_num_threads()} threads")
    today = datetime.date.today().isoformat()
    before = path.read_text(encoding="utf-8").partition(MARK)[0]
    path.write_text(f"{before}{MARK}\n\n{today}: {', '.join(facts)}.\n\n{text}", encoding="utf-8")


def _driver() -> str:
    try:
        return Path("/proc/driver/nvidia/version").read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return "driver unknown"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    return "NO" if found["problems"] else "yes"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _size(value: int | None) -> str:
    if value is None:
        return "-"
    size, unit = float(value), 0
    while abs(size) >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.3g} {UNITS[unit]}"

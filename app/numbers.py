"""How the program writes numbers for people: binary units unless they chose others, three significant
places, true minus; and how it reads sizes that people write."""

import re
from dataclasses import dataclass
from fractions import Fraction

from solver.errors import BayplanError

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BINARY = ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B"))
DECIMAL = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))
_counting: tuple[tuple[int, str], ...] = BINARY


def count_in(units: tuple[tuple[int, str], ...]) -> None:
    """Write sizes in ``BINARY`` or ``DECIMAL`` units from now on, in the whole process."""
    global _counting
    _counting = units


def byte_units() -> tuple[tuple[int, str], ...]:
    """The units that sizes are written in: bytes and names, the largest first."""
    return _counting


_UNITS = {"": 1, "b": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("kmgt", 1)
    for kind, base in (("b", 1000), ("ib", 1024))
}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*([A-Za-z]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a column of figures or an axis counts in."""

    name: str
    size: int
    """Bytes."""
    digits: int

    def text(self, size: int) -> str:
        """``2.680``: without the unit's name."""
        return f"{size / self.size:,.{self.digits}f}".replace("-", "−")


def unit_of(largest: int) -> Unit:
    """The unit in which sizes up to ``largest`` bytes are told apart."""
    (giga, giga_name), (mega, mega_name), (kilo, kilo_name), _ = _counting
    if largest >= giga // 5:
        return Unit(giga_name, giga, 3)
    if largest >= mega // 5:
        return Unit(mega_name, mega, 3)
    return Unit(kilo_name, kilo, 1)


def plan_size(size: int) -> str:
    """``2.680 GiB``: what a plan needs; a smaller unit where GiB would show nothing but zeros."""
    return gib(size) if size >= 100 * MIB else human(size)


def gib(size: int) -> str:
    """``2.680 GiB``: for plans."""
    return _written(size, 0, 3)


def mib(size: int) -> str:
    """``98.0 MiB``: for tensors."""
    return _written(size, 1, 1)


def whole(size: int) -> str:
    """``1,661 MiB``: where three figures are enough."""
    count, name = _counting[1]
    return f"{size / count:,.0f} {name}".replace("-", "−")


def _written(size: int, unit: int, digits: int) -> str:
    count, name = _counting[unit]
    return f"{size / count:.{digits}f} {name}".replace("-", "−")


def bytes_exact(size: int) -> str:
    """``102,760,448``: for the inspector and the certificate."""
    return f"{size:,}".replace("-", "−")


def human(size: int) -> str:
    """The unit that fits: ``512 B``, ``12.0 KiB``, ``98.0 MiB``, ``2.680 GiB``."""
    magnitude = abs(size)
    for unit, digits in ((0, 3), (1, 1), (2, 1)):
        if magnitude >= _counting[unit][0]:
            return _written(size, unit, digits)
    return f"{size} B".replace("-", "−")


def percent(fraction: float) -> str:
    """``19.9 %``."""
    return f"{fraction * 100:.1f} %".replace("-", "−")


def counted(count: int, what: str) -> str:
    """``1 op``, ``2,410 ops``."""
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def overhead(fraction: float) -> str:
    """``+6.11 %``: of time; ``0.00 %`` where it rounds to nothing."""
    text = f"{fraction * 100:+.2f} %"
    return "0.00 %" if text in ("+0.00 %", "-0.00 %") else text.replace("-", "−")


def overhead_bound(fraction: float | None) -> str:
    """``+6.03 %``: the bound of an overhead; ``none`` where nothing is proven of one."""
    return "none" if fraction is None or fraction <= -1 else overhead(fraction)


def parse_size(text: str) -> int:
    """Bytes, rounded down, of ``8GiB``, ``8.01 GiB``, ``500MiB``, ``8GB`` (10^9 bytes) or ``8589934``.

    Raises BayplanError.
    """
    match = _SIZE.fullmatch(text.strip())
    unit = None if match is None else _UNITS.get(match[2].lower())
    if match is None or unit is None:
        raise BayplanError(
            f"{text!r} is not a size. Write it as 8GiB, 500MiB, 8GB (of 10^9 bytes) or plain bytes."
        )
    return int(Fraction(match[1]) * unit)

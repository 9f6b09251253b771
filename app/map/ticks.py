"""Where axes have their marks and what stands there."""

from math import ceil, floor, log10

from app.numbers import byte_units


def step_of(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ that cuts ``span`` into at most ``most`` parts."""
    if span <= 0:
        return 1.0
    rough = span / max(most, 1)
    power = 10.0 ** floor(log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def ticks(first: float, last: float, step: float) -> list[float]:
    """Multiples of ``step`` in ``[first, last]``."""
    return [step * i for i in range(ceil(first / step - 1e-9), floor(last / step + 1e-9) + 1)]


def op_ticks(first: float, last: float, pixels: float) -> list[tuple[float, str]]:
    """Marks of the op axis, whole slots, at least 64 pixels apart."""
    step = max(step_of(last - first, max(int(pixels / 64), 1)), 1.0)
    digits = ",.0f" if last >= 10_000 else ".0f"
    return [(value, f"{value:{digits}}") for value in ticks(first, last, step)]


def second_ticks(first: float, last: float, pixels: float) -> tuple[list[tuple[float, str]], str]:
    """Marks of a time axis, seconds and their text, and the unit of their numbers."""
    span = last - first
    units = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
    unit, name = next((u, n) for u, n in units if span > 2 * u or n == "µs")
    step = step_of(span / unit, max(int(pixels / 64), 1))
    digits = max(-floor(log10(step) + 1e-9), 0)
    return [(v * unit, f"{v:.{digits}f}") for v in ticks(first / unit, last / unit, step)], name


def byte_ticks(
    first: float, last: float, pixels: float, apart: int = 46
) -> tuple[list[tuple[float, str]], str]:
    """Marks of an address axis and the unit of their numbers, at least ``apart`` pixels apart."""
    span = last - first
    units = byte_units()
    unit, name = next((u, n) for u, n in units if span >= 0.2 * u or u == 1)
    step = step_of(span / unit, max(int(pixels / apart), 1))
    if unit == 1:
        step = max(step, 1.0)
    digits = max(-floor(log10(step) + 1e-9), 0)
    if digits == 0 and unit == units[0][0]:
        digits = 1
    values = ticks(first / unit, last / unit, step)
    return [(value * unit, f"{value:.{digits}f}") for value in values], name


def seconds_text(seconds: float) -> str:
    """``12.35 ms``: a time with four digits."""
    unit, name = next(
        (u, n) for u, n in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")) if abs(seconds) >= u or n == "µs"
    )
    value = seconds / unit
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
    return f"{value:.{digits}f} {name}".replace("-", "−")

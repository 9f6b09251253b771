"""How the program writes numbers for people: binary units, three significant places, true minus."""

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def gib(size: int) -> str:
    """``2.680 GiB``: for plans."""
    return f"{size / GIB:.3f} GiB".replace("-", "−")


def mib(size: int) -> str:
    """``98.0 MiB``: for tensors."""
    return f"{size / MIB:.1f} MiB".replace("-", "−")


def bytes_exact(size: int) -> str:
    """``102,760,448``: for the inspector and the certificate."""
    return f"{size:,}".replace("-", "−")


def human(size: int) -> str:
    """The unit that fits: ``512 B``, ``12.0 KiB``, ``98.0 MiB``, ``2.680 GiB``."""
    magnitude = abs(size)
    if magnitude >= GIB:
        return gib(size)
    if magnitude >= MIB:
        return mib(size)
    if magnitude >= KIB:
        return f"{size / KIB:.1f} KiB".replace("-", "−")
    return f"{size} B".replace("-", "−")


def percent(fraction: float) -> str:
    """``19.9 %``."""
    return f"{fraction * 100:.1f} %".replace("-", "−")

"""What an operator's name may look like; needs no torch."""

import re

TARGET = re.compile(r"[A-Za-z_]\w{0,63}\.[A-Za-z_]\w{0,127}\.[A-Za-z_]\w{0,63}", re.ASCII)
"""Namespace, op and overload, such as ``aten.convolution.default``."""

FORBIDDEN = frozenset({"from_file"})
"""Ops that reach outside the process."""

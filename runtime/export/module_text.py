"""The text of a generated module: what it looks up once, and the step with its blocks indented."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from .expressions import comment

Block: TypeAlias = tuple[str, ...]
"""The variables that must all be zero for a line to run."""


def module_text(
    title: str, globals_: Mapping[str, str], parameters: str, lines: Sequence[tuple[Block, str]]
) -> str:
    """The module's source; ``globals_``: the name of each expression that is evaluated once."""
    head = [
        f'"""{comment(title)}',
        "",
        "Written by Bayplan; changes are refused when it is loaded.",
    ]
    head += ['"""', "", "import torch", "", "from .replay.targets import operator", ""]
    head += [f"{name} = {expression}" for expression, name in sorted(globals_.items())]
    head += ["", "", f"def step({parameters}):"]
    return "\n".join([*head, *_body(lines), ""])


def _body(lines: Sequence[tuple[Block, str]]) -> Iterator[str]:
    """The lines, indented; those of one block that follow each other share its ``if``."""
    here: Block = ()
    for block, line in lines:
        common = 0
        while common < min(len(here), len(block)) and here[common] == block[common]:
            common += 1
        for depth in range(common, len(block)):
            yield f"{'    ' * (depth + 1)}if not {block[depth]}:"
        here = block
        yield f"{'    ' * (len(block) + 1)}{line}" if line else ""

"""Compares captures by rules with what torch itself chooses here: ``python3 tests/cuda/captures.py``.

Names of models may follow. Needs a GPU and torch. cuDNN's attention, which torch prefers on some GPUs
for half precision, is switched off: the rules are those of a GPU without that preference.
"""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "runtime" / "capture"))

from bayplan_capture.capture import capture_step  # noqa: E402

MODELS = ("mlp", "mlp_scaled", "resnet50", "vit_b_16", "gpt", "bert", "unet")
# How much cuDNN keeps is known where cuDNN is.
_UNKNOWN = {("aten.cudnn_batch_norm.default", 3)}


def main(names: list[str]) -> int:
    """The command line; 1 where a capture by rules is another."""
    if not torch.cuda.is_available():
        sys.stderr.write(f"This torch ({torch.__version__}) finds no CUDA GPU.\n")
        return 2
    torch.backends.cuda.enable_cudnn_sdp(False)
    failed = 0
    for name in names or MODELS:
        source = f"{HERE / 'models.py'}:{name}"
        chosen = capture_step(source, None, None, target_name="cuda")["step"]
        with patch.object(torch.cuda, "is_available", lambda: False):
            ruled = capture_step(source, None, None, target_name="cuda")["step"]
        problem = difference(chosen, ruled)
        failed += bool(problem)
        sys.stdout.write(f"{name}: {problem or 'the same'}\n")
    return 1 if failed else 0


def difference(chosen: dict[str, Any], ruled: dict[str, Any]) -> str:
    """The first call in which two steps differ, or whose results do; empty: none."""
    calls = [list(each["program"]["instructions"]) for each in (chosen, ruled)]
    for number, pair in enumerate(zip(*calls, strict=False)):
        its, mine = pair
        if its["target"] != mine["target"]:
            return f"call {number} is {its['target']}, by rules {mine['target']}"
        found = [
            [_geometry(step, v) for v in call["outputs"]]
            for step, call in zip((chosen, ruled), pair, strict=True)
        ]
        for position, (there, here) in enumerate(zip(*found, strict=False)):
            if there != here and (its["target"], position) not in _UNKNOWN:
                return (
                    f"result {position} of call {number}, {its['target']}, is {there}, by rules {here}"
                )
    if len(calls[0]) != len(calls[1]):
        return f"there are {len(calls[0]):,} calls, by rules {len(calls[1]):,}"
    return ""


def _geometry(step: dict[str, Any], value: int | None) -> Any:
    if value is None:
        return None
    of = step["program"]["values"][value]
    strides = [stride for size, stride in zip(of["shape"], of["stride"], strict=True) if size != 1]
    return of["dtype"], of["shape"], strides, of["offset"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

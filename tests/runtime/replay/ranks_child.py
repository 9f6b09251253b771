"""One rank of a test: trains eagerly with DistributedDataParallel, then as planned, and compares.

``python ranks_child.py RANK CASES STORE RESULT`` with a JSON list of cases; each names its build
function and the exported folder of each of its ranks, which are the first. The result is a JSON
object with what this rank found in each case, by its name.
"""

import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from runtime.capture.bayplan_capture.build import Model, build
from runtime.capture.bayplan_capture.eager import micro_batch_loss, micro_batches
from runtime.replay.errors import ReplayError
from runtime.replay.loading import load
from runtime.replay.tensors import same_bits
from tests.runtime.training_state import state

STEPS = 4


def train_eagerly(model: Model, ddp: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """One step as the PyTorch documentation has it for DistributedDataParallel."""
    options, optimizer = model.options, model.optimizer
    assert optimizer is not None
    scaler = options.scaler or torch.amp.GradScaler("cpu", enabled=False)
    parts = micro_batches(replace(model, inputs=batch[0], target=batch[1]))
    total = torch.zeros(())
    optimizer.zero_grad()
    for number, part in enumerate(parts):
        with ExitStack() as stack:
            if number + 1 < len(parts):
                stack.enter_context(ddp.no_sync())
            loss = micro_batch_loss(replace(model, module=ddp), *part)
            scaler.scale(loss).backward()
        total = loss.detach() if number == 0 else total + loss.detach()
    scaler.unscale_(optimizer)
    if options.clip_grad_norm:
        nn.utils.clip_grad_norm_(ddp.parameters(), options.clip_grad_norm)
    scaler.step(optimizer)
    scaler.update()
    return total


def differences(rank: int, folder: Path, source: str, group: Any) -> dict[str, Any]:
    """What the planned steps of this rank have otherwise than its eager steps."""
    # Every rank starts with other weights: rank 0's must win.
    eager, planned = (build(source, None, None, None, seed=rank) for _ in range(2))
    ddp = DistributedDataParallel(eager.module, process_group=group)
    scaler = planned.options.scaler
    step = load(folder, planned.module, planned.optimizer, scaler, process_group=group, strict=True)
    generator = torch.Generator().manual_seed(100 + rank)
    wrong: list[str] = []
    losses: list[float] = []
    for number in range(STEPS):
        batch = (torch.randn(eager.inputs.shape, generator=generator), eager.target)
        # A rank that changes a buffer by itself loses the change: rank 0's are broadcast.
        for model in (eager, planned):
            for buffer in model.module.buffers():
                buffer.add_(rank)
        torch.manual_seed(10 * number + rank)
        expected = train_eagerly(eager, ddp, batch)
        drawn = torch.get_rng_state()
        torch.manual_seed(10 * number + rank)
        found = step(*batch)
        losses.append(found.item())
        if not same_bits(expected, found):
            wrong.append(f"loss {number}")
        if not torch.equal(drawn, torch.get_rng_state()):
            wrong.append(f"random numbers {number}")
        mine, its = state(eager), state(planned)
        wrong += [f"{k} {number}" for k in sorted(mine.keys() | its.keys()) if not _same(mine, its, k)]
    counters = step.engine.counters
    assert counters is not None
    return {
        "wrong": wrong,
        "losses": losses,
        "planned": step.report.planned,
        "unmatched": len(step.report.unmatched),
        "missed": counters.missed + counters.overlapped,
        "recorded": step.report.recorded,
        "parameters": [p.double().sum().item() for p in planned.module.parameters()],
        "eager_parameters": [p.double().sum().item() for p in eager.module.parameters()],
    }


def _same(one: dict[str, Tensor], other: dict[str, Tensor], key: str) -> bool:
    return key in one and key in other and same_bits(one[key], other[key])


def main(rank: int, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """What this rank finds in the cases it has a part in."""
    found: dict[str, Any] = {}
    for case in cases:
        count = len(case["folders"])
        group = torch.distributed.new_group(list(range(count)))
        if rank >= count:
            continue
        try:
            folder = Path(case["folders"][rank])
            found[case["name"]] = differences(rank, folder, case["source"], group)
        except ReplayError as error:
            found[case["name"]] = {"error": str(error)}
    return found


if __name__ == "__main__":
    number, cases_file, store, result = sys.argv[1:]
    todo = json.loads(Path(cases_file).read_text())
    together = max(len(case["folders"]) for case in todo)
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo",
        store=torch.distributed.FileStore(store, together),
        rank=int(number),
        world_size=together,
    )
    Path(result).write_text(json.dumps(main(int(number), todo)))
    torch.distributed.destroy_process_group()

"""One of several ranks: planned steps against DistributedDataParallel's, bit for bit.

``python ranks.py REQUEST.json RESULT.json RANK COUNT STORE``; run by the check ``ranks``. The
request is that of the check; ranks find each other by the file ``STORE``.
"""

import json
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import subject
import torch
from torch.nn.parallel import DistributedDataParallel


def compared(request: dict[str, Any], rank: int) -> list[str]:
    """What is not as it should be on this rank."""
    folder = Path(request["folder"])
    export = subject.import_export(folder)
    plan = subject.replay("plan_reading").read_plan(folder)
    subject.use_attention_of(plan)
    device = torch.device("cuda", rank) if plan.device == "cuda" else torch.device("cpu")
    (eager, eager_step), (planned, _) = (subject.build(plan, plan.batch, device) for _ in range(2))
    ddp = DistributedDataParallel(eager.module)
    eager_ddp = replace(eager, module=ddp)
    step = export.load(planned.module, planned.optimizer, planned.options.scaler, strict=True)
    generator = torch.Generator().manual_seed(rank)
    problems: list[str] = []
    for number in range(request["steps"]):
        for mine, its in zip(
            subject.tensors(eager.inputs), subject.tensors(planned.inputs), strict=True
        ):
            if mine.is_floating_point():
                mine.copy_(torch.randn(mine.shape, generator=generator))
                its.copy_(mine)
        torch.manual_seed(1000 * rank + number)
        due = {"loss": eager_step(eager_ddp).cpu()}
        torch.manual_seed(1000 * rank + number)
        found = {"loss": step(planned.inputs, planned.target).cpu()}
        due |= subject.state(SimpleNamespace(made=eager))
        found |= subject.state(SimpleNamespace(made=planned))
        names = subject.differences(due, found)
        problems += subject.differing("DistributedDataParallel", f"step {number} of rank {rank}", names)
    if not step.report.planned:
        problems.append(f"rank {rank} is not at planned addresses: {step.report.reason}")
    return problems


def main(request_file: str, result_file: str, rank: str, count: str, store: str) -> int:
    """Compare and write what was found."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    subject.settle(deterministic=True)
    on_gpu = json.loads((Path(request["folder"]) / "plan.json").read_text())["plan"]["device"] == "cuda"
    if on_gpu:
        torch.cuda.set_device(int(rank))
    distributed = torch.distributed
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        store=distributed.FileStore(store, int(count)),
        rank=int(rank),
        world_size=int(count),
    )
    try:
        problems = compared(request, int(rank))
    except Exception:
        problems = [f"rank {rank}: {traceback.format_exc().strip()[-400:]}"]
    Path(result_file).write_text(json.dumps(problems), encoding="utf-8")
    distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

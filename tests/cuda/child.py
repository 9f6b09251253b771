"""One check of one export in a process of its own: ``python child.py REQUEST.json RESULT.json``.

Needs torch, the export, and ``runtime/capture`` to build the model again. The request has ``folder``,
``check``, ``adapter``, ``steps``, ``rounds`` and, for some checks, ``cap`` (bytes). The result has
``problems`` (empty: all is as it should be) and numbers for the table.
"""

import gc
import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
others = [path for path in sys.path if Path(path or ".").resolve() != HERE]
sys.path[:] = [str(HERE), *others]

from subject import (  # noqa: E402
    Start,
    Subject,
    build,
    differences,
    differing,
    import_export,
    replay,
    replay_plan,
    run,
    settle,
    state,
    tensors,
    use_attention_of,
)

# Its neighbours must not stand in for the modules of whoever's model it is.
sys.path[:] = others

import torch  # noqa: E402

MIB = 1 << 20
SEGMENT, SMALL_ARENA, SMALL_SEGMENT = 2 * MIB, 10 * MIB, 20 * MIB
"""How PyTorch's caching allocator rounds what it asks the driver for: to whole 2 MiB, but 20 MiB for
requests of 1 to 10 MiB."""
WARM_UP, GRAPH_WARM_UP = 3, 4
MOST_BATCHES = 8
"""Times the plan's batch up to which eager ones are tried."""
RANKS_SECONDS, RANKS_SECONDS_MORE = 600, 10
"""For all ranks to end, and for the others to end after one that failed."""

Result = dict[str, Any]


def equal(request: Result) -> Result:
    """Eager, traced and planned steps, the arena filled with 0xFF before each, bit for bit."""
    subject = Subject(request)
    start, steps, engine = Start(subject), request["steps"], subject.step.engine
    ways = {"eager": subject.eager, "eager again": subject.eager}
    ways |= {"traced": subject.traced, "planned": subject.planned}
    found = {}
    for name, way in ways.items():
        start.restore()
        engine.poison = name == "planned"
        found[name] = run(subject, way, steps)
    problems = []
    for name in ("eager again", "traced", "planned"):
        problems += differing("eager", name, differences(found["eager"], found[name]))
    report, plan, counters = engine.report, subject.plan, engine.counters
    if not report.planned:
        problems.append(f"not at planned addresses: {report.reason}")
    elif engine.pointers_checked + len(report.unmatched) < len(plan.instances) - guarded(plan):
        problems.append(f"only {engine.pointers_checked} of {len(plan.instances)} pointers were seen")
    if counters is not None and counters.missed + counters.overlapped:
        problems.append(f"{counters.missed} requests missed, {counters.overlapped} overlapped")
    return {
        "problems": problems,
        "ops": len(plan.ops),
        "pointers": engine.pointers_checked,
        "unmatched": len(report.unmatched),
        "planned_bytes": report.planned_bytes,
        "fragmentation": plan.height_bytes - plan.peak_bytes,
        "arena_bytes": report.arena_bytes,
        "kept": report.addresses_kept,
        "temporaries": report.temporaries,
        "adapter": report.adapter,
        "adapter_reason": report.adapter_reason,
        "transfers": report.transfers,
        "host_bytes": report.host_bytes,
        "repeated": report.repeated,
        "whole_norms": report.whole_norms,
    }


def guarded(plan: Any) -> int:
    """Results of ops that need not run in each step."""
    return sum(made >= 0 for slot in plan.guarded for made in plan.created[slot])


def corrupted(request: Result) -> Result:
    """Plans with overlapping storages, and changed steps, are refused; missing waits are found out."""
    original = Path(request["folder"])
    export = import_export(original)
    problems = []
    for name, change in (("two storages on one address", overlapping), ("another op", another_op)):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "planned"
            shutil.copytree(original, folder)
            change(folder)
            try:
                replay("plan_reading").read_plan(folder)
                problems.append(f"a plan with {name} was not refused")
            except export.ReplayError:
                pass
    source = (original / "planned.py").read_text()
    mistakes = {
        "never waits for an offload": without_waits(source, "offload"),
        "never waits for a prefetch": without_waits(source, "prefetch"),
        "never waits for a state from the host": without_waits(source, "bring"),
        "draws new numbers in what runs again": re.sub(r" *again\.(rewind|resume)\(.*\n", "", source),
        "moves running statistics again": re.sub(r"aten_clone_default\((\w+_var)\)", r"\1", source),
    }
    mistakes = {what: wrong for what, wrong in mistakes.items() if wrong != source}
    subject = Subject(request) if mistakes else None
    for what, wrong in mistakes.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "planned"
            shutil.copytree(original, folder)
            reseal(folder, wrong)
            if not shows(subject, folder):
                problems.append(f"nothing showed that a step {what}")
    return {"problems": problems, "mistakes": len(mistakes)}


def without_waits(source: str, kind: str) -> str:
    """The step that never waits for its copies of that kind."""
    for number in re.findall(rf"transfers\.{kind}\((\d+)", source):
        source = re.sub(rf" *transfers\.wait\({number}\)\n", "", source)
    return source


def reseal(folder: Path, source: str) -> None:
    """Put another planned step into an export; the digest is right again."""
    (folder / "planned.py").write_text(source)
    record = json.loads((folder / "plan.json").read_text())
    record["files"]["planned.py"] = hashlib.sha256(source.encode()).hexdigest()
    (folder / "plan.json").write_text(json.dumps(record))


def shows(subject: Subject, folder: Path) -> bool:
    """Whether the step of ``folder`` is refused, or differs, when its copies come late."""
    start, made = Start(subject), subject.made
    expected = run(subject, subject.traced, 2)
    start.restore()
    step = replay("loading").load(folder, made.module, made.optimizer, made.options.scaler)
    step.engine.poison = True
    try:
        found = run(subject, lambda: step(made.inputs, made.target), 2)
    except subject.export.ReplayError:
        return True
    finally:
        start.restore()
    return bool(differences(expected, found))


def overlapping(folder: Path) -> None:
    """Put one instance where another lives at the same time; the digest is right again."""
    path = folder / "plan.json"
    file = json.loads(path.read_text())
    boxes = file["plan"]["instances"]
    one, other = next(
        (a, b) for a in boxes for b in boxes if a[1] != b[1] and a[2] < b[3] and b[2] < a[3]
    )
    one[1] = min(other[1], file["plan"]["height_bytes"] - one[0])
    file["digest"] = replay("plan_data").content_digest(file["plan"])
    path.write_text(json.dumps(file))


def another_op(folder: Path) -> None:
    """Change the generated step."""
    path = folder / "planned.py"
    path.write_text(path.read_text().replace("aten.", "aten. ", 1))


def memory(request: Result) -> Result:
    """What the allocator gave out and reserved, against resident + arena + scratch."""
    subject = Subject(request)
    device = subject.step.engine.device
    subject.step.bind(subject.made.inputs, subject.made.target)
    device.warm_up()
    subject.synchronize()
    device.release_cached()
    before = device.memory()
    subject.planned()
    device.reset_peak()
    for _ in range(request["steps"]):
        result = subject.planned()
    subject.synchronize()
    after, report = device.memory(), subject.step.engine.report
    counters = subject.step.engine.counters
    escaped = sum(-(-t.nbytes // 512) * 512 for t in tensors(result)) * 2
    arena = report.arena_bytes
    stated = before.allocated + arena + counters.scratch_peak + escaped
    # The arena begins at a whole page, and what is asked for is rounded up to segments.
    segment = SMALL_SEGMENT if MIB < arena < SMALL_ARENA else -(-(arena + 4096) // SEGMENT) * SEGMENT
    reserved = before.reserved + segment + counters.scratch_peak
    problems = []
    if after.allocated_peak > stated + SEGMENT:
        problems.append(f"{after.allocated_peak:,} bytes were allocated, stated are {stated:,}")
    if after.reserved_peak > reserved + SEGMENT:
        problems.append(f"{after.reserved_peak:,} bytes are reserved, stated are {reserved:,}")
    return {
        "problems": problems,
        "resident": before.allocated,
        "resident_reserved": before.reserved,
        "scratch": counters.scratch_peak,
        "allocated_peak": after.allocated_peak,
        "reserved": after.reserved_peak,
        "excess": after.reserved_peak - before.reserved - arena - counters.scratch_peak,
        "cap": after.reserved_peak + 2 * SEGMENT,
    }


def graph(request: Result) -> Result:
    """Steps replayed as a graph against eager ones; dropout differs from replay to replay."""
    subject = Subject(request, cuda_graph=True)
    start, steps = Start(subject), GRAPH_WARM_UP + request["steps"]
    start.restore()
    due = run(subject, subject.eager, steps)
    start.restore()
    found = run(subject, subject.planned, steps)
    problems = differing("eager", "the graph", differences(due, found))
    report, plan = subject.step.engine.report, subject.plan
    numbers = {kind for kind, _ in plan.scalars}
    possible = subject.device.type == "cuda" and "scaler" not in plan.options
    if possible and not any(kind.startswith("adam.") for kind in numbers) and not report.graphed:
        problems.append(f"no graph: {report.graph_reason}")
    if report.graphed and plan.mode == "train" and any("dropout" in op for op in plan.ops):
        saved = state(subject)
        values = []
        for _ in range(2):
            with torch.no_grad():
                for name, tensor in subject.made.module.named_parameters():
                    tensor.copy_(saved[name])
            values.append([t.detach().cpu() for t in tensors(subject.planned())])
        if all(map(torch.equal, *values)):
            problems.append("dropout is the same in two replays")
    return {"problems": problems, "graphed": report.graphed, "reason": report.graph_reason}


def trains(request: Result) -> Result:
    """Whether planned steps fit under the cap, and the largest batch of eager ones that does."""
    plan = replay_plan(Path(request["folder"]))
    use_attention_of(plan)
    # The fraction is of what cudaMemGetInfo says, which is less than the card has.
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(min(1.0, request["cap"] / total))
    problems = []
    if not fits(lambda: eager_or_planned(request, plan, None)):
        problems.append(f"planned steps of batch {plan.batch} do not fit into {request['cap']:,} bytes")
    low, high = 0, plan.batch
    while high <= MOST_BATCHES * plan.batch and fits(
        lambda batch=high: eager_or_planned(request, plan, batch)
    ):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if fits(lambda batch=middle: eager_or_planned(request, plan, batch)):
            low = middle
        else:
            high = middle
    return {"problems": problems, "planned_batch": plan.batch, "eager_batch": low}


def eager_or_planned(request: Result, plan: Any, batch: int | None) -> None:
    """Two steps: eager ones of ``batch``, planned ones where that is None."""
    if batch is None:
        subject = Subject(request, strict=False)
        way = subject.planned
    else:
        made, eager_step = build(plan, batch, torch.device(plan.device))
        for group in made.optimizer.param_groups if made.optimizer else ():
            group["foreach"] = None

        def way() -> Any:
            return eager_step(made)

    for _ in range(2):
        way()
    torch.cuda.synchronize()


def fits(steps: Callable[[], None]) -> bool:
    """Whether ``steps`` end without running out of memory."""
    is_out_of_memory = replay("out_of_memory").is_out_of_memory
    try:
        steps()
        return True
    except Exception as error:
        if not is_out_of_memory(error) and "memory" not in str(error):
            raise
        traceback.clear_frames(error.__traceback__)
        return False
    finally:
        gc.collect()
        torch.cuda.empty_cache()


def duration(request: Result) -> Result:
    """Median seconds of a step: eager as by default, planned, as a graph; interleaved."""
    settle(deterministic=False)
    subject = Subject(request, strict=False)
    for group in subject.made.optimizer.param_groups if subject.made.optimizer else ():
        group["foreach"] = None
    made = subject.made
    ways = {"eager": subject.eager, "planned": subject.planned}
    graphed = None
    if subject.device.type == "cuda":
        graphed = subject.loaded(cuda_graph=True)
        ways["graph"] = lambda: graphed(made.inputs, made.target)
    clock = time.perf_counter if subject.device.type == "cuda" else time.process_time
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + GRAPH_WARM_UP + request["rounds"]):
        for name, way in ways.items():
            subject.synchronize()
            begin = clock()
            way()
            subject.synchronize()
            if number >= WARM_UP + GRAPH_WARM_UP:
                found[name].append(clock() - begin)
    median = {name: statistics.median(times) for name, times in found.items()}
    result: Result = {"problems": [], "eager_seconds": median["eager"]}
    result["planned_ratio"] = median["planned"] / median["eager"]
    if graphed is not None and graphed.report.graphed:
        result["graph_ratio"] = median["graph"] / median["eager"]
    return result


def ranks(request: Result) -> Result:
    """Two ranks, or one where there is one GPU only, against DistributedDataParallel."""
    plan = replay_plan(Path(request["folder"]))
    if not plan.options.get("distributed"):
        return {"problems": []}
    count = min(2, torch.cuda.device_count()) if plan.device == "cuda" else 2
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "request.json").write_text(json.dumps(request))
        results = [place / f"{rank}.json" for rank in range(count)]
        command = [sys.executable, str(HERE / "ranks.py"), str(place / "request.json")]
        running = [
            subprocess.Popen([*command, str(result), str(rank), str(count), str(place / "store")])
            for rank, result in enumerate(results)
        ]
        end = time.monotonic() + RANKS_SECONDS
        while time.monotonic() < end and any(process.poll() is None for process in running):
            pairs = zip(running, results, strict=True)
            if any(p.poll() is not None and found_by(p, r) for p, r in pairs):
                # The others may wait for it in vain.
                end = min(end, time.monotonic() + RANKS_SECONDS_MORE)
            time.sleep(0.1)
        for process, result in zip(running, results, strict=True):
            process.kill()
            process.wait()
            problems += found_by(process, result)
    return {"problems": problems, "ranks": count}


def found_by(rank: subprocess.Popen[bytes], result: Path) -> list[str]:
    """The problems that a rank wrote down before it ended."""
    if not result.is_file():
        return [f"a rank ended with {rank.returncode}"]
    problems: list[str] = json.loads(result.read_text())
    return problems


def compiled(request: Result) -> Result:
    """torch.compile with the plan of an inference step behind it, against eager calls."""
    subject = Subject(request)
    if subject.plan.training:
        return {"problems": []}
    made = subject.made
    backend = subject.export.bayplan_backend(strict=True)
    module = type(made)(**{**vars(made), "module": torch.compile(made.module, backend=backend)})
    steps = request["steps"] + 1
    due = run(subject, subject.eager, steps)
    found = run(subject, lambda: subject.eager_step(module), steps)
    problems = differing("eager", "torch.compile", differences(due, found))
    problems += [f"runs without the plan: {reason}" for reason in backend.reasons]
    if not problems and backend.calls != request["steps"]:
        problems.append(f"only {backend.calls} of {steps} calls ran as planned")
    return {"problems": problems, "compiled": True}


CHECKS = {
    "equal": equal,
    "ranks": ranks,
    "compiled": compiled,
    "corrupted": corrupted,
    "memory": memory,
    "graph": graph,
    "trains": trains,
    "duration": duration,
}


def main(request_file: str, result_file: str) -> int:
    """Carry out one check; 0 also where it found problems."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    warnings.filterwarnings("ignore", message=".*deterministic")
    settle(deterministic=True)
    try:
        result = CHECKS[request["check"]](request)
    except Exception as error:
        last = traceback.format_exc().strip().splitlines()[-12:]
        result = {"problems": [f"{type(error).__name__}: {error}"], "traceback": last}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

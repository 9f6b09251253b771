"""The texts of an export that do not come from the plan's actions."""

from solver.plan import Plan
from solver.step import Category, Step

INIT = '''"""A planned step, written by Bayplan. ``from THIS_FOLDER import load``; see README.md."""

from pathlib import Path

from .replay.adapters import choose
from .replay.compiling import bayplan_backend as _backend
from .replay.errors import ReplayError
from .replay.loading import PlannedStep
from .replay.loading import load as _load

__all__ = ["PlannedStep", "ReplayError", "bayplan_backend", "install_pluggable", "load"]


def install_pluggable():
    """Replace PyTorch's CUDA allocator, for ``load(..., adapter="pluggable")``.

    To be called before anything of this process uses CUDA memory; raises ReplayError where it is late.
    """
    choose("cuda", "pluggable", "")


def load(
    model,
    optimizer=None,
    scaler=None,
    *,
    process_group=None,
    adapter="auto",
    cuda_graph=False,
    strict=False,
):
    """The planned step of ``model``: ``step(inputs, target)`` returns the loss.

    ``scaler`` is the torch.amp.GradScaler of a step that was captured with one.
    ``process_group`` holds the ranks of a step that was captured with ``distributed``; None:
    the default group. Rank 0's parameters and buffers are the ones that all begin with.
    An inference step takes no optimizer, and ``step(inputs)`` returns what the model returns.
    ``adapter`` ("auto", "native", "pluggable") is how the plan gets into PyTorch's allocator for CUDA;
    the pluggable one must be installed first, with ``install_pluggable``.
    ``cuda_graph`` replays the step as one CUDA graph where that is possible; ``step.report`` says so.
    ``strict`` raises when memory is not served as planned. Raises ReplayError for a model, an
    optimizer or a device that the plan was not made for.
    """
    return _load(
        Path(__file__).parent,
        model,
        optimizer,
        scaler,
        process_group=process_group,
        adapter=adapter,
        cuda_graph=cuda_graph,
        strict=strict,
    )


def bayplan_backend(folder=Path(__file__).parent, *, adapter="auto", cuda_graph=False, strict=False):
    """A backend for torch.compile that runs the inference step exported into ``folder``: this one.

    ``torch.compile(model, backend=bayplan_backend())``; graphs that are not the plan's run as without
    a backend, and a warning says why.
    """
    return _backend(folder, adapter=adapter, cuda_graph=cuda_graph, strict=strict)
'''

MAIN = '''"""``python -m THIS_FOLDER``: the self-test."""

import sys
from pathlib import Path

from .replay.selftest import main

sys.exit(main(Path(__file__).parent, sys.argv[1:]))
'''

SELFTEST = '''"""``python selftest.py``: runs the planned step on random data, bit for bit."""

import importlib
import sys
from pathlib import Path

_folder = Path(__file__).resolve().parent

if __name__ == "__main__":
    # The folder is a package: it must be found by its name, and its files only in it.
    sys.path[0] = str(_folder.parent)
    selftest = importlib.import_module(f"{_folder.name}.replay.selftest")
    sys.exit(selftest.main(_folder, sys.argv[1:]))
'''

_ON_CUDA = """Model, optimizer and batches must be on one GPU. `load(..., cuda_graph=True)` replays
the step as one CUDA graph: for that the update must have no numbers of Python's in it (`fused=True`,
`capturable=True`, a tensor as learning rate; those of plain SGD do not change). Where there is no
graph `step.report.graph_reason` says why. `load(..., adapter="pluggable")`, after
`install_pluggable()`, is for machines where the adapter for PyTorch's own caching allocator cannot
be compiled.

"""


_ON_RANKS = """The step runs on every rank of a process group: call `init_process_group()` before
`load`, pass `process_group=` for another than the default one, and give every rank this same folder,
a batch of its own, and the model itself, not one wrapped in `DistributedDataParallel`. What that does
with its defaults the step does: it begins with rank 0's parameters and buffers, takes over rank 0's
buffers in each step, and divides gradients by the number of ranks and all-reduces them, in place, by
torch.distributed. On two ranks that is bitwise equal to `DistributedDataParallel`; on more, sums may
be rounded otherwise, as it reduces gradients in buckets and this step one by one. A gradient's memory
is free right after its update, which leaves less time to communicate during the backward pass."""

_COMPILED = """`torch.compile` is another way in: with `from FOLDER import bayplan_backend`, say
`torch.compile(model, backend=bayplan_backend())`. A graph's first call is watched; from the second on
it runs as planned where its ops, their arguments and shapes are exactly the plan's. So gradients must
be off (`torch.no_grad()`), the model in evaluation mode, the batch as captured, no autocast around,
and the graph whole; which module it is does not matter. Every other graph runs as it is, and a
warning and the backend's `reasons` say why."""


def readme(step: Step, plan: Plan, name: str) -> str:
    """README.md of the export called ``name``."""
    origin = step.origin
    if origin.training:
        scaled = "scaler" in origin.options
        load = "load(model, optimizer, scaler)" if scaled else "load(model, optimizer)"
        use = f"""from {name} import load

step = {load + "  ":<28}# your model and your torch.optim optimizer, as captured
for inputs, target in batches:     # the captured batch size and dtypes
    loss = step(inputs, target)    # forward, backward and update"""
        owners = (
            "Parameters, buffers and optimizer state are updated in place, so that `state_dict()`,\n"
            "evaluation and learning rate schedulers work between steps as ever. Do not call\n"
            "`loss.backward()` or `optimizer.step()`: the step has done both. `.grad` is not used."
        )
        if scaled:
            owners += (
                "\nThe same holds for your `torch.amp.GradScaler`: the step scales the loss, unscales\n"
                "the gradients, and updates the scale alone where one of them is not finite."
            )
        if parts := origin.options.get("micro_batches"):
            owners += (
                f"\nPass the whole batch: it is run in {parts} parts, whose gradients are added up."
            )
        if origin.options.get("distributed"):
            owners += f"\n\n{_ON_RANKS}"
    else:
        use = f"""from {name} import load

step = load(model.eval())          # your model, as captured
output = step(inputs)              # the captured batch size and dtypes"""
        owners = "Parameters and buffers are read from your model each time.\n\n" + _COMPILED.replace(
            "FOLDER", name
        )
    if (again := len(plan.order) - len(set(plan.order))) > 0:
        owners += (
            f"\n\n{again:,} runs are repetitions, which make again what was not kept: they draw the\n"
            "random numbers that the first run drew, and move no running statistics."
        )
    if plan.rewrites:
        owners += (
            f"\n\n{len(plan.rewrites):,} rewrites let ops run in another way than captured, of which\n"
            "`traced.py` knows nothing."
        )
    kind = "pinned host" if origin.target == "cuda" else "other"
    if parked := len(plan.host_slots) - len(plan.homes):
        owners += (
            f"\n\n{parked:,} storages are in {kind} memory for part of the step: copied\n"
            "there and back beside the ops, which wait where they must. `step.report.host_bytes` says\n"
            "what that takes."
        )
    if plan.homes:
        owners += (
            f"\n\n{_living(step, plan)} live in {kind} memory and are on the\n"
            "device only around their uses. `state_dict()` has them as ever. Before the model or\n"
            "`optimizer.step()` is run eagerly call `step.release()`, which puts them on the device;\n"
            "the next `step(...)` takes them home again."
        )
    return f"""# {_plain(step.title)}

The step of {_plain(origin.model)} (`{_plain(origin.source)}`), batch {origin.batch}, on
{_plain(origin.target)}, as planned by Bayplan: {len(plan.order):,} ops, peak
{plan.peak_bytes:,} bytes, arena {plan.height_bytes:,} bytes. Fingerprint `{plan.fingerprint[:16]}`.

It needs torch (traced with {_plain(origin.torch) or "an unknown version"}) and nothing else. With this
folder's parent on the path:

```python
{use}
```

{owners}

{_ON_CUDA if origin.target == "cuda" else ""}The first step on a machine (a torch version, a
number of threads, a GPU) records which memory the ops ask for beyond their results, places that
too, and proves itself: the planned step must equal the unplanned one bit for bit, and every result
must lie where the plan has it. `step.report` says how it runs. The recording is kept in
`recordings/`. Planned addresses need a C++ compiler once (g++ or clang++); without one the step runs
in the planned order at any address, and says so.

`python -m {name}` (or `python selftest.py` in this folder) runs it on random data, planned against
traced, with the arena filled with 0xFF first. `bayplan verify {name}` compares it with eager training.

| file | what is in it |
|---|---|
| `planned.py` | the step in the planned order, one line an op |
| `traced.py` | the same step in program order, to compare with |
| `plan.json` | addresses, lifetimes, what is expected of model, optimizer and data |
| `replay/` | the allocator (C++, compiled on first use) and what drives it |
"""


def _plain(text: str) -> str:
    """``text`` without anything that means something to Markdown or ends a line."""
    return "".join(c if c.isprintable() and c not in "`|<>[]*\\" else "?" for c in text)[:200]


def _living(step: Step, plan: Plan) -> str:
    """What lives in host memory, in words."""
    weights = sum(step.storages[i].category is Category.PARAMETER for i in plan.homes)
    counted = [(weights, "weights"), (len(plan.homes) - weights, "states of the optimizer")]
    return " and ".join(f"{count:,} {what}" for count, what in counted if count)

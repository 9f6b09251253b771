"""From a trace to the JSON of a step: dead calls dropped, everything numbered anew.

The fields are those of the step file's format; the storages' categories and names are preliminary
where an op makes them, and filled in by the process that reads the step.
"""

from collections import Counter
from typing import Any

from .recorder import Call, Json, Recorder
from .trace import Trace

RESIDENT_CATEGORIES = {
    "parameter": "parameter",
    "buffer": "buffer",
    "optimizer": "optimizer state",
    "hyperparameter": "optimizer state",
    "gradient": "optimizer state",
    "scaler": "optimizer state",
    "input": "input",
    "target": "input",
    "constant": "constant",
}


def step_json(trace: Trace, origin: dict[str, Json], sources: list[dict[str, Json]]) -> dict[str, Json]:
    """The ``step`` object of a step file."""
    recorder = trace.recorder
    calls = _live_calls(trace)
    numbers = _Numbers(trace, calls)
    ops: list[dict[str, Json]] = []
    instructions: list[dict[str, Json]] = []
    counts: Counter[str] = Counter()
    used_sources = sorted({call.place.source for call in calls if call.place.source >= 0})
    source_number = {old: new for new, old in enumerate(used_sources)}
    for call in calls:
        if call.launches:
            ops.append(_op(call, numbers, counts, source_number.get(call.place.source, -1)))
        instructions.append(
            {
                "target": call.target,
                "args": [numbers.argument(each) for each in call.args],
                "kwargs": {key: numbers.argument(each) for key, each in call.kwargs.items()},
                "outputs": [numbers.output(value) for value in call.outputs],
                "tuple_result": call.tuple_result,
                "op": len(ops) - 1 if call.launches else -1,
                "guard": [numbers.argument(each) for each in call.guard],
            }
        )
    return {
        "origin": origin,
        "storages": _storages(trace, numbers),
        "ops": ops,
        "sources": [sources[index] for index in used_sources],
        "program": {
            "values": _values(recorder, numbers, calls),
            "instructions": instructions,
            "placeholders": [
                {"value": numbers.values[value], "role": role, "key": key}
                for value, role, key in recorder.placeholders
            ],
            "scalars": [{"kind": kind, "group": group} for kind, group in recorder.scalars],
            "constants": [
                {"value": numbers.values[value], "data": data}
                for value, data in recorder.constants.items()
                if value in numbers.values
            ],
            "outputs": [numbers.values[value] for value in trace.outputs],
            "output_tree": numbers.argument(trace.output_tree),
            "optimizer": _optimizer(trace),
        },
    }


def _live_calls(trace: Trace) -> list[Call]:
    """The calls that something outside the step depends on, and all that draw random numbers."""
    recorder = trace.recorder
    values = set(trace.outputs)
    storages = {index for index, storage in enumerate(recorder.storages) if storage.role}
    storages |= {recorder.values[value].storage for value in values}
    live: list[Call] = []
    for call in reversed(recorder.calls):
        if call.launches:
            needed = call.random or not storages.isdisjoint((*call.writes, *call.creates))
        else:
            needed = any(output in values for output in call.outputs if output is not None)
        if needed:
            live.append(call)
            values.update(call.uses)
            storages.update(call.reads)
    return live[::-1]


class _Numbers:
    """New numbers for the values and storages that are left, in the order they appear."""

    def __init__(self, trace: Trace, calls: list[Call]) -> None:
        recorder = trace.recorder
        self.values: dict[int, int] = {}
        self.storages: dict[int, int] = {}
        used = {value for call in calls for value in call.uses} | set(trace.outputs)
        for value, _, _ in recorder.placeholders:
            self._add(recorder, value)
        for value in recorder.constants:
            if value in used:
                self._add(recorder, value)
        for call in calls:
            for output in call.outputs:
                if output is not None and (output in used or call.launches):
                    self._add(recorder, output)

    def _add(self, recorder: Recorder, value: int) -> None:
        self.values.setdefault(value, len(self.values))
        self.storages.setdefault(recorder.values[value].storage, len(self.storages))

    def output(self, value: int | None) -> int | None:
        return None if value is None else self.values.get(value)

    def argument(self, item: Json) -> Json:
        if isinstance(item, list):
            return [self.argument(each) for each in item]
        if isinstance(item, dict):
            if item.keys() == {"value"} and type(item["value"]) is int:
                return {"value": self.values[item["value"]]}
            return {key: self.argument(each) for key, each in item.items()}
        return item

    def storage_list(self, storages: tuple[int, ...]) -> list[int]:
        return sorted(self.storages[storage] for storage in storages)


def _op(call: Call, numbers: _Numbers, counts: Counter[str], source: int) -> dict[str, Any]:
    target = call.target.partition(".")[2]
    base = target.partition(".")[0]
    name = f"{base}_{counts[base]}" if counts[base] else base
    counts[base] += 1
    return {
        "name": name,
        "target": target,
        "reads": numbers.storage_list(call.reads),
        "writes": numbers.storage_list(call.writes),
        "creates": numbers.storage_list(call.creates),
        "random": call.random,
        "phase": call.place.phase,
        "module": call.place.module,
        "source": source,
        "flops": call.flops,
    }


def _storages(trace: Trace, numbers: _Numbers) -> list[dict[str, Any]]:
    recorder = trace.recorder
    outputs = {recorder.values[value].storage for value in trace.outputs}
    return [
        {
            "size": recorder.storages[index].size,
            "category": RESIDENT_CATEGORIES.get(recorder.storages[index].role, "temporary"),
            "name": recorder.storages[index].name or trace.names.get(index, ""),
            "output": index in outputs,
        }
        for index in numbers.storages
    ]


def _values(recorder: Recorder, numbers: _Numbers, calls: list[Call]) -> list[dict[str, Any]]:
    names = {value: key for value, _, key in recorder.placeholders}
    for number, call in enumerate(calls):
        base = call.target.split(".")[1]
        for position, output in enumerate(call.outputs):
            if output is not None:
                names[output] = f"{base}_{number}" + (f".{position}" if position else "")
    result = []
    for index in numbers.values:
        value = recorder.values[index]
        result.append(
            {
                "name": names.get(index, "constant"),
                "dtype": str(value.dtype).removeprefix("torch."),
                "shape": list(value.shape),
                "stride": list(value.stride),
                "offset": value.offset,
                "storage": numbers.storages[value.storage],
            }
        )
    return result


def _optimizer(trace: Trace) -> dict[str, Any] | None:
    if trace.update is None:
        return None
    return {
        "name": trace.update.name,
        "groups": [
            {"parameters": list(group.parameters), "hyperparameters": group.hyperparameters}
            for group in trace.update.groups
        ],
    }

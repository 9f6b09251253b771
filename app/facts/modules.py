"""Which module of the model a storage belongs to. No Qt."""

from solver.step import Step, Storage


def storage_modules(step: Step) -> tuple[str, ...]:
    """The qualified module of every storage; empty where a step does not say.

    The module of the op that makes it; of what no op makes (parameters, states) the one that its name
    begins with.
    """
    made = {storage: op.module for op in step.ops for storage in op.creates}
    return tuple(
        made[index] if index in made else _owner(storage) for index, storage in enumerate(step.storages)
    )


def _owner(storage: Storage) -> str:
    """``layer1.0.conv1`` of ``layer1.0.conv1.weight`` and of ``layer1.0.conv1.weight/exp_avg``."""
    name = storage.name.split("/")[0].split(" ")[0]
    return name.rpartition(".")[0] if storage.resident and not storage.output else ""

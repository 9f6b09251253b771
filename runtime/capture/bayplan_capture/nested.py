"""The tensors of arguments, batches and results: in tuples, lists and dicts of any depth."""

from collections.abc import Iterator, Mapping

from torch import Tensor


def tensors(item: object) -> Iterator[Tensor]:
    """All tensors in ``item``, in order."""
    if isinstance(item, Tensor):
        yield item
    elif isinstance(item, tuple | list):
        for each in item:
            yield from tensors(each)
    elif isinstance(item, Mapping):
        for each in item.values():
            yield from tensors(each)

"""Parsed JSON into records, with strict types, from any thread."""

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_DESCRIBED: set[type] = set()
_DESCRIBING = threading.Lock()


class RecordError(ValueError):
    """Content that does not fit its record; the text says which part, and why."""


def read_record(content: Any, into: type[T]) -> T:
    """``content``, as ``json.loads`` gives it, as an ``into``: a dataclass or a msgspec Struct.

    Raises RecordError.
    """
    # msgspec describes a class at its first use and keeps the description on the class, where a
    # second thread finds it before it is complete: converting with such a one ends the process.
    if into not in _DESCRIBED:
        with _DESCRIBING:
            msgspec.json.Decoder(into)
            _DESCRIBED.add(into)
    try:
        return msgspec.convert(content, into)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise RecordError(str(error)) from None

"""Step and plan files: gzip JSON, versioned, read with strict types, written atomically.

A step file is ``{"format": "bayplan-step", "version": 1, "step": {...}}`` with the fields of
``solver.step``'s dataclasses; a plan file likewise with ``plan`` and ``solver.plan``'s, except that
actions are compact lists: ``["run", op, uses, creates, implementation]`` (at the end ``takes`` where
there are some, and True where it is fused), ``["free", instance]``, ``["offload", instance, host]``,
``["prefetch", host, instance]``. Pins are texts with indices (``solver.pin_text``).
"""

import gzip
import io
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from solver.errors import BayplanError
from solver.pin_text import decode_pin, parse_pins, pin_text
from solver.pins import Pins
from solver.plan import (
    Action,
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Provenance,
    Run,
    Status,
)
from solver.records import RecordError, read_record
from solver.step import Origin, Step
from solver.terms import Terms, impossible_terms
from solver.validate import MAX_NAME, validate_step

VERSION = 1
MAX_BYTES = 1 << 30
"""Largest file content (decompressed) that is read; a step of 20,000 ops has about 2^24."""

T = TypeVar("T")


@dataclass(frozen=True)
class _PlanRecord:
    """A plan as it lies in a file: ``Plan`` with compact actions."""

    fingerprint: str
    name: str
    instances: tuple[Instance, ...]
    actions: tuple[tuple[Any, ...], ...]
    peak_bytes: int
    height_bytes: int
    status: Status
    certificate: Certificate
    provenance: Provenance
    host_slots: tuple[HostSlot, ...] = ()
    pins: tuple[str, ...] = ()
    rewrites: tuple[str, ...] = ()
    terms: Terms | None = None


def encode_step(step: Step) -> bytes:
    """The content of a step file."""
    content = {"format": "bayplan-step", "version": VERSION, "step": _plain(step)}
    return _compress(content)


def decode_step(data: bytes, name: str) -> Step:
    """The step in a file's content; ``name`` is for messages. Raises BayplanError."""
    return decode_step_object(read_json(data, name), name)


def decode_step_object(content: Any, name: str) -> Step:
    """The step in a step file's parsed JSON. Raises BayplanError."""
    step = _convert(_checked(content, name, "bayplan-step").get("step"), Step, name)
    validate_step(step, name)
    return step


def encode_plan(plan: Plan) -> bytes:
    """The content of a plan file."""
    record = _plain(plan) | {"actions": [_encode_action(action) for action in plan.actions]}
    record["pins"] = [pin_text(pin) for pin in plan.pins]
    return _compress({"format": "bayplan-plan", "version": VERSION, "plan": record})


def decode_plan(data: bytes, name: str) -> Plan:
    """The plan in a file's content; ``name`` is for messages. Raises BayplanError.

    Only its form is checked here; whether it is right for its step is ``solver.check``'s to say.
    """
    content = _checked(read_json(data, name), name, "bayplan-plan")
    record = _convert(content.get("plan"), _PlanRecord, name)
    if len(record.name) > MAX_NAME:
        raise BayplanError(
            f"{name} is damaged: the plan has a name of {len(record.name):,} characters."
        )
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    try:
        values["actions"] = tuple(_decode_action(action) for action in record.actions)
    except (TypeError, ValueError, IndexError) as error:
        raise BayplanError(f"{name} has an action that no plan can have: {error}.") from None
    try:
        values["pins"] = tuple(decode_pin(text) for text in record.pins)
    except ValueError as error:
        raise BayplanError(f"{name} has a pin that no plan can have: {error}.") from None
    if record.terms is not None:
        for problem in impossible_terms(record.terms):
            raise BayplanError(f"{name} has terms that no plan can have: {problem}.")
    return Plan(**values)


def load_step(path: Path) -> Step:
    """Read a step file. Raises BayplanError."""
    return decode_step(read_bytes(path), path.name)


def save_step(step: Step, path: Path) -> None:
    """Write a step file atomically. Raises BayplanError."""
    write_atomic(path, encode_step(step))


def load_plan(path: Path) -> Plan:
    """Read a plan file. Raises BayplanError."""
    return decode_plan(read_bytes(path), path.name)


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan file atomically. Raises BayplanError."""
    write_atomic(path, encode_plan(plan))


def load_pins(path: Path, step: Step) -> Pins:
    """Read a file of pins, a JSON list of texts such as ``last 12``. Raises BayplanError."""
    content = read_json(read_bytes(path), path.name)
    if not isinstance(content, list) or not all(isinstance(text, str) for text in content):
        raise BayplanError(
            f'{path} does not hold pins: it must be a JSON list of texts such as ["last 12"].'
        )
    return parse_pins(step, content)


def load_origin(path: Path) -> Origin:
    """Only where a step comes from, for listings. Raises BayplanError."""
    content = _checked(read_json(read_bytes(path), path.name), path.name, "bayplan-step")
    step = content.get("step")
    return _convert(step.get("origin") if isinstance(step, dict) else None, Origin, path.name)


def read_bytes(path: Path) -> bytes:
    """A file's bytes, at most ``MAX_BYTES``; BayplanError where it cannot be read."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BayplanError(f"{path} has {size:,} bytes; at most {MAX_BYTES:,} can be read.")
        with path.open("rb") as file:
            # What is no ordinary file has no size, and may have no end.
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BayplanError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) > MAX_BYTES:
        raise BayplanError(f"{path} has more bytes than the {MAX_BYTES:,} that can be read.")
    return content


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that at any moment it is the old one or the whole new one."""
    with open_atomic(path) as file:
        file.write(data)


@contextmanager
def open_atomic(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes ``path``'s place when the block ends without an exception.

    Where ``path`` is a link, what it leads to is replaced, and the link stays. Raises BayplanError,
    also for a path that is no ordinary file: a device would be lost.
    """
    target = Path(os.path.realpath(path))
    # Not made from the name, which may be as long as a name can be.
    temporary = target.with_name(f".{secrets.token_hex(8)}")
    try:
        if path.exists() and not path.is_file():
            raise BayplanError(f"{path} cannot be written: it is no ordinary file. Give a file name.")
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise BayplanError(
            f"{path} cannot be written: {error.strerror or error}. Choose another place."
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_json(data: bytes, name: str) -> Any:
    """The JSON in ``data``, gunzipped when it is compressed. Raises BayplanError."""
    try:
        text = decompress(data, name) if data[:2] == b"\x1f\x8b" else data
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BayplanError(f"{name} is damaged: it is not valid JSON ({error}).") from None


def decompress(data: bytes, name: str) -> bytes:
    """The content of a gzip file, refused beyond ``MAX_BYTES``. Raises BayplanError."""
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BayplanError(f"{name} is damaged or cut short: {error}.") from None
    if len(content) > MAX_BYTES:
        raise BayplanError(f"{name} unpacks to more than {MAX_BYTES:,} bytes and is not read.")
    return content


def _checked(content: Any, name: str, expected: str) -> dict[str, Any]:
    """The parsed JSON of a file of ours, with its kind and version checked."""
    kind = content.get("format") if isinstance(content, dict) else None
    if not isinstance(content, dict) or kind != expected:
        what = {"bayplan-step": "a step file", "bayplan-plan": "a plan file"}
        found = f"; it is {what[kind]}" if isinstance(kind, str) and kind in what else ""
        raise BayplanError(f"{name} is not {what[expected]}{found}.")
    version = content.get("version")
    if version != VERSION:
        raise BayplanError(
            f"{name} has format version {version!r}; this program reads version {VERSION}. "
            "Use the Bayplan that wrote it, or a newer one."
        )
    return content


def _convert(content: Any, into: type[T], name: str) -> T:
    try:
        return read_record(content, into)
    except RecordError as error:
        raise BayplanError(f"{name} is damaged: {error}.") from None


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass instance's own fields (cached properties left out), for encoding."""
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _compress(content: dict[str, Any]) -> bytes:
    # A fixed time stamp: the same content gives the same bytes.
    return gzip.compress(msgspec.json.encode(content), compresslevel=6, mtime=0)


def _encode_action(action: Action) -> list[Any]:
    match action:
        case Run(op, uses, creates, implementation, takes, fused):
            more: list[Any] = [takes, True] if fused else [takes] if takes else []
            return ["run", op, uses, creates, implementation, *more]
        case Free(instance):
            return ["free", instance]
        case Offload(instance, host):
            return ["offload", instance, host]
        case Prefetch(host, instance):
            return ["prefetch", host, instance]


def _decode_action(action: tuple[Any, ...]) -> Action:
    kind, *rest = action
    match kind:
        case "run":
            op, uses, creates, implementation, *more = rest
            names = ("op", "uses", "creates", "implementation", "takes", "fused")
            given = [op, uses, creates, implementation, *more]
            return read_record(dict(zip(names[: len(given)], given, strict=True)), Run)
        case "free":
            (instance,) = rest
            return read_record({"instance": instance}, Free)
        case "offload":
            instance, host = rest
            return read_record({"instance": instance, "host": host}, Offload)
        case "prefetch":
            host, instance = rest
            return read_record({"host": host, "instance": instance}, Prefetch)
        case _:
            raise ValueError(f"unknown kind {kind!r}")

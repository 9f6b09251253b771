"""Parsed JSON becomes records with strict types, from any thread."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from solver.records import RecordError, read_record

THREADS_AT_ONCE = """
import sys, threading
from dataclasses import make_dataclass
from solver.records import read_record

sys.setswitchinterval(1e-6)
inner = [make_dataclass(f"Inner{i}", [("size", int), ("name", str)]) for i in range(200)]
outer = [make_dataclass(f"Outer{i}", [("parts", tuple[kind, ...])]) for i, kind in enumerate(inner)]
together = threading.Barrier(4)

def read():
    for kind in outer:
        together.wait()
        record = read_record({"parts": [{"size": 1, "name": "a"}]}, kind)
        assert record.parts[0].name == "a"

threads = [threading.Thread(target=read) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("read")
"""


@dataclass(frozen=True)
class _Point:
    x: int
    names: tuple[str, ...] = ()


def test_a_record_has_the_content_in_the_types_it_states() -> None:
    assert read_record({"x": 3, "names": ["a"]}, _Point) == _Point(3, ("a",))


@pytest.mark.parametrize(
    ("content", "words"),
    [({"x": "3"}, r"\$\.x"), ({}, "`x`"), ([], "object"), ({"x": 1, "names": [2]}, r"names\[0\]")],
)
def test_content_that_does_not_fit_is_refused_with_the_part_that_does_not(
    content: object, words: str
) -> None:
    with pytest.raises(RecordError, match=words):
        read_record(content, _Point)


def test_threads_that_read_the_same_kind_for_the_first_time_get_whole_records() -> None:
    """In a process of its own: what this is about ended the process natively."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", THREADS_AT_ONCE],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr

"""What the search field finds among recorded allocations."""

from pathlib import Path

import pytest

from app.facts.finding import parse_query
from app.snapshot.finding import FoundIn
from app.snapshot.recorded import Recorded, of_snapshot, of_table
from runtime.snapshot.excerpt import excerpt
from runtime.snapshot.tables import recording_of
from solver.errors import BayplanError
from solver.placement.csv_table import decode_table
from tests.runtime.snapshot.snapshots import snapshot


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    recording = recording_of(snapshot(700, seed=3), "made", lambda count, total: None)
    return of_snapshot(excerpt(recording), Path("made.pickle"))


@pytest.mark.parametrize("words", ["forward", "model.py:19", "backward main.py", "nobody"])
def test_an_allocation_is_found_by_any_words_of_its_stack(recorded: Recorded, words: str) -> None:
    expected = set()
    for rectangle in range(recorded.scene.count):
        stack = recorded.about(rectangle).stack
        lines = [f"{f.function} {f.file}:{f.line}".casefold() for f in stack]
        if all(any(word in line for line in lines) for word in words.split()):
            expected.add(rectangle)
    found = FoundIn(recorded).matching(parse_query(words)).tolist()
    assert set(found) == expected
    assert bool(expected) is (words != "nobody")
    starts = recorded.scene.start[found].tolist()
    assert starts == sorted(starts)


def test_bytes_are_those_that_were_requested(recorded: Recorded) -> None:
    assert recorded.part is not None
    requested = recorded.part.trace.allocations.size[recorded.part.allocation]
    one = int(requested[requested % 512 != 0][0])
    found = FoundIn(recorded).matching(parse_query(f">={one}B <={one}B")).tolist()
    assert found == [r for r in found if requested[r] == one] != []


def test_rows_of_a_table_are_found_by_name_and_size() -> None:
    text = "id,lower,upper,size\nconv1,3,5,100\nrelu,0,2,50\nconv2,1,4,100\n"
    table = of_table(decode_table(text.encode(), "x.csv"), Path("x.csv"))
    found = FoundIn(table)
    assert found.matching(parse_query("CONV")).tolist() == [2, 0]
    assert found.matching(parse_query("<100B")).tolist() == [1]
    assert found.matching(parse_query("")).tolist() == []


def test_a_shape_is_refused_in_words(recorded: Recorded) -> None:
    with pytest.raises(BayplanError, match="no shapes"):
        FoundIn(recorded).matching(parse_query("64x256"))

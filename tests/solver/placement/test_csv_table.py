"""minimalloc's CSV files: read in any order of columns, written with offsets, refused by line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.errors import BayplanError
from solver.placement import FREE, Forbidden
from solver.placement.csv_table import decode_table

PLAIN = b"id,lower,upper,size\na,0,3,4\nb,2,5,6\n"


def test_the_four_columns_make_a_plain_problem() -> None:
    problem = decode_table(PLAIN, "x.csv").problem({})
    assert problem.starts.tolist() == [0, 2]
    assert problem.ends.tolist() == [3, 5]
    assert problem.sizes.tolist() == [4, 6]
    assert (problem.alignments, problem.fixed, problem.arenas) == (None, None, None)
    assert (problem.name(1), problem.capacity_of(0)) == ("b", None)


@pytest.mark.parametrize(
    "content",
    [
        b"size,id,upper,lower\n4,a,3,0\n6,b,5,2\n",
        PLAIN.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN + b"\n",
        PLAIN + b"\r\n  \r\n",
        PLAIN.removesuffix(b"\n"),
        b'"id", lower,upper ,size\n"a",0, 3,4\nb,2,5,6\n',
    ],
)
def test_the_same_table_may_be_written_in_many_ways(content: bytes) -> None:
    problem, plain = decode_table(content, "x.csv").storages, decode_table(PLAIN, "x.csv").storages
    assert problem.names == plain.names
    for column in ("starts", "ends", "sizes"):
        assert getattr(problem, column).tolist() == getattr(plain, column).tolist()


def test_offsets_are_added_and_everything_else_stays() -> None:
    content = b'note,id,upper,lower,size\n"x, y",a,3,0,4\n,b,5,2,6\n'
    written = decode_table(content, "x.csv").encode(np.array([6, 0]))
    assert written == b'note,id,upper,lower,size,offset\n"x, y",a,3,0,4,6\n,b,5,2,6,0\n'


def test_offsets_of_an_earlier_run_are_replaced_and_bind_nothing() -> None:
    table = decode_table(b"id,offset,lower,upper,size\na,7,0,3,4\n", "x.csv")
    assert table.storages.fixed is None
    assert table.encode(np.array([1])) == b"id,offset,lower,upper,size\na,1,0,3,4\n"


def test_optional_columns_bind_where_a_cell_has_something() -> None:
    content = (
        b"id,lower,upper,size,alignment,fixed,arena\n"
        b"a,0,3,4,8,16,gpu1\nb,2,5,6,,,gpu0\nc,-4,5,6,2,0,gpu1\n"
    )
    table = decode_table(content, "x.csv")
    problem = table.problem(
        {"gpu0": 9, None: 100}, [("gpu1", Forbidden(1, 2)), (None, Forbidden(5, 6))]
    )
    assert problem.alignments is not None
    assert problem.fixed is not None
    assert problem.arenas is not None
    assert problem.alignments.tolist() == [8, 1, 2]
    assert problem.fixed.tolist() == [16, FREE, 0]
    assert (table.arena_names, problem.arenas.tolist()) == (("gpu1", "gpu0"), [0, 1, 0])
    assert problem.capacity == (100, 9)
    assert [(f.low, f.arena) for f in problem.forbidden] == [(1, 0), (5, 0), (5, 1)]


@pytest.mark.parametrize("names", [{"gpu7": 5}, {}])
def test_an_arena_without_storages_is_an_error(names: dict[str | None, int]) -> None:
    table = decode_table(b"id,lower,upper,size,arena\na,0,3,4,gpu0\n", "x.csv")
    with pytest.raises(BayplanError, match=r"No storage lies in the arena 'gpu7'\. .* 'gpu0'"):
        table.problem(names, [("gpu7", Forbidden(0, 1))])


def test_a_file_without_storages_is_a_problem_without_storages() -> None:
    table = decode_table(b"id,lower,upper,size\n", "x.csv")
    assert len(table.problem({None: 5}).sizes) == 0
    assert table.encode(np.zeros(0, np.int64)) == b"id,lower,upper,size,offset\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv is empty"),
        (b"\n \n", "x.csv is empty"),
        (b"id,lower,upper\na,0,3\n", "x.csv, line 1: the column 'size' is missing"),
        (b"\n0,0,3,4\n", "x.csv, line 2: the column 'id' is missing"),
        (b"id,lower,upper,size,size\na,0,3,4,4\n", "line 1: the column 'size' comes twice"),
        (PLAIN + b"c,2,5\n", "line 4: it has 3 cells, but there are 4 columns"),
        (PLAIN + b"c,2,5,6,7\n", "line 4: it has 5 cells"),
        (PLAIN + b"\n\nc,x,5,6\n", "line 6: lower is 'x', which is not a whole number"),
        (PLAIN + b"c,0,5,1.5\n", "line 4: size is '1.5', which is not a whole number"),
        (PLAIN + b"c,0,5,1_5\n", "line 4: size is '1_5'"),
        (PLAIN + b"c,0,5,\n", "line 4: size is ''"),
        (PLAIN + "c,0,5,٣\n".encode(), "line 4: size is '٣'"),
        (PLAIN + b"c,5,5,6\n", "line 4: upper is 5, not above lower, 5"),
        (PLAIN + b"c,6,5,6\n", "line 4: upper is 5, not above lower, 6"),
        (PLAIN + b"c,0,5,-6\n", "x.csv, line 4: size is -6; it must be at least 0"),
        (PLAIN + b"a,0,5,6\n", "line 4: the id 'a' was given in line 2 already"),
        (PLAIN + b",0,5,6\n", "line 4: the id is empty"),
        (
            PLAIN + b"c,0,5,4611686018427387905\n",
            "line 4: size is 4611686018427387905, which is beyond",
        ),
        (PLAIN + b"c,0,5," + b"9" * 9_000 + b"\n", "line 4: size is 9999"),
        (PLAIN + b"c,0,5,4611686018427387904\n", "x.csv: The storages need about 4.61e+18 bytes"),
        (
            b"id,lower,upper,size,alignment\na,0,1,5,0\n",
            "line 2: alignment is 0; it must be at least 1",
        ),
        (b"id,lower,upper,size,fixed\na,0,1,5,-1\n", "line 2: fixed is -1; it must be at least 0"),
        (b"id,lower,upper,size,gaps\na,0,9,5,3-4\n", "line 2: gaps in a lifetime are not supported"),
        (PLAIN + b"\xff,0,5,6\n", "line 4: this is not UTF-8 text"),
        (PLAIN + b'"c,0,5,6\n', "line 4: this is not valid CSV"),
        (PLAIN + b"c" * 200_000 + b",0,5,6\n", "line 4: this is not valid CSV"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(BayplanError) as error:
        decode_table(content, "x.csv")
    assert message in str(error.value)
    assert str(error.value).count("x.csv") == 1
    assert len(str(error.value)) < 300


@given(
    st.binary(max_size=60) | st.text("id,lowerupsz0123456789-\n\r\"' \x00", max_size=60).map(str.encode)
)
def test_no_content_is_a_bug(content: bytes) -> None:
    for data in (content, PLAIN + content):
        try:
            decode_table(data, "x.csv")
        except BayplanError:
            continue


@pytest.mark.parametrize("asked", [1, 5, 9, 13])
def test_reading_a_large_table_can_be_cancelled_at_any_stage(asked: int) -> None:
    rows = "".join(f"{n},{n},{n + 3},64\n" for n in range(10_000))
    count = 0

    def cancelled() -> bool:
        nonlocal count
        count += 1
        return count == asked

    with pytest.raises(BayplanError, match=r"Reading x\.csv was cancelled"):
        decode_table(f"id,lower,upper,size\n{rows}".encode(), "x.csv", cancelled=cancelled)
    assert count == asked


def test_reading_a_large_table_tells_how_far_it_is() -> None:
    rows = "".join(f"{n},{n},{n + 3},512\n" for n in range(20_000))
    told: list[float] = []
    decode_table(f"id,lower,upper,size\n{rows}".encode(), "x.csv", progress=told.append)
    assert told == sorted(told) and told[0] == 0.0
    assert len(set(told)) > 20 and 0.7 < told[-1] <= 1.0

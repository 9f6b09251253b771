"""Walks a pickle's opcodes without building anything, and writes it anew so that it can be streamed.

::

    dict "device_traces" list ( list ( event event … e list … e … .          as it was written
    dict "device_traces" list ( list ( event event … l J n \\x86 Q 0 list …   as it is built

What would be appended to a device's trace (or to the segments) is made a list of its own instead, and
handed over as a "persistent" object of the number n: the reader turns it into rows, and it is gone.
So that it is gone, nothing is memoised but what is fetched later; a first walk finds out what that is.

A stack of tags stands for the unpickler's. Whatever is not certain to be harmless (names, odd opcodes,
a trace that is referred to from elsewhere) is ``ODD``: such a file is to be read as it is.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from solver.compiled import inner_kernel, kernel

Bytes = npt.NDArray[np.uint8]
Tags = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int32]
Words = npt.NDArray[np.int64]

MORE, DONE, ODD, SHORT, TALL, FULL = range(6)
"""How a walk ended: there is more to do; at STOP; at something odd; the file is too short; the stack of
tags is too short; the memo is."""
POS, HEIGHT, MARKS, PUTS, FETCHED, COPY, TRACES_SEEN, TRACE_COUNT, SEGMENTS_SEEN = range(9)
"""Of the walk's state: position in the file, height of the stack, marks on it, entries of the memo,
those that are fetched, bytes still to be copied, and what was found."""
STATE: Final = 9
MARGIN: Final = 32
"""Bytes that must be in sight: an opcode, its argument, and as much of a text as is compared."""
ROOM: Final = 16
"""Bytes that one opcode may write, its text not counted."""
SEGMENTS: Final = -1
"""The number of the segments' batches."""

OTHER, MARK, KEY_TRACES, KEY_SEGMENTS, KEY_TIME, ITEM, ROOT, LISTS, TRACE, SEGMENT_LIST = range(10)
"""Tags. From ROOT on: what only the expected opcodes may take from the stack."""

PUSH, NUMBER, TEXT, SET_MARK, TO_MARK, INTO, ONE_INTO, PAIR_INTO, JOIN = range(9)
NEW_DICT, NEW_LIST, MEMOIZE, PUT, GET, PROTOCOL, FRAME, STOP, STRANGE = range(9, 18)
"""What an opcode does."""

_PLAIN: Final = {
    PUSH: {"N": 0, "\x88": 0, "\x89": 0, "G": 8, ")": 0, "\x8f": 0, "C": -1, "B": -4, "\x8b": -4}
    | {"\x8e": -8, "\x96": -8, "U": -1, "T": -4},
    NUMBER: {"J": 4, "K": 1, "M": 2, "\x8a": -1},
    TEXT: {"\x8c": -1, "X": -4, "\x8d": -8},
    SET_MARK: {"(": 0},
    TO_MARK: {"l": 0, "t": 0, "d": 0, "\x91": 0},
    INTO: {"e": 0, "u": 0, "\x90": 0},
    ONE_INTO: {"a": 0},
    PAIR_INTO: {"s": 0},
    JOIN: {"\x85": 0, "\x86": 0, "\x87": 0},
    NEW_DICT: {"}": 0},
    NEW_LIST: {"]": 0},
    MEMOIZE: {"\x94": 0},
    PUT: {"q": 1, "r": 4},
    GET: {"h": 1, "j": 4},
    PROTOCOL: {"\x80": 1},
    FRAME: {"\x95": 8},
    STOP: {".": 0},
}
"""By what it does every opcode that is known here, with the bytes of its argument; negative: of the
length of what follows."""

DOES = np.full(256, STRANGE, np.int8)
ARGUMENT = np.zeros(256, np.int8)
for _does, _codes in _PLAIN.items():
    for _code, _bytes in _codes.items():
        DOES[ord(_code)], ARGUMENT[ord(_code)] = _does, _bytes

_APPENDS, _SETITEMS = ord("e"), ord("u")
_TRACES_TEXT = np.frombuffer(b"device_traces", np.uint8).copy()
_SEGMENTS_TEXT = np.frombuffer(b"segments", np.uint8).copy()
_TIME_TEXT = np.frombuffer(b"time_us", np.uint8).copy()


@inner_kernel
def _equal(view: Bytes, at: int, length: int, text: Bytes) -> bool:
    inside = length == len(text) and at + length <= len(view)
    return inside and bool((view[at : at + length] == text).all())


@inner_kernel
def _little(view: Bytes, at: int, count: int) -> int:
    """An unsigned number of up to 8 bytes; negative where it does not fit 63 bits."""
    value = np.uint64(0)
    for i in range(count):
        value |= np.uint64(view[at + i]) << np.uint64(8 * i)
    return np.int64(value)  # type: ignore[return-value]


@inner_kernel
def _write_word(out: Bytes, at: int, code: int, value: int) -> None:
    out[at] = code
    for i in range(4):
        out[at + 1 + i] = (value >> (8 * i)) & 255


@inner_kernel
def _list_tag(tags: Tags, state: Words) -> int:
    """What a list is that is put upon this stack."""
    height = state[HEIGHT]
    below = tags[height - 1] if height else OTHER
    if below in (KEY_TRACES, KEY_SEGMENTS):
        one = state[MARKS] == 0 and height == 2
        # Keys and values take turns upon the mark.
        many = state[MARKS] == 1 and height >= 3 and tags[1] == MARK and height % 2 == 1
        if tags[0] == ROOT and (one or many):
            return LISTS if below == KEY_TRACES else SEGMENT_LIST
        return OTHER
    if below in (LISTS, TRACE) or (below == MARK and height > 1 and tags[height - 2] == LISTS):
        return TRACE
    return OTHER


@inner_kernel
def _dict_tag(tags: Tags, height: int) -> int:
    """What a dictionary is that is put upon this stack."""
    if height == 0:
        return ROOT
    below = tags[height - 1]
    if below == MARK and height > 1:
        below = tags[height - 2]
    return ITEM if below in (TRACE, SEGMENT_LIST, ITEM) else OTHER


@kernel
def walk(
    view: Bytes,
    base: int,
    size: int,
    state: Words,
    tags: Tags,
    kinds: Tags,
    numbers: Numbers,
    counts: Words,
    times: Words,
    out: Bytes,
    writing: bool,
) -> tuple[int, int]:
    """Go on through a pickle of ``size`` bytes of which ``view`` is what begins at ``base``.

    ``tags`` is the stack; by entry of the memo ``kinds`` has tags and ``numbers`` new numbers (-1: not
    fetched); ``counts`` and ``times`` (shape (2, devices): first and last) tell of traces. All are
    changed in place. When ``writing``, ``out`` gets the new pickle, and ``numbers`` must be what a walk
    that did not write has left. Returns how the walk ended, and the bytes written.
    """
    written = 0
    end = base + len(view)
    while True:
        pos = state[POS]
        if state[COPY] > 0:
            count = min(state[COPY], end - pos, len(out) - written)
            if count <= 0:
                # A file that was cut meanwhile has no more of a text.
                return (SHORT if pos >= size else MORE), written
            out[written : written + count] = view[pos - base : pos - base + count]
            written += count
            state[POS] += count
            state[COPY] -= count
            continue
        if pos >= size:
            return SHORT, written
        if pos >= end or (pos + MARGIN > end and end < size) or len(out) - written < ROOM:
            return MORE, written
        height = state[HEIGHT]
        if height + 1 >= len(tags):
            return TALL, written
        at = pos - base
        code = view[at]
        does = DOES[code]
        argument = abs(ARGUMENT[code])
        if pos + 1 + argument > size:
            return SHORT, written
        value = _little(view, at + 1, argument)
        text = value if ARGUMENT[code] < 0 else 0
        after = pos + 1 + argument + text
        if text < 0 or after > size or after < pos:
            return SHORT, written
        keep = True
        if does in (PUSH, NUMBER, TEXT):
            tag = OTHER
            if does == TEXT:
                at_text = at + 1 + argument
                if _equal(view, at_text, text, _TRACES_TEXT):
                    tag = KEY_TRACES
                elif _equal(view, at_text, text, _SEGMENTS_TEXT):
                    tag = KEY_SEGMENTS
                elif _equal(view, at_text, text, _TIME_TEXT):
                    tag = KEY_TIME
            elif (
                does == NUMBER
                and not writing
                and height
                and tags[height - 1] == KEY_TIME
                and 0 < state[TRACE_COUNT] <= times.shape[1]
                and text <= 8
            ):
                time = _little(view, at + 1 + argument, text) if text else value
                device = state[TRACE_COUNT] - 1
                if times[0, device] == 0:
                    times[0, device] = time
                times[1, device] = time
            tags[height] = tag
            state[HEIGHT] = height + 1
        elif does == SET_MARK:
            tags[height] = MARK
            state[HEIGHT] = height + 1
            state[MARKS] += 1
        elif does == NEW_DICT:
            tags[height] = _dict_tag(tags, height)
            state[HEIGHT] = height + 1
        elif does == NEW_LIST:
            tag = _list_tag(tags, state)
            if tag == LISTS:
                if state[TRACES_SEEN]:
                    return ODD, written
                state[TRACES_SEEN] = 1
            elif tag == SEGMENT_LIST:
                if state[SEGMENTS_SEEN]:
                    return ODD, written
                state[SEGMENTS_SEEN] = 1
            elif tag == TRACE:
                state[TRACE_COUNT] += 1
                if state[TRACE_COUNT] > len(counts):
                    return ODD, written
            tags[height] = tag
            state[HEIGHT] = height + 1
        elif does in (TO_MARK, INTO):
            if state[MARKS] == 0:
                return ODD, written
            first = height - 1
            special, lists_only = False, True
            while tags[first] != MARK:
                special = special or tags[first] >= ROOT
                lists_only = lists_only and tags[first] == TRACE
                first -= 1
            state[MARKS] -= 1
            state[HEIGHT] = first
            if does == TO_MARK:
                if special:
                    return ODD, written
                tags[first] = OTHER
                state[HEIGHT] = first + 1
            else:
                into = tags[first - 1] if first else MARK
                if into == MARK:
                    return ODD, written
                if into == LISTS:
                    if code != _APPENDS or not lists_only:
                        return ODD, written
                elif special and (into != ROOT or code != _SETITEMS):
                    return ODD, written
                if into in (TRACE, SEGMENT_LIST):
                    if code != _APPENDS:
                        return ODD, written
                    device = state[TRACE_COUNT] - 1 if into == TRACE else SEGMENTS
                    if into == TRACE and not writing:
                        counts[device] += height - first - 1
                    if writing:
                        out[written] = 108  # l
                        _write_word(out, written + 1, 74, device)  # J
                        out[written + 6] = 0x86
                        out[written + 7] = 81  # Q
                        out[written + 8] = 48  # 0
                        written += 9
                    keep = False
        elif does == ONE_INTO:
            if height < 2 or tags[height - 1] == MARK or tags[height - 2] == MARK:
                return ODD, written
            into, tag = tags[height - 2], tags[height - 1]
            if (tag >= ROOT or into == LISTS) and not (into == LISTS and tag == TRACE):
                return ODD, written
            if into in (TRACE, SEGMENT_LIST):
                device = state[TRACE_COUNT] - 1 if into == TRACE else SEGMENTS
                if into == TRACE and not writing:
                    counts[device] += 1
                if writing:
                    out[written] = 0x85
                    _write_word(out, written + 1, 74, device)
                    out[written + 6] = 0x86
                    out[written + 7] = 81
                    out[written + 8] = 48
                    written += 9
                keep = False
            state[HEIGHT] = height - 1
        elif does == PAIR_INTO:
            if height < 3:
                return ODD, written
            for i in range(1, 4):
                if tags[height - i] == MARK:
                    return ODD, written
            into = tags[height - 3]
            if tags[height - 2] >= ROOT or (tags[height - 1] >= ROOT and into != ROOT):
                return ODD, written
            if into > ROOT:
                return ODD, written
            state[HEIGHT] = height - 2
        elif does == JOIN:
            count = int(code) - 0x84
            if height < count:
                return ODD, written
            for i in range(1, count + 1):
                if tags[height - i] == MARK or tags[height - i] >= ROOT:
                    return ODD, written
            tags[height - count] = OTHER
            state[HEIGHT] = height - count + 1
        elif does in (MEMOIZE, PUT):
            entry = state[PUTS] if does == MEMOIZE else value
            if height == 0 or tags[height - 1] == MARK or entry > state[PUTS]:
                return ODD, written
            if entry >= len(kinds):
                return FULL, written
            if entry == state[PUTS]:
                state[PUTS] += 1
            kinds[entry] = tags[height - 1]
            if writing and numbers[entry] >= 0:
                _write_word(out, written, 114, numbers[entry])  # r
                written += 5
            keep = False
        elif does == GET:
            if value >= state[PUTS] or kinds[value] >= ITEM:
                return ODD, written
            if numbers[value] < 0:
                numbers[value] = state[FETCHED]
                state[FETCHED] += 1
            tags[height] = kinds[value]
            state[HEIGHT] = height + 1
            if writing:
                _write_word(out, written, 106, numbers[value])  # j
                written += 5
            keep = False
        elif does == PROTOCOL:
            if pos:
                return ODD, written
        elif does == FRAME:
            keep = False
        elif does == STOP:
            if height != 1 or tags[0] == MARK:
                return ODD, written
            if writing:
                out[written] = code
                written += 1
            state[POS] = after
            return DONE, written
        else:
            return ODD, written
        if writing and keep:
            out[written : written + 1 + argument] = view[at : at + 1 + argument]
            written += 1 + argument
            state[COPY] = text
            state[POS] = after - text
        else:
            state[POS] = after

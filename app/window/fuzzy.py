"""How well a few typed letters fit a name: in order, better at the beginnings of words. No Qt."""

START, WORD, NEXT, LETTER = 8, 6, 4, 1
"""What a letter counts: at the very beginning, at a word's, right after the one before, elsewhere."""
_NOTHING = -1


def score(typed: str, name: str) -> int:
    """How well ``typed`` fits ``name``: 0 where nothing is typed, -1 where it does not.

    The best way to find the letters of ``typed``, blanks apart, in their order in ``name``; of two
    names that fit equally the shorter one should come first.
    """
    wanted = "".join(typed.casefold().split())
    text = name.casefold()
    if not wanted:
        return 0
    # best[i]: of the letters so far, with the last of them at text[i].
    best = [_NOTHING] * len(text)
    for at, letter in enumerate(wanted):
        before, best = best, [_NOTHING] * len(text)
        reach = 0 if at == 0 else _NOTHING
        """The best of the letters before, ended anywhere left of here."""
        for i, found in enumerate(text):
            if found == letter and (reach >= 0 or (i and before[i - 1] >= 0)):
                here = START if i == 0 else WORD if not text[i - 1].isalnum() else LETTER
                best[i] = reach + here if reach >= 0 else _NOTHING
                if at and i and before[i - 1] >= 0:
                    best[i] = max(best[i], before[i - 1] + max(NEXT, here))
            if at and before[i] > reach:
                reach = before[i]
    return max(best, default=_NOTHING)

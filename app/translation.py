"""Texts that people see, in their language: ``tr("Open")``. Without Qt, as facts are.

- ``tr("Open")`` looks a text up in the one context ``Bayplan``. A sentence with figures has places for
  them, ``tr("{} of {}").format(n, all)``; a translation that wants them in another order numbers them,
  ``{1} ... {0}``. Sentences are whole: parts that are glued together fit English alone.
- ``plural("{} op", "{} ops", n)`` chooses by the count; a translation has a text for every plural form
  of its language.
- ``mark("Open")`` is for constants, which exist before the language is known: translators get to see
  the text, and where it is shown it goes through ``tr``.

``make translations`` collects the literals of all three into a ``.ts`` file for a translator (Qt
Linguist); what Linguist releases, ``resources/translations/bayplan_de.qm``, is used where it fits the
system's language. Without a window nothing is looked up, so the command line is English. A test finds
texts of the window without translation.
"""

from collections.abc import Callable

CONTEXT = "Bayplan"


LookUp = Callable[[str, str, str | None, int], str]
"""As ``QCoreApplication.translate``: context, text, its meaning, count; called from any thread."""

_look_up: LookUp | None = None


def look_up_with(translate: LookUp) -> None:
    """Translate texts by ``translate`` from now on, in the whole process."""
    global _look_up
    _look_up = translate


def tr(text: str) -> str:
    """``text`` in the language of the system, as far as there is a translation."""
    return text if _look_up is None else _look_up(CONTEXT, text, None, -1)


def mark(text: str) -> str:
    """``text`` itself: it is translated where it is shown."""
    return text


def plural(one: str, many: str, count: int) -> str:
    """``1 op``, ``2,410 ops`` of ``"{} op"`` and ``"{} ops"``; translations know it by ``many``."""
    found = many if _look_up is None else _look_up(CONTEXT, many, None, count)
    template = one if count == 1 and found == many else found
    return template.format(f"{count:,}")

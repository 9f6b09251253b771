"""Texts that people see, in their language: ``tr("Open")``.

Every fixed text of the window is the literal argument of ``tr``, which looks it up in the one context
``Bayplan``. ``make translations`` collects them into a ``.ts`` file for a translator (Qt Linguist);
what Linguist releases, ``resources/translations/bayplan_de.qm``, is used where it fits the system's
language. A sentence with figures has places for them, ``tr("{} of {}").format(n, all)``; a translation
that wants them in another order numbers them, ``{1} ... {0}``. A test finds texts that widgets are
given without it.
"""

from importlib import resources

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

CONTEXT = "Bayplan"


def tr(text: str) -> str:
    """``text`` in the language of the system, as far as there is a translation."""
    return QCoreApplication.translate(CONTEXT, text)


def load_translation(application: QCoreApplication) -> bool:
    """Use the translation for the system's language; False where there is none."""
    folder = resources.files("resources") / "translations"
    translator = QTranslator(application)
    if not translator.load(QLocale(), "bayplan", "_", str(folder)):
        return False
    return application.installTranslator(translator)

"""Loads what translators made: texts of the window are looked up by Qt."""

from importlib import resources

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from app.translation import look_up_with


def load_translation(application: QCoreApplication) -> bool:
    """Use the translation for the system's language; False where there is none."""
    look_up_with(QCoreApplication.translate)
    folder = resources.files("resources") / "translations"
    translator = QTranslator(application)
    if not translator.load(QLocale(), "bayplan", "_", str(folder)):
        return False
    return application.installTranslator(translator)

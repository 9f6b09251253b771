"""How the panels' own parts look: one style sheet, generated from a theme's tokens.

Labels say what they are by two dynamic properties: ``face`` is the size and weight (``title``,
``strong``, ``body``, ``caption``, ``code``), ``tone`` the colour (a token's name).
"""

from app.fonts import CODE_FAMILY
from app.theme import Theme

FACES = {
    "title": "font-size: 14px; font-weight: 600;",
    "strong": "font-size: 12px; font-weight: 600;",
    "body": "font-size: 12px; font-weight: 400;",
    "caption": "font-size: 11px; font-weight: 400;",
    "code": f"font-family: {CODE_FAMILY}; font-size: 11px;",
}

TONES = ("text", "text2", "text3", "accent", "ok", "warn", "error")


def panel_sheet(theme: Theme) -> str:
    """The style sheet that a panel sets on itself when the theme changes."""
    faces = [f'QLabel[face="{name}"] {{ {rules} }}' for name, rules in FACES.items()]
    tones = [f'QLabel[tone="{name}"] {{ color: {getattr(theme, name)}; }}' for name in TONES]
    tags = [
        f'QLabel[tag="{name}"] {{ color: {ink}; border: 1px solid {edge}; border-radius: 5px;'
        " padding: 1px 6px; font-size: 11px; }"
        for name, ink, edge in (
            ("accent", theme.accent, theme.accent),
            ("warn", theme.warn, theme.warn),
            ("ok", theme.ok, theme.ok),
            ("error", theme.error, theme.error),
            ("plain", theme.text2, theme.line2),
        )
    ]
    return "\n".join(
        [
            "QLabel { background: transparent; border: none; padding: 0; }",
            *faces,
            *tones,
            f'QWidget[surface="panel"] {{ background: {theme.panel}; }}',
            f'QFrame[rule="across"] {{ background: {theme.line}; border: none; max-height: 1px; }}',
            f'QFrame[rule="down"] {{ background: {theme.line}; border: none; max-width: 1px; }}',
            *tags,
            'QPushButton[kind="flat"] { padding: 2px 0; }',
            f'QFrame[badge="ok"] {{ background: {theme.ok_background}; border-radius: 6px; }}',
            f'QFrame[badge="plain"] {{ background: {theme.raised}; border-radius: 6px; }}',
            f"QTableView, QTreeView {{ background: {theme.panel}; border: none; outline: none;"
            f" color: {theme.text}; gridline-color: transparent;"
            f" selection-background-color: {theme.sel}; selection-color: {theme.text}; }}",
            "QTableView::item, QTreeView::item { border: none; padding: 0 8px; }",
            f"QTableView::item:selected, QTreeView::item:selected {{ background: {theme.sel};"
            f" color: {theme.text}; }}",
            f"QHeaderView {{ background: {theme.panel}; border: none; }}",
            f"QHeaderView::section {{ background: {theme.panel}; color: {theme.text3}; border: none;"
            " padding: 0 11px; font-size: 11px; font-weight: 400; }",
            f"QScrollArea, QScrollArea > QWidget > QWidget {{ background: {theme.panel}; }}",
        ]
    )

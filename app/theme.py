"""The window's colours and measures: one table of tokens for the dark and one for the light theme.

Nothing else in the program names a colour. Category fills were chosen for contrast and for the
colour-blind; two tints of activation tell neighbouring blocks of a model apart.
"""

from dataclasses import dataclass, field

from solver.step import Category


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``; see the window's specification for the role of each."""

    name: str
    win: str
    panel: str
    raised: str
    map: str
    sel: str
    line: str
    line2: str
    text: str
    text2: str
    text3: str
    accent: str
    button: str
    ok: str
    ok_background: str
    warn: str
    error: str
    activation_odd: str
    series: tuple[str, ...]
    """Colours without a meaning, told apart by the colour-blind; the last is that of others."""
    ramp: tuple[str, ...]
    """From short to long, ever lighter in the dark theme and ever darker in the light one."""
    fill: dict[Category, str] = field(default_factory=dict)

    @property
    def dark(self) -> bool:
        return self.name == "dark"


DARK = Theme(
    name="dark",
    win="#15171b",
    panel="#1b1e23",
    raised="#24282f",
    map="#111317",
    sel="#26334f",
    line="#2c3138",
    line2="#3d444e",
    text="#e8eaed",
    text2="#b0b7c1",
    text3="#99a1ad",
    accent="#8db4ff",
    button="#3564d4",
    ok="#5fcf97",
    ok_background="#1b3128",
    warn="#e8bb5e",
    error="#ff8a80",
    activation_odd="#385d94",
    series=(
        "#eaad13",
        "#3ac8ff",
        "#159667",
        "#fadc6f",
        "#2a5ec9",
        "#c3380f",
        "#c480ab",
        "#595d63",
    ),
    ramp=("#4a4585", "#41719f", "#2f9aa2", "#44c08a", "#9dda5c", "#fdf38a"),
    fill={
        Category.ACTIVATION: "#4470b2",
        Category.GRADIENT: "#d07e25",
        Category.PARAMETER: "#32a990",
        Category.TEMPORARY: "#e6e394",
        Category.WORKSPACE: "#e6e394",
        Category.OPTIMIZER_STATE: "#ed9ceb",
        Category.BUFFER: "#636363",
        Category.INPUT: "#636363",
        Category.CONSTANT: "#636363",
    },
)

LIGHT = Theme(
    name="light",
    win="#f1f2f4",
    panel="#ffffff",
    raised="#f0f2f5",
    map="#fcfcfd",
    sel="#dfe8fb",
    line="#dfe2e7",
    line2="#c2c8d0",
    text="#1a1d22",
    text2="#4b535f",
    text3="#5f6773",
    accent="#2456c7",
    button="#2b5fd9",
    ok="#0f7541",
    ok_background="#e4f3ea",
    warn="#855400",
    error="#b92c25",
    activation_odd="#bad0ed",
    series=(
        "#faa710",
        "#3dc7f0",
        "#29907d",
        "#f0dc43",
        "#395fa7",
        "#d45046",
        "#b767eb",
        "#a3a7ad",
    ),
    ramp=("#f9efa0", "#a6d373", "#50b387", "#2c8c95", "#3a5f96", "#46286a"),
    fill={
        Category.ACTIVATION: "#9abae4",
        Category.GRADIENT: "#ca7000",
        Category.PARAMETER: "#4c9d91",
        Category.TEMPORARY: "#e2ca52",
        Category.WORKSPACE: "#e2ca52",
        Category.OPTIMIZER_STATE: "#7f2b85",
        Category.BUFFER: "#6a6a6a",
        Category.INPUT: "#6a6a6a",
        Category.CONSTANT: "#6a6a6a",
    },
)

THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

"""Our colors: dark, light and high contrast. The terminal's own colors come from Textual's ansi themes."""

from __future__ import annotations

from textual.theme import Theme

DARK, LIGHT, CONTRAST = "oavr-dark", "oavr-light", "oavr-contrast"


def _bar(track: str) -> dict[str, str]:
    """What scrollbars run on. The usual track is darker than the screen, and looks like a gap in it."""
    names = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    return {**dict.fromkeys(names, track), "scrollbar-corner-color": track}


THEMES = (
    Theme(
        name=DARK,
        primary="#5FA8D3",
        secondary="#3E7CA6",
        accent="#F2A65A",
        warning="#E9C46A",
        error="#EF6F6C",
        success="#7BC47F",
        foreground="#E6E9EF",
        background="#14171D",
        surface="#1B1F27",
        panel="#252B36",
        dark=True,
        variables=_bar("#1B1F27"),
    ),
    Theme(
        name=LIGHT,
        primary="#1F6F9F",
        secondary="#4A90B8",
        accent="#B5541C",
        warning="#8A6200",
        error="#B3261E",
        success="#256D2B",
        foreground="#1B1F27",
        background="#FAFAF7",
        surface="#F0F0EB",
        panel="#E2E3DD",
        dark=False,
        variables=_bar("#E2E3DD"),
    ),
    Theme(
        name=CONTRAST,
        primary="#00D7FF",
        secondary="#00D7FF",
        accent="#FFD700",
        warning="#FFD700",
        error="#FF6B6B",
        success="#5FFF5F",
        foreground="#FFFFFF",
        background="#000000",
        surface="#1C1C1C",
        panel="#303030",
        dark=True,
        variables=_bar("#303030") | {"text-muted": "#D0D0D0"},
    ),
)

NAMES = {
    "dark": DARK,
    "light": LIGHT,
    "contrast": CONTRAST,
    "terminal": "ansi-dark",
    "terminal-light": "ansi-light",
}
"""What a person sets, and the theme that it means."""

LABELS = {
    "dark": "Dark",
    "light": "Light",
    "contrast": "High contrast",
    "terminal": "The terminal's own colors, on dark",
    "terminal-light": "The terminal's own colors, on light",
}

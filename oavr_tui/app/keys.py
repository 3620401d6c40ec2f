"""How keys are written for people."""

from __future__ import annotations

from oavr_tui.app.actions import Action

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "ampersand": "&",
    "vertical_line": "|",
    "escape": "Esc",
    "enter": "enter",
    "f1": "F1",
    "f5": "F5",
    "f8": "F8",
    "home": "Home",
    "end": "End",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


def shown_key(key: str) -> str:
    """One key: ^g, F1, ?, J."""
    if key.startswith("ctrl+"):
        return "^" + key.removeprefix("ctrl+")
    return _NAMES.get(key, key)


def shown_keys(action: Action) -> str:
    """All keys of an action, the first first."""
    return " ".join(shown_key(key) for key in action.keys.split(",")) if action.keys else ""

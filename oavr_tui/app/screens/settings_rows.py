"""What the Settings screen shows, as a table: sections, and in each what can be set, in a person's words."""

from __future__ import annotations

from dataclasses import dataclass

from oavr_tui.app.widgets.choice import Pick
from oavr_tui.settings import OPTIONS, Settings

_USUAL = Settings(videos_folder="")


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. option: its name in the settings file. picks: what can be chosen; empty for a text. unit: shown
    behind a text. empty: what no text means."""

    option: str
    label: str
    picks: tuple[Pick, ...] = ()
    unit: str = ""
    empty: str = ""

    @property
    def is_number(self) -> bool:
        return isinstance(getattr(_USUAL, OPTIONS[self.option].attribute), int | float) and not self.picks

    @property
    def widget_id(self) -> str:
        return "set-" + self.option.replace(".", "-").replace("_", "-")


_YES_NO = (Pick("yes", "Yes"), Pick("no", "No"))

SECTIONS: tuple[tuple[str, tuple[Row, ...]], ...] = (
    (
        "Full videos",
        (
            Row("pods.start_by_itself", "Start a studio by itself", _YES_NO),
            Row("pods.gpus", "Graphics cards, in order", empty="RTX 4090, L40S, RTX 6000 Ada, A6000, A40, A100, H100"),
            Row(
                "pods.cloud",
                "Cloud",
                (
                    Pick("any", "Either"),
                    Pick("community", "Community, cheaper", "Community"),
                    Pick("secure", "Secure, more reliable", "Secure"),
                ),
            ),
            Row("pods.price_cap", "One studio costs at most", unit="dollars an hour"),
            Row("pods.day_cap", "All together at most", unit="dollars a day (UTC)"),
            Row("pods.most", "Studios at once, at most"),
            Row("pods.idle_minutes", "Stop when idle for", unit="minutes"),
            Row("pods.terminate_after_hours", "Delete when stopped for", unit="hours; 0 for never"),
            Row("pods.volume", "Network volume", empty="none"),
            Row("pods.keeper", "Go on in the background", _YES_NO),
            Row("pods.template", "Template"),
            Row(
                "pods.control",
                "How RunPod is asked",
                (Pick("auto", "Automatic"), Pick("v2", "REST v2"), Pick("sdk", "SDK")),
            ),
        ),
    ),
    (
        "Videos",
        (
            Row(
                "generate.shape",
                "Shape",
                (
                    Pick("auto", "From the picture", "Auto"),
                    Pick("portrait", "Portrait"),
                    Pick("landscape", "Landscape"),
                    Pick("square", "Square"),
                ),
            ),
            Row(
                "generate.quality",
                "Quality",
                (Pick("draft", "Draft"), Pick("standard", "Standard"), Pick("high", "High")),
            ),
            Row("generate.audio_strength", "Audio strength", unit="0.5 to 2"),
            Row("videos.folder", "Folder"),
        ),
    ),
    (
        "Appearance",
        (
            Row(
                "app.theme",
                "Colors",
                (
                    Pick("dark", "Dark"),
                    Pick("light", "Light"),
                    Pick("contrast", "High contrast", "Contrast"),
                    Pick("terminal", "The terminal's, dark", "Terminal"),
                    Pick("terminal-light", "The terminal's, light", "Terminal light"),
                ),
            ),
            Row(
                "app.motion",
                "Motion",
                (Pick("auto", "Not over SSH", "Auto"), Pick("full", "Always"), Pick("none", "Never")),
            ),
            Row("app.pictures", "Pictures in the terminal", _YES_NO),
            Row("app.queue", "Queue in the Studio", (Pick("needed", "When there is one"), Pick("always", "Always"))),
            Row("app.bell", "Ring when a video ends", _YES_NO),
        ),
    ),
)

ROWS = {row.widget_id: row for _title, rows in SECTIONS for row in rows}


def shown_value(settings: Settings, row: Row) -> str:
    """The value in force as the screen shows it; the usual text of a setting that means "none" is empty."""
    value = settings.value(row.option)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def forced_by(settings: Settings, row: Row) -> str:
    """The environment variable that decides this setting; empty where the file or nothing does."""
    origin = settings.origin(row.option)
    return origin if origin == OPTIONS[row.option].variable else ""

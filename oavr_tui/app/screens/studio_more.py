"""The Studio's further options: what most people never need, folded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from oavr_tui import models  # those of pods are loaded when used: not for the first frame
from oavr_tui.app.live import Live
from oavr_tui.app.widgets.choice import Choice, Pick
from oavr_tui.app.widgets.text_field import TextField
from oavr_tui.text import safe, safe_url

if TYPE_CHECKING:
    from oavr_tui.models import Pod

QUALITIES = (
    Pick("draft", "Draft"),
    Pick("standard", "Standard"),
    Pick("high", "High"),
)
ANY = Pick("", "Any idle studio", hints=("on your RunPod",))


class Row(Horizontal):
    """A line of the form: its widgets, and its name where the first of them leaves room.

    The name is no widget: each costs the start about as much as a hundred lines of a list.
    """

    DEFAULT_CSS = "Row { height: auto; color: $text-muted; }"

    def __init__(self, label: str, *widgets: Widget, classes: str = "") -> None:
        super().__init__(*widgets, classes=classes)
        self._label = Content(label)

    def render(self) -> Content:
        return self._label


def field(name: str, placeholder: str) -> Input:
    """A text field of one line. name: the Draft's field, which is the widget's id, too."""
    return TextField(placeholder=placeholder, id=name)


class More(Vertical):
    """Quality, seed, audio strength, length, workflow, and which studio where there is a choice."""

    DEFAULT_CSS = """
    More {
        height: auto;
        & Input, & Choice { margin-left: 18; }
    }
    """
    TEXTS: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("seed", "Seed", "a new one each time"),
        ("strength", "Audio strength", "0.5 to 2: how much the voice moves the face"),
        ("max_seconds", "Length", "all of the voice, or its first seconds"),
        ("workflow", "Own workflow", "path of a ComfyUI graph saved in API format"),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self.texts: dict[str, Input] = {}
        """The text fields by the Draft's names of them; empty until they are first shown."""
        self._values = {name: "" for name, _label, _placeholder in self.TEXTS}
        self.quality = Choice(QUALITIES, "standard", id="quality")
        self.where = Choice((ANY,), "", column=True, id="on")
        self._where_row = Row("  Which studio", self.where)
        self._where_row.display = False

    class Laid(Message):
        """They have their place now, after they were unfolded."""

    def on_show(self) -> None:
        self.post_message(self.Laid())

    def unfold(self) -> None:
        """Show them; they are made when they are first shown."""
        if not self.texts:
            for name, _label, placeholder in self.TEXTS:
                self.texts[name] = field(name, placeholder)
                self.texts[name].value = self._values[name]
            rows = (Row(f"  {label}", self.texts[name]) for name, label, _placeholder in self.TEXTS)
            self.mount(Row("  Quality", self.quality), *rows, self._where_row)
        self.display = True

    @property
    def values(self) -> dict[str, str]:
        """What stands in the text fields, by the Draft's names of them."""
        return {name: text.value for name, text in self.texts.items()} or dict(self._values)

    def put(self, name: str, value: str) -> None:
        """Put something into a text field, as if it had been typed."""
        self._values[name] = value
        if name in self.texts:
            self.texts[name].value = value

    @property
    def shown_places(self) -> Sequence[Pick]:
        """The studios that can be chosen from; empty where there is no choice."""
        return self.where.picks if self._where_row.display else ()

    def show_places(self, live: Live, *, has_key: bool) -> None:
        """Offer the studios that there are now."""
        picks = places(live, self.where.value, has_key=has_key)
        self._where_row.display = bool(picks)
        self.where.show(picks or (ANY,))


def places(live: Live, chosen: str, *, has_key: bool) -> list[Pick]:
    """Where a full video can be made, as far as there is a choice. chosen: what was chosen before, kept in the list."""
    pods = [pod for pod in live.pods if takes_videos(pod) or pod.name == chosen]
    own = any(pod.kind is models.PodKind.ADDRESS for pod in pods)
    picks = [Pick(pod.name, safe(pod.name), hints=(_busy(live, pod),)) for pod in pods]
    if chosen and not any(pick.id == chosen for pick in picks):
        name = safe_url(chosen) if "://" in chosen else safe(chosen)
        picks.append(Pick(chosen, name, hints=("an address of your own",)))
        own = True
    if len(picks) < 2 and not own:
        return []
    return [ANY, *picks] if has_key or not own else picks


def takes_videos(pod: Pod) -> bool:
    """Whether a video can be given to a studio now, or as soon as it has started."""
    if pod.kind is models.PodKind.ADDRESS:
        return pod.state is not models.PodState.GONE
    return not pod.found and (pod.starting or pod.state is models.PodState.READY)


def own_addresses(live: Live) -> Iterable[Pod]:
    """Places of the person's own, which need no key."""
    return (pod for pod in live.pods if pod.kind is models.PodKind.ADDRESS and takes_videos(pod))


def _busy(live: Live, pod: Pod) -> str:
    if pod.starting:
        return "Starting"
    if pod.kind is models.PodKind.RUNPOD and pod.state is not models.PodState.READY:
        return pod.state.value.capitalize()
    jobs = sum(
        1 for job in live.jobs if not job.ended and (job.pod == pod.id or (not job.pod and job.request.on == pod.name))
    )
    return f"Busy - {jobs} job{'s' * (jobs != 1)}" if jobs else "Idle"

"""What the frame says: the headline, the entries of the sidebar with their badges, and the foot with the cost."""

from __future__ import annotations

from oavr_tui.app.license_words import in_headline
from oavr_tui.app.live import Live
from oavr_tui.app.next_steps import advice, why
from oavr_tui.app.widgets.one_line import Part
from oavr_tui.app.widgets.sidebar import Entry
from oavr_tui.models import Job, JobState

PLACES = {
    "studio": "oavr_tui.app.screens.studio:Studio",
    "videos": "oavr_tui.app.screens.videos:Videos",
    "pods": "oavr_tui.app.screens.pods:Pods",
    "settings": "oavr_tui.app.screens.settings:SettingsPane",
    "docs": "oavr_tui.app.screens.docs:Docs",
}
"""The screens of the sidebar, in the order of the keys 1 to 5, and where their classes are."""


MAKES_WAY_SECONDS = 5.0
"""How long the background may take to make way; who does not in that time is another window."""


def headline(live: Live, now: float, *, demo: bool, narrow: bool) -> tuple[list[Part], list[Part]]:
    """Left and right parts of the first line. now: unix seconds. narrow: there is little room."""
    name: list[Part] = [(" OpenAvathar", "strong", "app.go_studio")]
    looks_on = live.ready and not live.driving and now - live.looking_on_since > MAKES_WAY_SECONDS
    if demo:
        short = narrow or looks_on
        name.append(("  DEMO" if short else "  DEMO in fast motion: nothing here costs money", "key", ""))
    if looks_on:
        rest = "" if narrow or demo else "; this one looks on"
        return name, [(f"another window is at work{rest} ", "dim", "")]
    plan = "" if demo else in_headline(live.license, now, narrow=narrow)
    return name, [(f"{plan} ", "dim", "app.license" if live.ready else "")] if plan else []


def entries(live: Live) -> list[Entry]:
    """The sidebar's lines."""
    running = len(live.running_pods)
    return [
        Entry("studio", "✎", "Studio", str(live.active or "")),
        Entry("videos", "▤", "Videos", str(live.video_count or "")),
        Entry("pods", "☁", "Pods", f"{running} ●" if running else ""),
        Entry(""),
        Entry("settings", "⚙", "Settings"),
        Entry("docs", "?", "Docs"),
        Entry(""),
        Entry("quit", "×", "Quit"),
    ]


def foot(live: Live, now: float, since: float | None) -> tuple[str, str]:
    """What running studios cost an hour, and for how long they have been running; empty while none runs.

    since: when the first of them began to cost money, unix seconds; None where only their beginning is known.
    """
    if not live.running_pods:
        return "", ""
    from oavr_tui.models import PodState  # not for the first frame

    pods = [pod for pod in live.running_pods if pod.state is not PodState.ASKED]
    if not pods:
        return "", ""
    since = min(pod.created_at for pod in pods) if since is None else since
    return f"${sum(pod.per_hour for pod in pods):.2f}/h", duration(now - since)


def duration(seconds: float) -> str:
    """Hours and minutes, as 42m or 3h 05m."""
    minutes = max(int(seconds), 0) // 60
    return f"{minutes // 60}h {minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def title(live: Live) -> str:
    """The terminal's title: how far the video is that is being made."""
    making = [live.progress[job.id] for job in live.jobs if not job.ended and job.id in live.progress]
    return f"{making[0].percent:.0f} % · OpenAvathar" if making else "OpenAvathar"


def ending(job: Job) -> str:
    """One sentence on how a job ended."""
    if job.state is JobState.DONE:
        return f"✔ {job.title} is done, and in your videos: 2 goes there."
    if job.failure is None or job.state is JobState.CANCELLED:
        return f"– {job.title} was cancelled."
    return f"✘ {job.title}: {why(job)} {advice(job)}"

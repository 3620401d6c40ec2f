"""Foreign text that means harm, everywhere where foreign text may come from; and looking for what came through."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual._context import visible_screen_stack
from textual.pilot import Pilot

from oavr_tui.app.memory import Draft, Memory, save_memory
from oavr_tui.engine.wishes import new_job
from oavr_tui.errors import FailureCode
from oavr_tui.models import AUTO, PREVIEW, Failure, JobState, Pod, PodKind, PodState, Request
from oavr_tui.paths import Paths, private_dir
from oavr_tui.store.store import Store
from tests.app import shelves

MARKUP = "[@click=app.quit]x[/] [red]r[/red] [/y]"
ESCAPES = (
    "\x1b]52;c;Zm9yZWlnbg==\x07",  # writes the clipboard
    "\x1b]0;owned\x07",
    "\x1b]8;;http://owned\x1b\\",
    "\x1b[2J\x1b[31m",
    "\x1bP+q6f776e6564\x1b\\",
    "\x9b41m\x9d0;owned\x9c",
    "\x07\x00\x08\x7f\x0e",
)
BIDI = "\u202e\u2066\u200f"
PEOPLE = "名前👩‍👩‍👧 שלום e\u0301\u200b"
BAD = f"{MARKUP} {''.join(ESCAPES)}{BIDI}{PEOPLE}"
ODD_NAME = "a\udcffb"
"""What Python makes of a file's name that is not UTF-8."""
OURS = frozenset({"Cc", "Cs"})
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def short(name: str) -> str:
    """Foreign text that begins with a word to look for."""
    return f"{name} {BAD}"


def fill(home: Paths, pictures: Path) -> None:
    """Jobs, videos, pods, logs, a draft and files, all with names that mean harm."""
    picture = odd_file(pictures)
    request = Request(image=str(picture), audio=f"/v/{BAD}.wav", prompt=short("prompt"))
    store = Store(home.store_file)
    failure = Failure(FailureCode.REJECTED, f"The server says {BAD}.", can_retry=True)
    for number, (title, state) in enumerate(
        (("failedjob", JobState.FAILED), ("donejob", JobState.DONE), ("cancelledjob", JobState.CANCELLED))
    ):
        plain = new_job(Request("/a.png", "/b.wav"), job_id=f"job-{number}", at=shelves.NOW - number)
        job = replace(plain, title=short(title), request=request)
        store.put_job(replace(job, state=state, failure=failure if state is not JobState.DONE else None, note=BAD))
    for number in range(2):
        video = shelves.video(home, number, short(f"video{number}"), prompt=short("prompt"), preview=not number)
        store.put_video(replace(video, made_on=BAD, request=replace(request, on=PREVIEW if number else AUTO)))
    for number, pod_state in enumerate((PodState.READY, PodState.STOPPED)):
        store.put_pod(pod(number, pod_state))
    store.close()
    for log in (home.job_log("job-0"), home.pod_log("pod-1")):
        private_dir(log.parent)
        log.write_bytes(
            f"first {BAD}\n{'A' * 1_000_000}{BAD}\n".encode("utf-8", "surrogatepass") + b"\xff\xfe\x9b31m raw\n"
        )
    draft = Draft(image=str(picture), audio=f"/v/{BAD}.wav", prompt=short("draft"), on=short("studio"), seed=BAD)
    save_memory(home.app_memory, Memory(place="studio", draft=draft, consented=1.0, welcomed=True))


def pod(number: int, state: PodState) -> Pod:
    """One of ours at an own address, so that nothing outside is asked; and a rented one that is stopped."""
    own = state is PodState.READY
    return Pod(
        id=f"pod-{number}",
        name=short(f"pod{number}"),
        kind=PodKind.ADDRESS if own else PodKind.RUNPOD,
        state=state,
        created_at=shelves.NOW,
        updated_at=shelves.NOW,
        url="http://127.0.0.1:9" if own else "",
        pod_id="" if own else "abc123def456",
        gpu_name=BAD,
        cloud="community",
        per_hour=0.34,
        note=short("note"),
        found=not own,  # what is not from here is left alone, and nothing is asked about it
        state_since=shelves.NOW,
    )


def odd_file(folder: Path) -> Path:
    """A file that has everything in its name that a name can have, beside one that is not UTF-8."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{ODD_NAME}.png").write_bytes(b"x")
    name = f"[@click=app.quit]x[∕] {''.join(ESCAPES)}{BIDI}".replace("\x00", "").replace("/", "∕")
    path = folder / f"{name}.png"
    path.write_bytes(b"not a picture")
    assert path.exists()
    return path


def through(text: str) -> list[str]:
    """The characters of a text that a terminal would obey, or that turn its order round."""
    return [ch for ch in text if unicodedata.category(ch) in OURS or ch in OVERRIDES]


def clean(pilot: Pilot[Any]) -> str:
    """What is seen, which must be harmless: nothing a terminal obeys, nothing that a click turns into a foreign act."""
    app = pilot.app
    context = visible_screen_stack.set(app._background_screens)
    try:
        strips = app.screen._compositor.render_strips()
    finally:
        visible_screen_stack.reset(context)
    for strip in strips:
        for segment in strip:
            assert segment.control or not through(segment.text), segment.text
            if segment.style is not None:
                assert not segment.style.link, segment
                assert "quit" not in str(segment.style.meta.get("@click", "")), segment
    text = "\n".join(strip.text for strip in strips)
    assert app.is_running
    return text

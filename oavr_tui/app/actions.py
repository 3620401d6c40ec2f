"""Every action of the app, once: the palette, the footer, the key help, the Docs page of keys and the keymap are drawn
from this table.

An action is carried out by `action_<name>` of the widget that owns it: the app itself, the pane of a screen, or a part
of one (the queue, a log). Its id, `<owner>.<name>`, is the binding's id too, so that keys can be remapped by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done. keys: with commas, as Textual names them; empty for the palette and the mouse alone.

    name: short, as the footer shows it. help: one sentence. shown: in the footer while its owner has the focus.
    everywhere: its key acts even while a text field has the focus.
    """

    owner: str
    name: str
    keys: str
    label: str
    help: str
    shown: bool = False
    everywhere: bool = False

    @property
    def id(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def title(self) -> str:
        """What it is called where its owner is not in sight: no other action has that name."""
        return _TITLES.get(self.id, self.label)

    def binding(self) -> Binding:
        return Binding(
            self.keys, self.name, self.label, id=self.id, show=self.shown, priority=self.everywhere, tooltip=self.help
        )


OWNERS = {
    "app": "Everywhere",
    "studio": "Studio",
    "queue": "Queue",
    "videos": "Videos",
    "pods": "Pods",
    "log": "Log",
    "settings": "Settings",
    "docs": "Docs",
}
"""Who carries actions out, and what that part of the screen is called."""

_TITLES = {
    "queue.open": "Log of this video",
    "queue.play": "Play this video",
    "queue.cancel": "Cancel this video",
    "queue.retry": "Retry this video",
    "queue.up": "Make this video earlier",
    "queue.down": "Make this video later",
    "queue.forget": "Remove from the queue",
    "queue.copy": "Copy the line of the queue",
    "videos.open": "Open the video",
    "videos.export": "Export the video to…",
    "videos.delete": "Delete the video",
    "videos.search": "Search videos",
    "videos.sort": "Sort videos",
    "videos.copy_path": "Copy the path of the video",
    "videos.copy_scp": "Copy the scp line of the video",
    "pods.log": "Log of this pod",
    "pods.start_stop": "Start or stop this pod",
    "pods.terminate": "Terminate this pod",
    "pods.save_log": "Save the log of this pod",
    "pods.look": "Look at the pods again",
    "log.search": "Search the log",
    "log.next": "Next match in the log",
    "log.previous": "Previous match in the log",
    "log.filter": "Filter the log",
    "log.level": "Level of the log",
    "log.pause": "Pause the log",
    "log.wrap": "Wrap the log",
    "log.times": "Times in the log",
    "log.full": "Full screen for the log",
    "log.top": "Top of the log",
    "log.bottom": "Bottom of the log",
    "log.copy_line": "Copy a line of the log",
    "log.copy_seen": "Copy what is seen of the log",
    "log.save": "Save the whole log",
    "log.pager": "Log in your pager",
    "docs.search": "Search the guides",
}
"""Names for the palette, of actions whose label says too little away from their place."""

_A = Action
ACTIONS: tuple[Action, ...] = (
    _A("app", "go_studio", "1", "Studio", "Go to the Studio, where videos are made."),
    _A("app", "go_videos", "2", "Videos", "Go to your finished videos."),
    _A("app", "go_pods", "3", "Pods", "Go to the machines that make full videos."),
    _A("app", "go_settings", "4", "Settings", "Go to the settings."),
    _A("app", "go_docs", "5", "Docs", "Go to the guides and answers."),
    _A("app", "help", "f1,question_mark", "Help", "Show the keys that work here.", shown=True, everywhere=False),
    _A("app", "command_palette", "ctrl+p", "Commands", "Find any action by its name.", shown=True, everywhere=True),
    _A("app", "leave_field", "escape", "Leave field", "Leave a text field, so that single keys act."),
    _A("app", "theme", "", "Theme", "Choose the colors."),
    _A(
        "app",
        "release_mouse",
        "f8",
        "Free the mouse",
        "Give the mouse to the terminal, or take it again.",
    ),
    _A("app", "redraw", "ctrl+r", "Draw anew", "Draw the whole screen anew, if it is garbled."),
    _A("app", "notices", "", "Notices", "Show again what was said since the start."),
    _A("app", "license", "", "License", "Go to your plan and license in the settings."),
    _A("app", "upgrade", "", "Upgrade to Pro", "See where Pro is bought; it unlocks here by itself."),
    _A("app", "activate", "", "Activate a license", "Use a license key on this device."),
    _A("app", "devices", "", "License devices", "See which devices your license is on, and release one."),
    _A("app", "release_license", "", "Release this device", "Take your license off this computer."),
    _A("app", "move_license", "", "Move license here", "Take your license along from a computer that was copied."),
    _A("app", "check_license", "", "Check the license", "Ask the license server how things stand."),
    _A("app", "quit", "ctrl+q", "Quit", "Leave; what is being made goes on.", everywhere=True),
    _A("studio", "generate", "ctrl+g", "Generate", "Make the video.", shown=True, everywhere=True),
    _A("studio", "portrait", "ctrl+o", "Portrait", "Choose the picture of a face.", shown=True, everywhere=True),
    _A("studio", "voice", "ctrl+l", "Voice", "Choose the recording of a voice.", shown=True, everywhere=True),
    _A("studio", "more", "o", "More options", "Show or hide quality, seed and the rest."),
    _A("studio", "samples", "", "Try the samples", "Fill the form in with our sample portrait and voice."),
    _A("studio", "clear", "", "Clear the form", "Empty the form for a new video."),
    _A("queue", "open", "enter,l", "Log", "Show what happened to this video so far.", shown=True),
    _A("queue", "play", "o", "Play", "Open the finished video.", shown=True),
    _A("queue", "cancel", "c", "Cancel", "Cancel this video.", shown=True),
    _A("queue", "retry", "r", "Retry", "Try this video again.", shown=True),
    _A("queue", "up", "K", "Up", "Make this video earlier."),
    _A("queue", "down", "J", "Down", "Make this video later."),
    _A("queue", "forget", "d", "Remove", "Strike this off the list; its video stays."),
    _A("queue", "clear_finished", "C", "Clear finished", "Strike off what has ended; the videos stay."),
    _A("queue", "copy", "y", "Copy", "Copy what this line says."),
    _A(
        "videos",
        "open",
        "enter",
        "Open",
        "Open it in a player; over SSH, copy the scp line.",
        shown=True,
    ),
    _A("videos", "copy_path", "y", "Copy path", "Copy the path of the file.", shown=True),
    _A("videos", "copy_scp", "c", "Copy scp line", "Copy a command that fetches the file.", shown=True),
    _A("videos", "export", "e", "Export to…", "Copy the video to a place of your choice.", shown=True),
    _A("videos", "again", "g", "Make again", "Fill the form in with what this was made from.", shown=True),
    _A("videos", "full", "f", "Make the full video", "Fill the form in to make it as a full video."),
    _A("videos", "delete", "d", "Delete", "Move the video to the trash.", shown=True),
    _A("videos", "undo", "u", "Undo delete", "Bring the last deleted video back."),
    _A("videos", "search", "slash", "Search", "Search your videos."),
    _A("videos", "sort", "s", "Sort", "Sort by newest, oldest, name or length."),
    _A("pods", "log", "enter", "Log", "Show the log of this pod.", shown=True),
    _A("pods", "start_stop", "s", "Start/Stop", "Start this pod, or stop it and keep its disk.", shown=True),
    _A("pods", "terminate", "x", "Terminate", "Delete this pod and everything on it.", shown=True),
    _A("pods", "open_comfyui", "o", "Open ComfyUI", "Open this pod's ComfyUI in a browser.", shown=True),
    _A("pods", "new", "n", "New pod", "Rent a machine now.", shown=True),
    _A("pods", "save_log", "e", "Save log", "Save the whole log of this pod as a file.", shown=True),
    _A("pods", "add", "a", "Add an address", "Use a ComfyUI of your own."),
    _A("pods", "use", "u", "Make videos here", "Choose this pod for the next full video."),
    _A("pods", "look", "f5", "Look again", "Ask RunPod how things stand now."),
    _A("log", "search", "slash", "Find", "Find text in the log; n and N go on.", shown=True),
    _A("log", "next", "n", "Next match", "Go to the next match."),
    _A("log", "previous", "N", "Previous match", "Go to the match before."),
    _A("log", "filter", "ampersand", "Filter", "Show matching lines; after ! all the others."),
    _A("log", "level", "v", "Level", "Show everything, warnings, or errors."),
    _A("log", "pause", "p", "Pause", "Pause the log, or follow it again.", shown=True),
    _A("log", "wrap", "w", "Wrap", "Wrap long lines, or not.", shown=True),
    _A("log", "times", "t", "Times", "Show or hide the times."),
    _A("log", "full", "f", "Full screen", "Give the log the whole screen, or not.", shown=True),
    _A("log", "top", "home,g", "Top", "Go to the beginning."),
    _A("log", "bottom", "end,G", "Bottom", "Go to the end, and follow."),
    _A("log", "copy_line", "y", "Copy line", "Copy the first line, or what is selected."),
    _A("log", "copy_seen", "Y", "Copy what is seen", "Copy all lines in sight."),
    _A("log", "save", "S", "Save all", "Save the whole log as a file."),
    _A("log", "pager", "vertical_line", "Pager", "Read the whole log in your pager."),
    _A("settings", "test_key", "", "Test the key", "Ask RunPod whether it takes your key."),
    _A("settings", "sign_out", "", "Sign out", "Choose what this computer should forget."),
    _A("docs", "search", "slash", "Search", "Search the guides.", shown=True),
)

BY_ID = {action.id: action for action in ACTIONS}


def bindings(owner: str) -> list[BindingType]:
    """The bindings of one owner, in the order of the table."""
    return [action.binding() for action in ACTIONS if action.owner == owner and action.keys]

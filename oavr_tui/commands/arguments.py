"""The grammar of the command line: every command, flag and default in one place."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from oavr_tui import __version__
from oavr_tui import settings as checks

_DESCRIPTION = "Turn a portrait and a voice into a talking-avatar video."
_EPILOG = """\
Without a command, the app opens. First time here? Try: oavr-tui demo

exit codes: 0 made, 1 failed, 2 wrong use or unusable input, 3 daily limit, 130 cancelled
"""


class WrongUse(Exception):
    """The command line cannot be understood. The text is a sentence; usage is what to show above it."""

    def __init__(self, text: str, usage: str) -> None:
        super().__init__(text)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUse(message, self.format_usage())


def parser() -> argparse.ArgumentParser:
    """The parser for all of `oavr-tui`; sets `command` to the name of a module in oavr_tui.commands.

    Parsing raises WrongUse.
    """
    root = _Parser(
        "oavr-tui", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root.add_argument("--version", action="version", version=f"oavr-tui {__version__}")
    root.set_defaults(command="open_app")
    commands = root.add_subparsers(title="commands", metavar="COMMAND")
    _demo(commands)
    _generate(commands)
    _videos(commands)
    _jobs(commands)
    _pods(commands)
    _license(commands)
    _config(commands)
    _keeper(commands)
    _doctor(commands)
    return root


def _command(commands: Any, name: str, help_text: str, **extra: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=help_text, description=help_text, **extra)
    command.set_defaults(command=name)
    return command


def _json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="one JSON object a line on standard output")


def _checked(check: Callable[[object], Any]) -> Callable[[str], Any]:
    """A settings check as an argparse type, so that a bad value is told with its reason."""

    def convert(text: str) -> Any:
        try:
            return check(text)
        except ValueError as reason:
            raise argparse.ArgumentTypeError(str(reason)) from None

    return convert


def _seed(text: object) -> int:
    try:
        seed = int(str(text))
    except ValueError:
        seed = -1
    if not 0 <= seed < 2**63:
        raise ValueError("it must be a whole number from 0 to 9223372036854775807")
    return seed


def _seconds(text: object) -> float:
    try:
        seconds = float(str(text))
    except ValueError:
        seconds = 0.0
    if not 0.04 <= seconds <= 86400:
        raise ValueError("it must be a number of seconds, at least 0.04")
    return seconds


def _demo(commands: Any) -> None:
    demo = _command(commands, "demo", "make a video from a sample portrait and voice, apart from your own data")
    demo.add_argument("--headless", action="store_true", help="make it here and now, without opening the app")
    demo.add_argument("-o", "--output", metavar="OUT.mp4", help="also copy the video there")
    demo.add_argument(
        "--on",
        choices=("preview", "auto"),
        default="preview",
        help="auto: rent a make-believe studio on this computer, to see how a full video is made; costs nothing",
    )
    _json(demo)


def _generate(commands: Any) -> None:
    generate = _command(commands, "generate", "turn one portrait and one voice into a video")
    add = generate.add_argument
    add("--image", required=True, metavar="PATH|URL", help="the portrait: a file, or an http(s) address")
    add("--audio", required=True, metavar="PATH|URL", help="the voice: a recording, or a video with sound")
    add("--prompt", type=_checked(checks.prompt), metavar="TEXT", help="what the person in the picture does")
    add("--shape", type=_checked(checks.shape), metavar="SHAPE", help="auto, portrait, landscape or square")
    add("--seed", type=_checked(_seed), metavar="N", help="the same seed makes the same video again; default: random")
    add("--quality", type=_checked(checks.quality), metavar="Q", help="draft, standard or high")
    add(
        "--audio-strength", type=_checked(checks.strength), metavar="X", help="how much the voice moves the face, 0.5-2"
    )
    add("--max-seconds", type=_checked(_seconds), metavar="S", help="use only so much of the voice")
    add("--workflow", metavar="FILE.json", help="your own ComfyUI workflow, exported in API format")
    add("--on", type=_checked(checks.where), metavar="WHERE", help="preview, auto, a studio's name, or http(s)://…")
    add("-o", "--output", metavar="OUT.mp4", help="also copy the video there; the library keeps its own")
    add("--no-mark", action="store_true", help="leave out the word PREVIEW in a preview's corner")
    _json(generate)


def _videos(commands: Any) -> None:
    videos = _command(commands, "videos", "list, show, export, delete and restore finished videos")
    actions = videos.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    listing = actions.add_parser("list", help="all videos, newest first")
    listing.add_argument("--deleted", action="store_true", help="those in the trash instead")
    _json(listing)
    for name, help_text in (
        ("show", "everything about one video"),
        ("export", "copy a video somewhere"),
        ("delete", "move a video to the trash"),
        ("restore", "take a video out of the trash"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument("video", metavar="VIDEO", help="its name, or the beginning of its id")
        if name == "export":
            action.add_argument("target", metavar="TO", help="a file or a folder")
            action.add_argument("--overwrite", action="store_true", help="replace a file that is there")
        _json(action)


def _jobs(commands: Any) -> None:
    jobs = _command(commands, "jobs", "list, watch, cancel and retry jobs")
    actions = jobs.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    _json(actions.add_parser("list", help="all jobs, oldest first"))
    for name, help_text, count in (
        ("watch", "follow jobs until they end; picks up what was left behind", "*"),
        ("cancel", "stop a job, on its server too", None),
        ("retry", "try a failed or cancelled job again", None),
        ("forget", "strike an ended job off the list; its video stays", None),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument("job", metavar="JOB", nargs=count, help="its name, or the beginning of its id")
        _json(action)


def _pods(commands: Any) -> None:
    pods = _command(
        commands, "pods", "studios: machines rented by the second on your RunPod account, and own addresses"
    )
    actions = pods.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    _json(actions.add_parser("list", help="every studio, what it does and what it costs"))
    _json(actions.add_parser("gpus", help="what can be rented now, with prices"))
    deploy = actions.add_parser("deploy", help="rent a studio now and wait until it is ready")
    deploy.add_argument("--name", type=_checked(checks.pod_name), metavar="NAME", help="default: studio-1, studio-2, …")
    deploy.add_argument("--gpu", metavar="GPU", help="for example 'RTX 4090'; default: the setting pods.gpus, in order")
    deploy.add_argument("--cloud", choices=("community", "secure"), help="default: the setting pods.cloud")
    deploy.add_argument("--volume", metavar="VOLUME", help="a network volume's id; default: the setting pods.volume")
    _json(deploy)
    for name, help_text in (
        ("start", "start a stopped studio and wait until it is ready"),
        ("stop", "stop a studio; its volume disk stays and costs a little"),
        ("terminate", "delete a studio and everything on it"),
        ("forget", "strike an address off the list"),
        ("logs", "what a studio has logged"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument("pod", metavar="STUDIO", help="its name")
        if name == "terminate":
            action.add_argument("--yes", action="store_true", help="do not ask")
        if name == "logs":
            action.add_argument("-f", "--follow", action="store_true", help="go on as it comes, until ctrl+c")
            action.add_argument(
                "-n", "--lines", type=_checked(_lines), default=200, metavar="N", help="last lines: 200"
            )
        _json(action)
    adding = actions.add_parser("add", help="remember the address of an own ComfyUI; never billed, never stopped")
    adding.add_argument("url", metavar="URL", help="http(s)://HOST:PORT")
    adding.add_argument("--name", type=_checked(checks.pod_name), metavar="NAME", help="default: made from the address")
    adding.add_argument("--token", metavar="TOKEN", help="sent as a Bearer token; - reads it from standard input")
    _json(adding)
    _json(actions.add_parser("cost", help="what studios cost: today, this month, each, and how long the balance lasts"))
    _json(actions.add_parser("volumes", help="network volumes on your account"))


def _license(commands: Any) -> None:
    license_ = _command(commands, "license", "the plan, the license of this device, and its other devices")
    actions = license_.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    _json(actions.add_parser("status", help="free or Pro, what is left today, and who says so"))
    activate = actions.add_parser("activate", help="use a license on this device")
    activate.add_argument(
        "key",
        metavar="KEY",
        nargs="?",
        help="better left out: it is asked for unseen then, or read from standard input, as with -",
    )
    _device_name(activate)
    _json(activate)
    move = actions.add_parser("move", help="use the license of a computer here whose folders were copied to this one")
    _device_name(move)
    _json(move)
    release = actions.add_parser("release", help="take this device, or another one, off the license")
    release.add_argument("device", metavar="DEVICE", nargs="?", help="as 'license devices' shows it; default: this one")
    _json(release)
    _json(actions.add_parser("devices", help="the devices that the license is on"))


def _device_name(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device-name",
        type=_checked(_label),
        metavar="NAME",
        help="what your list of devices calls this one; no name is sent without it",
    )


def _label(text: object) -> str:
    name = str(text).strip()
    if not (0 < len(name) <= 60 and name.isprintable()):
        raise ValueError("it must be 1 to 60 characters that can be shown")
    return name


def _lines(text: object) -> int:
    try:
        number = int(str(text))
    except ValueError:
        number = -1
    if not 0 <= number <= 100_000:
        raise ValueError("it must be a whole number from 0 to 100000")
    return number


def _keeper(commands: Any) -> None:
    keeper = _command(commands, "keeper", "the background process that goes on when the app is closed")
    actions = keeper.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    _json(actions.add_parser("status", help="whether it runs, and what for"))
    _json(actions.add_parser("stop", help="end it; studios that run go on costing money"))
    actions.add_parser("run")


def _config(commands: Any) -> None:
    config = _command(commands, "config", "where settings are, what they are, and changing them")
    actions = config.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    _json(actions.add_parser("path", help="the folders and files in use"))
    _json(actions.add_parser("show", help="every setting, its value and where it comes from"))
    key = actions.add_parser("key", help="keep your RunPod key, read from the terminal or from standard input")
    key.add_argument("--forget", action="store_true", help="forget the kept key")
    _json(key)
    setting = actions.add_parser("set", help="change one setting in the file")
    setting.add_argument("name", metavar="NAME", help="for example videos.folder")
    setting.add_argument("value", metavar="VALUE")
    _json(setting)


def _doctor(commands: Any) -> None:
    doctor = _command(commands, "doctor", "look whether everything needed works here")
    doctor.add_argument(
        "--real", action="store_true", help="also make one short video on your real RunPod account, which costs money"
    )
    doctor.add_argument(
        "--max-spend", type=_checked(_dollars), default=0.5, metavar="DOLLARS", help="with --real, at most: 0.50"
    )
    _json(doctor)


def _dollars(text: object) -> float:
    try:
        dollars = float(str(text))
    except ValueError:
        dollars = 0.0
    if not 0.05 <= dollars <= 20:
        raise ValueError("it must be a number of dollars from 0.05 to 20")
    return dollars

"""`oavr-tui pods`: studios on the person's own account, own addresses, and what they cost.

Every command writes down what is wished and then drives, or waits for whoever drives, until it is so.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from oavr_tui.commands import pods_shown as shown
from oavr_tui.commands.pods_waiting import Waiting, wait_for
from oavr_tui.commands.session import open_engine
from oavr_tui.commands.talk import exit_code, put, put_json, say
from oavr_tui.engine.engine import Engine
from oavr_tui.errors import BadInput, OavrError
from oavr_tui.models import Pod, PodKind, PodState, PodWish
from oavr_tui.paths import Paths
from oavr_tui.redact import Redactor
from oavr_tui.settings import load_settings
from oavr_tui.text import safe

_LONGEST_TOKEN = 4096


def run(arguments: argparse.Namespace) -> int:
    try:
        return asyncio.run(_run(arguments))
    except OavrError as error:
        if not arguments.json:
            raise
        put_json({"event": "failed", "code": error.code.value, "message": error.message, "can_retry": error.can_retry})
        return exit_code(error.code)


async def _run(arguments: argparse.Namespace) -> int:
    paths = Paths.find()
    engine = open_engine(paths, load_settings(paths))
    for note in await engine.open():
        say(note)
    try:
        return await _ACTIONS[arguments.action](engine, arguments)
    finally:
        await engine.close()


def _named(engine: Engine, name: str) -> Pod:
    pod = engine.fleet.book.named(name)
    if pod is None:
        raise BadInput(f"There is no studio named {safe(name, 60)}. 'oavr-tui pods list' shows them all.")
    return pod


# --- looking


async def _list(engine: Engine, arguments: argparse.Namespace) -> int:
    try:
        await engine.look_at_account()
    except OavrError as error:
        say(f"Your RunPod account could not be looked at, so this may be out of date. {error.message}")
    pods = engine.fleet.book.all()
    for pod in pods:
        record = shown.pod_record(pod, engine.pod_cost(pod), engine.now(), len(engine.fleet.needs.made_on(pod)))
        put_json(record) if arguments.json else put(shown.pod_line(record))
    if not pods:
        say("No studios. 'oavr-tui generate --on auto' starts one when it is needed; 'oavr-tui pods add' takes an own.")
    return 0


async def _gpus(engine: Engine, arguments: argparse.Namespace) -> int:
    offers = await engine.fleet.rental.offers()
    for record in shown.offer_records(offers, engine.fleet.plan):
        put_json(record) if arguments.json else put(shown.offer_line(record))
    return 0


async def _volumes(engine: Engine, arguments: argparse.Namespace) -> int:
    volumes = await (await engine.fleet.rental.provider()).volumes()
    for volume in volumes:
        if arguments.json:
            put_json({"id": volume.id, "name": volume.name, "size_gb": volume.size, "data_center": volume.data_center})
        else:
            put(f"{safe(volume.id):<14} {safe(volume.name):<30} {volume.size:>6} GB  {safe(volume.data_center)}")
    if not volumes:
        say("No network volumes on your account. One keeps the fetched files, so that every start is a quick one.")
    return 0


async def _cost(engine: Engine, arguments: argparse.Namespace) -> int:
    spending = await engine.spending(fresh=True)
    if spending.note:
        say(f"Balance not available. {spending.note}")
    report = shown.cost_record(spending)
    if arguments.json:
        put_json(report)
    else:
        for line in shown.cost_lines(report):
            put(line)
    return 0


async def _logs(engine: Engine, arguments: argparse.Namespace) -> int:
    from oavr_tui.clients.log_file import follow_file, tail

    pod = _named(engine, arguments.pod)
    if pod.kind is PodKind.ADDRESS:
        raise BadInput(f"{pod.name} is an address of your own; its log is where it runs.")
    file = engine.paths.pod_log(pod.id)
    redact = Redactor()
    redact.know_pod(pod.pod_id)

    def tell(line: str) -> None:
        put_json({"line": redact(line)}) if arguments.json else put(safe(redact(line), 20_000))

    if not arguments.follow:
        for line in await asyncio.to_thread(tail, file, arguments.lines):
            tell(line)
        return 0
    try:
        async with engine.driving_when_free(as_keeper=True):  # somebody has to read the log while nobody drives
            async for line in follow_file(file, last=arguments.lines):
                tell(line)
    except asyncio.CancelledError:
        return 130
    return 0


# --- changing


async def _deploy(engine: Engine, arguments: argparse.Namespace) -> int:
    gpu = shown.gpu_id(arguments.gpu) if arguments.gpu else ""
    pod = await engine.fleet.deploy(
        name=arguments.name or "", gpu=gpu, cloud=arguments.cloud or "", volume=arguments.volume or ""
    )
    return await wait_for(engine, Waiting(pod, PodState.READY, undo=PodWish.TERMINATE), arguments.json)


async def _start(engine: Engine, arguments: argparse.Namespace) -> int:
    pod = await engine.fleet.ask(_named(engine, arguments.pod), PodWish.START)
    return await wait_for(engine, Waiting(pod, PodState.READY, undo=PodWish.STOP), arguments.json)


async def _stop(engine: Engine, arguments: argparse.Namespace) -> int:
    pod = await engine.fleet.ask(_named(engine, arguments.pod), PodWish.STOP)
    return await wait_for(engine, Waiting(pod, PodState.STOPPED), arguments.json)


async def _terminate(engine: Engine, arguments: argparse.Namespace) -> int:
    pod = _named(engine, arguments.pod)
    if not arguments.yes:
        if arguments.json or not sys.stdin.isatty():
            raise BadInput(f"Terminating deletes {pod.name} and everything on it. Say --yes to do so.")
        sys.stderr.write(f"Terminate {safe(pod.name)}? Everything on it is deleted. [y/N] ")
        sys.stderr.flush()
        if (await asyncio.to_thread(sys.stdin.readline)).strip().lower() not in ("y", "yes"):
            say("Left as it is.")
            return 1
    pod = await engine.fleet.ask(pod, PodWish.TERMINATE)
    return await wait_for(engine, Waiting(pod, PodState.GONE), arguments.json)


async def _add(engine: Engine, arguments: argparse.Namespace) -> int:
    token = arguments.token or ""
    if token == "-":
        token = (await asyncio.to_thread(sys.stdin.readline, _LONGEST_TOKEN)).strip()
    pod, sentence = await engine.add_address(arguments.url, name=arguments.name or "", token=token)
    say(sentence)
    if arguments.json:
        put_json(shown.pod_record(pod, engine.pod_cost(pod), engine.now(), 0))
    else:
        put(pod.name)
    return 0


async def _forget(engine: Engine, arguments: argparse.Namespace) -> int:
    pod = _named(engine, arguments.pod)
    await engine.forget_address(pod)
    say(f"{pod.name} is forgotten.")
    if arguments.json:
        put_json({"name": pod.name, "state": PodState.GONE.value})
    return 0


_ACTIONS = {
    "list": _list,
    "gpus": _gpus,
    "volumes": _volumes,
    "cost": _cost,
    "logs": _logs,
    "deploy": _deploy,
    "start": _start,
    "stop": _stop,
    "terminate": _terminate,
    "add": _add,
    "forget": _forget,
}

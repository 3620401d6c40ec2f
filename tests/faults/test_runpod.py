"""Studios that fail while they start, work or end: what the person is told, what becomes of the video, and that no
machine goes on costing money."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oavr_tui.models import JobState, PodState, PodWish
from tests.faults.account import DEADLINE, QUICK, House, account, driven, house, making_slowly
from tests.limits import NO_BYTECODE
from tests.programs import command
from tests.programs_runpod import runpod, wished
from tests.samples import portrait, voice

CREATE = {"match": {"deed": "create"}}
FIRST = {"match": {"deed": "create", "nth": 1}}
NEVER_UP: dict[str, dict[str, Any]] = {
    "no-container": {"boot": {"hang_in": "pull"}},
    "file-hangs": {"boot": {"hang_in": "files"}},
    "warming-hangs": {"boot": {"hang_in": "warming"}},
    "no-comfyui": {"boot": {"never_comfy": True}},
    "friendly-page": {"boot": {"page": "forever"}},
    "port-not-open": {"proxy": {"ports": [8001]}},
}
LIKE_OTHERS = ("file-hangs", "warming-hangs", "no-comfyui")
"""Those that the short run leaves out."""
REFUSED = {"do": "body", "status": 400, "content_type": "application/problem+json", "body": '{"detail": "Not today."}'}


# --- every refusal is one sentence with a code


@pytest.mark.parametrize(
    "as_deploy", [pytest.param(False, id="generate"), pytest.param(True, id="deploy", marks=pytest.mark.full)]
)
def test_every_refusal_by_the_command_line(tmp_path: Path, as_deploy: bool) -> None:
    words = ("pods", "deploy", "--json") if as_deploy else wished("--on", "auto")
    cases: list[tuple[dict[str, Any], dict[str, str], str, tuple[str, ...]]] = [
        ({}, {"RUNPOD_API_KEY": ""}, "no_key", ("needs your RunPod key", "Nothing was started", "config key")),
        ({}, {"RUNPOD_API_KEY": "rpa_WRONG"}, "no_key", ("does not accept this key", "nothing was done")),
        ({"faults": [{**CREATE, "do": "no_capacity"}]}, {}, "no_gpu", ("no machine free", "Nothing was started")),
        ({"faults": [{"do": "gone"}]}, {}, "rejected", ("no longer answers", "update this program")),
    ]
    with runpod(tmp_path) as there:
        for script, env, code, said in cases[:3] if as_deploy else cases:
            there.post("/simulator/script", {**QUICK, "balance": 25, **script})
            ran = there.oavr(*words, **env)
            assert ran.code == 1, ran.out + ran.err
            told = ran.last["note"] if "note" in ran.last else ran.last["message"]
            assert ran.last.get("code", code) == code
            assert all(each in told for each in said), told
            assert there.statuses() == []


# --- starts that fail


async def test_a_machine_that_breaks_while_it_starts(tmp_path: Path) -> None:
    broken = {**FIRST, "do": "boot", "boot": {**QUICK["boot"], "warm_seconds": 60}}
    async with house(tmp_path, {**FIRST, "do": "broken", "seconds": 0.2}, broken) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert here.was_said("mine stopped while it was starting", "terminated")
        assert here.was_said("Trying another machine")
        assert here.machines[0]["end"] == "terminated"
        assert here.creates == 2
        await here.nothing_costs()


@pytest.mark.full
async def test_a_machine_that_vanishes_while_it_starts(tmp_path: Path) -> None:
    slow = {**FIRST, "do": "boot", "boot": {**QUICK["boot"], "warm_seconds": 60}}
    async with house(tmp_path, {**FIRST, "do": "vanish", "seconds": 0.2}, slow) as here:
        await here.makes()
        assert here.was_said("studio-1 is no longer on your RunPod account", "costs nothing any more")
        assert here.machines[0]["end"] == "vanished"
        assert here.creates == 2
        await here.nothing_costs()


@pytest.mark.parametrize(
    "never",
    [
        pytest.param(never, id=name, marks=pytest.mark.full if name in LIKE_OTHERS else ())
        for name, never in NEVER_UP.items()
    ],
)
async def test_a_start_that_gets_no_further_goes_on_on_another_machine(tmp_path: Path, never: dict[str, Any]) -> None:
    bad = {**FIRST, "do": "boot", "boot": {**QUICK["boot"], **never}}
    async with house(tmp_path, bad, speed=600, pods_idle_minutes=60, pods_day_cap=1000) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert here.was_said("mine got no further for", "terminated")
        assert here.was_said("Trying another machine")
        assert here.creates == 2
        assert here.machines[0]["end"] == "terminated"
        assert len(here.costly) == 1


@pytest.mark.full
async def test_three_machines_and_no_more(tmp_path: Path) -> None:
    script = {"boot": {"boot": {"never_comfy": True}}}
    async with house(tmp_path, script=script, speed=600, pods_idle_minutes=60, pods_day_cap=1000) as here:
        code, sentence = await here.fails()
        assert code == "no_gpu"
        for words in ("3 machines were tried", "None of them runs any more", "Try again later"):
            assert words in sentence
        await here.nothing_costs()
        assert here.creates == 3
        assert {pod["end"] for pod in here.machines} == {"terminated"}


async def test_a_file_that_cannot_be_had(tmp_path: Path) -> None:
    bad = {**FIRST, "do": "boot", "boot": {**QUICK["boot"], "boot": {"fail_file": "vae.safetensors"}}}
    async with house(tmp_path, bad) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        assert here.was_said("could not fetch vae.safetensors", "terminated")
        assert here.machines[0]["end"] == "terminated"
        assert here.creates == 2
        await here.nothing_costs()


async def test_a_container_that_starts_over_again_and_again(tmp_path: Path) -> None:
    never = {**FIRST, "do": "boot", "boot": {**QUICK["boot"], "boot": {"hang_in": "warming"}}}
    async with house(tmp_path, never, speed=600, pods_idle_minutes=60, pods_day_cap=1000) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.until(lambda: here.costly)
        first = here.costly[0]
        while first in here.costly:
            if here.machines[0]["status"] == "RUNNING":
                here.simulator.account.restart(first)
            await asyncio.sleep(0.4)  # four minutes by the engine's clock, so that no single start is overdue
        await here.ready("mine")
        assert here.was_said("mine started over") or here.was_said("mine got no further")
        assert here.machines[0]["end"] == "terminated"


async def test_a_host_with_too_little_memory_is_given_back(tmp_path: Path) -> None:
    small = {"comfy": {"ram": 32_000_000_000}}
    async with house(tmp_path, script={"boot": small}) as here:
        code, sentence = await here.fails()
        assert code == "no_gpu"
        assert "has 32 GB of memory, and the model needs 48 GB" in sentence
        assert "3 machines were tried" in sentence
        await here.nothing_costs()
        assert here.creates == 3


@pytest.mark.full
async def test_a_stopped_studio_whose_gpu_is_taken(tmp_path: Path) -> None:
    taken = {"match": {"deed": "start"}, "do": "not_free"}
    async with house(tmp_path, taken) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.pod_at(PodState.STOPPED, "mine")  # idle
        code, sentence = await here.fails("mine")
        assert code == "rejected"
        for words in ("cannot be started at present", "given the GPU to somebody else", "start a new one"):
            assert words in sentence
        assert here.costly == []
        await here.makes()  # anywhere: on a new one
        assert here.creates == 2
        assert here.was_said("mine cannot be started now")
        await here.nothing_costs()


# --- studios that go while a video is made on them


async def stopped_under_it(here: House) -> None:
    """Wait until a video is being made, and stop its machine in the provider's console."""
    await here.until(lambda: any(job.state is JobState.GENERATING and not job.ended for job in here.engine.jobs()))
    here.simulator.account.stop(here.costly[0])


@pytest.mark.full
async def test_a_studio_stopped_in_the_console_while_it_works(tmp_path: Path) -> None:
    script = {"boot": making_slowly()}
    async with house(tmp_path, script=script) as here:
        job = await here.submit()
        await stopped_under_it(here)
        await here.until(lambda: here.was_said("goes to another one"))
        assert here.was_said("studio-1 was stopped, and not by this app")
        await here.done(job)
        await here.nothing_costs()
        lost = await here.submit()
        await stopped_under_it(here)
        await here.until(lambda: here.times_said("goes to another one") == 2)
        await stopped_under_it(here)
        code, sentence = await here.failed(lost)
        assert code == "lost"
        for words in ("lost a second time", "costs nothing any more", "jobs retry"):
            assert words in sentence
        await here.nothing_costs()


@pytest.mark.full
async def test_a_host_that_dies_while_it_works(tmp_path: Path) -> None:
    async with house(tmp_path, script={"boot": making_slowly()}) as here:
        job = await here.submit()
        await here.at(job, JobState.GENERATING)
        here.simulator.account.vanish(here.costly[0])
        await here.done(job)
        assert here.was_said("no longer on your RunPod account", "costs nothing any more")
        assert here.was_said("goes to another one")
        assert here.creates == 2
        await here.nothing_costs()


async def test_a_studio_of_ones_choice_that_goes_is_not_replaced(tmp_path: Path) -> None:
    async with house(tmp_path, script={"boot": making_slowly()}, pods_idle_minutes=1) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        job = await here.submit("mine")
        await here.at(job, JobState.GENERATING)
        here.simulator.account.vanish(here.costly[0])
        code, sentence = await here.failed(job)
        assert code == "lost"
        assert "mine does not run any more" in sentence
        assert here.creates == 1
        await here.nothing_costs()


@pytest.mark.full
async def test_the_balance_runs_out_while_a_video_is_made(tmp_path: Path) -> None:
    async with house(tmp_path, script={"boot": making_slowly()}, pace=30) as here:
        first = await here.submit()
        await here.at(first, JobState.GENERATING)
        here.simulator.account.set_balance(0.02)  # three and a half minutes at $0.34 an hour
        await here.until(lambda: here.was_said("finishes what it is making", "add credit"))
        second = await here.submit()
        await here.done(first)
        await here.until(lambda: here.costly == [])
        assert here.was_said("studio-1 is stopped, since your RunPod balance lasts only", "add credit at runpod.io")
        assert here.creates == 1
        waits = here.engine.job(second.id)
        assert waits is not None
        assert not waits.ended
        here.simulator.account.set_balance(20.0)
        await here.done(second)
        await here.nothing_costs()


@pytest.mark.full
async def test_the_account_cannot_be_reached_while_a_video_is_made(tmp_path: Path) -> None:
    async with house(tmp_path, script={"boot": making_slowly()}) as here:
        job = await here.submit()
        await here.at(job, JobState.GENERATING)
        here.replace_script({"do": "error", "status": 503, "form": "html"}, boot=making_slowly())
        await here.done(job)
        await here.until(lambda: here.was_said("cannot be looked at right now", "studio-1 may go on costing money"))
        looks = len(here.simulator.books()["requests"])
        await here.until(lambda: len(here.simulator.books()["requests"]) > looks + 20)
        assert here.times_said("cannot be looked at right now") == 1
        here.replace_script()
        await here.nothing_costs()
        assert here.creates == 1


@pytest.mark.full
async def test_an_account_that_hangs_keeps_no_video_waiting(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.done(await here.submit())
        here.replace_script({"do": "hang", "seconds": 600})
        await here.until(lambda: here.simulator.account.faults.as_json()[0]["matched"])
        second = await here.submit()
        await here.done(second)
        assert here.creates == 1
        here.replace_script()
        await here.nothing_costs()


# --- ends that fail


@pytest.mark.full
async def test_a_stop_that_is_refused_is_said_and_tried_again(tmp_path: Path) -> None:
    refused = {**REFUSED, "match": {"deed": "stop", "nth": [1, 2]}}
    async with house(tmp_path, refused) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.pod_at(PodState.STOPPED, "mine")
        assert here.times_said("mine could not be stopped and goes on costing $0.34/h", "pods terminate mine") == 2
        await here.nothing_costs()


async def test_a_studio_on_a_network_volume_that_cannot_be_stopped_is_terminated(tmp_path: Path) -> None:
    refused = {**REFUSED, "match": {"deed": "stop"}}
    volumes = [{"id": "vol1", "name": "models"}]
    async with house(tmp_path, refused, script={"volumes": volumes}, pods_volume="models") as here:
        await here.engine.fleet.deploy(name="mine")
        await here.ready("mine")
        await here.nothing_costs()
        assert [(pod["network_volume"], pod["end"]) for pod in here.machines] == [("vol1", "terminated")]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"do": "error", "status": 500}, id="500"),
        pytest.param({"do": "drop"}, id="cut-off", marks=pytest.mark.full),
        pytest.param({"do": "rate_limit", "retry_after": 3}, id="too-often", marks=pytest.mark.full),
    ],
)
@pytest.mark.parametrize("deed", ["stop", "terminate"])
async def test_an_end_that_fails_is_tried_until_it_is_confirmed(
    tmp_path: Path, deed: str, fault: dict[str, Any]
) -> None:
    failing = {**fault, "match": {"deed": deed, "nth": [1, 4]}}
    async with house(tmp_path, failing, pods_idle_minutes=1) as here:
        await here.engine.fleet.deploy(name="mine")
        pod = await here.ready("mine")
        await here.engine.fleet.ask(pod, PodWish(deed))
        await here.nothing_costs()
        assert here.times_said("mine could not be", "may go on costing $0.34/h", "RunPod's console") == 1
        assert here.machines[0]["status"] == ("EXITED" if deed == "stop" else "TERMINATED")


# --- machines of others


@pytest.mark.full
async def test_a_studio_of_another_computer_is_shown_and_left_alone(tmp_path: Path) -> None:
    async with account(tmp_path / "account") as simulator:
        async with driven(tmp_path / "there", simulator, pods_idle_minutes=60) as there:
            await there.engine.fleet.deploy(name="theirs")
            await there.ready("theirs")
        theirs = there.machines[0]["id"]
        async with driven(tmp_path / "here", simulator) as here:
            await here.until(lambda: here.was_said("was not started here", "costs $0.34/h", "pods terminate"))
            found = await here.pod_at(PodState.READY, "theirs-found")
            assert found.found
            await here.makes()
            await here.nothing_costs(but=theirs)  # its own is stopped when it has been idle
            assert here.creates == 2
            assert here.costly == [theirs]
            assert here.times_said("was not started here") == 1
            await here.engine.fleet.ask(found, PodWish.TERMINATE)
            await here.until(lambda: not here.costly)


# --- the disk of this computer


ROOM = 130_000
"""Bytes that a file may have: enough for all that comes before the video, too little for the video."""


def small_picture(path: Path) -> None:
    from PIL import Image

    with Image.open(portrait()) as image:
        image.convert("RGB").save(path, quality=60)
    assert path.stat().st_size < ROOM / 2


def small_voice(path: Path, *, seconds: int) -> None:
    """The beginning of the sample voice at half its rate or less."""
    with wave.open(str(voice())) as sample:
        step = max(1, sample.getframerate() // 8000)
        frames = np.frombuffer(sample.readframes(sample.getframerate() * seconds), np.int16)
        rate = sample.getframerate() // step
    with wave.open(str(path), "wb") as small:
        small.setparams((1, 2, rate, 0, "NONE", ""))
        small.writeframes(frames[::step].tobytes())
    assert path.stat().st_size < ROOM


@pytest.mark.full
def test_a_full_disk_keeps_the_studio_until_the_video_is_fetched(tmp_path: Path) -> None:
    picture, sound = tmp_path / "small.jpg", tmp_path / "small.wav"
    small_picture(picture)
    small_voice(sound, seconds=4)
    with runpod(tmp_path, OAVR_PODS_IDLE_MINUTES="2", OAVR_PODS_KEEPER="no") as there:
        failed = subprocess.run(
            command("generate", "--image", str(picture), "--audio", str(sound), "--on", "auto", "--json"),
            env={**os.environ, **NO_BYTECODE, "OAVR_HOME": str(there.home), **there.env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
        )
        assert failed.returncode == 1, failed.stderr
        told = json.loads(failed.stdout.splitlines()[-1])
        assert (told["code"], told["can_retry"]) == ("disk_full", True)
        for words in ("disk is full", "waits on studio-1, which costs $0.34/h meanwhile", "jobs retry"):
            assert words in told["message"]
        assert there.statuses() == ["RUNNING"]
        refused = there.oavr("pods", "terminate", "studio-1", "--yes", "--json")
        assert refused.code == 2
        assert "not saved yet" in refused.last["message"]
        retried = there.oavr("jobs", "retry", there.jobs()[0]["id"])
        assert retried.code == 0, retried.err
        assert len(there.videos()) == 1
        assert there.oavr("pods", "terminate", "studio-1", "--yes", "--json").code == 0
        assert there.statuses() == ["TERMINATED"]


@pytest.mark.full
async def test_a_creation_that_hangs_is_adopted(tmp_path: Path) -> None:
    hangs = {"match": {"deed": "create", "nth": 1}, "do": "hang", "seconds": 600, "when": "after"}
    async with house(tmp_path, hangs) as here:
        await here.engine.fleet.deploy(name="mine")
        await here.until(lambda: len(here.machines) == 1)
        assert here.pods[0].state is PodState.ASKED
        await here.ready("mine", within=3 * DEADLINE)  # RunPod may take a minute to answer
        assert (here.creates, len(here.machines)) == (1, 1)
        await here.nothing_costs()

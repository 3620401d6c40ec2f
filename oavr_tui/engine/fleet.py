"""The fleet: every place in which full videos are made, who may use it, and what it costs.

Every process may look, and write down what a person asks for; the process that drives (fleet_drive.py) does it. Rules:
1. What a person asked for is on the disk before anything is done about it.
2. A pod that was started for waiting videos goes when nobody waits any more.
3. Nothing is stopped while a video is made on it, and nothing is terminated while an unsaved video is on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from oavr_tui.engine.fleet_drive import FleetDrive
from oavr_tui.engine.forecast import Forecast
from oavr_tui.engine.given import is_address
from oavr_tui.engine.needs import Needs
from oavr_tui.engine.rental import NO_KEY
from oavr_tui.engine.yard import Yard
from oavr_tui.errors import BadInput, NoGpu, NoKey
from oavr_tui.models import AUTO, PREVIEW, Job, Pod, PodKind, PodState, PodWish
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.pods.plan import Plan


class Fleet:
    """jobs: all jobs as last seen. Commands work in any process; `drive` only in the one that holds the lock."""

    def __init__(self, yard: Yard, jobs: Callable[[], Sequence[Job]]) -> None:
        self._yard = yard
        self.book = yard.book
        self.rental = yard.rental
        self.needs = Needs(yard, jobs)
        self.forecast = Forecast(yard)
        self.driver = FleetDrive(yard, self.needs, jobs)

    @property
    def plan(self) -> Plan:
        """What the settings allow now."""
        return self._yard.setup.plan

    def rents(self, job: Job) -> bool:
        """Whether a job's place is a machine of the account, as opposed to this computer and to addresses."""
        on = job.request.on
        if on in (AUTO, PREVIEW) or is_address(on):
            return on == AUTO
        pod = (self.book.get(job.pod) if job.pod else None) or self.book.named(on)
        return pod is None or pod.kind is PodKind.RUNPOD  # one that is not known any more was rented

    def refuse_at_once(self, request_on: str) -> None:
        """Raise what can be said of a place before anything is done: no key, or no such pod."""
        if request_on == AUTO:
            if not self.rental.has_key:
                raise NoKey(NO_KEY)
            if not self.plan.auto_start and not any(self.needs.may_take_any(pod) for pod in self.book.all()):
                raise NoGpu(
                    "No studio is running, and starting one by itself is switched off. Nothing was started. "
                    "'oavr-tui pods deploy' starts one; 'oavr-tui config set pods.start_by_itself yes' allows it."
                )
            return
        pod = self.book.named(request_on)
        if pod is None:
            raise BadInput(
                f"There is no studio named {safe(request_on, 60)}. 'oavr-tui pods list' shows them; "
                "--on auto starts one by itself."
            )
        if pod.kind is PodKind.RUNPOD and not self.rental.has_key:
            raise NoKey(NO_KEY)

    async def deploy(self, *, name: str = "", gpu: str = "", cloud: str = "", volume: str = "") -> Pod:
        """Want a new rented pod; the driver gets it. Raises BadInput for a name that is taken, NoKey without a key."""
        if not self.rental.has_key:
            raise NoKey(NO_KEY)
        self._refuse_taken(name)
        return await self.driver.want(name=name, gpu=gpu, cloud=cloud, volume=volume)

    async def add_address(self, url: str, name: str) -> Pod:
        """Remember an own ComfyUI by its address (without secrets) under a name. Raises BadInput for a taken one."""
        self._refuse_taken(name)
        now = self._yard.around.clock()
        return await self.book.add(
            Pod(
                id=self._yard.around.new_id(),
                name=name,
                kind=PodKind.ADDRESS,
                state=PodState.READY,
                created_at=now,
                updated_at=now,
                url=url,
                state_since=now,
                last_used=now,
            )
        )

    def _refuse_taken(self, name: str) -> None:
        if name and any(name == pod.name for pod in self.book.all()):
            raise BadInput(f"There is a studio named {name} already. Choose another name with --name.")

    async def ask(self, pod: Pod, wish: PodWish) -> Pod:
        """Write down that a person wants a pod started, stopped or terminated.

        Raises BadInput where it makes no sense, or would lose a video, NoKey without a key.
        """
        self._refuse_senseless(pod, wish)
        if wish is not PodWish.START and (refusal := self.needs.against_ending(pod, wish)):
            raise BadInput(refusal)
        asked = await self.book.note(pod, asked=wish)
        self.driver.wake()
        return asked

    def _refuse_senseless(self, pod: Pod, wish: PodWish) -> None:
        if pod.kind is PodKind.ADDRESS:
            raise BadInput(f"{pod.name} is an address of your own: it is never started, stopped or billed here.")
        if not self.rental.has_key:
            raise NoKey(NO_KEY)
        if wish is PodWish.START and pod.state is not PodState.STOPPED:
            raise BadInput(f"{pod.name} is {pod.state}; only a stopped studio can be started.")
        if wish is PodWish.STOP and pod.state in (PodState.STOPPED, PodState.TERMINATING):
            raise BadInput(f"{pod.name} is {pod.state} already.")

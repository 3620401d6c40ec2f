"""RunPod through its own Python package: GraphQL, on its way out but still the only one that tells the balance.

The package is loaded with the first call, in that call's thread (runpod_sdk_import), and each call runs in a thread of
its own (runpod_sdk_thread). It pastes what it is given into its queries as it is, so every text goes through `_quoted`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from oavr_tui.errors import BadInput, OavrError
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.provider import Account, Bill, CloudPod, Offer, Volume, Wish
from oavr_tui.pods.runpod_address import DEFAULT_BASE, checked_base, is_pod_id
from oavr_tui.pods.runpod_sdk_errors import says_no_such_pod, translated
from oavr_tui.pods.runpod_sdk_import import Sdk, loaded
from oavr_tui.pods.runpod_sdk_thread import Errand, run
from oavr_tui.pods.runpod_sentences import Verb

if TYPE_CHECKING:
    from types import ModuleType

_MONEY = "query { myself { clientBalance currentSpendPerHr spendLimit } }"
_OFFERS = (
    "query { gpuTypes { id displayName memoryInGb secureCloud communityCloud securePrice communityPrice"
    " lowestPrice(input: { gpuCount: 1 }) { %s uninterruptablePrice } } }"
)
_STOCK = "stockStatus"

_CUDA = re.compile(r"([0-9]{1,2})\.([0-9])")
_LAST_MINOR = 9
_SHORTEST_SECRET = 4
# A shorter value (a "1", a "no") is in every other sentence, and hiding it would hide what is wrong.
_KEY = re.compile(r"[\x21-\x7e]{1,256}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. answer: for each request. question, change: for a whole call, loading the package included. create: the
    SDK looks up the GPU type and the network volume before it asks."""

    answer: float = 30.0
    question: float = 40.0
    change: float = 45.0
    create: float = 80.0


class RunPodSdk:
    """A person's RunPod account through the SDK; a Provider."""

    def __init__(self, key: str, *, base: str = DEFAULT_BASE, deadlines: Deadlines | None = None) -> None:
        """Raises BadInput where `base` is no address. A key that cannot be one is heard of at the first call."""
        self._key = key.strip()
        self._base = checked_base(base)
        self._deadlines = deadlines or Deadlines()

    async def offers(self) -> tuple[Offer, ...]:
        """Every GPU type in every cloud; the stock is that of both clouds together."""
        return await self._ask(_offers, lambda answers, found: answers.offers(found))

    async def volumes(self) -> tuple[Volume, ...]:
        """The account's network volumes."""
        return await self._ask(lambda sdk: sdk.pods.get_user(), lambda answers, found: answers.volumes(found))

    async def pods(self) -> tuple[CloudPod, ...]:
        """All pods of the account. This way of asking does not tell template, cloud, data center or network volume."""
        return await self._ask(lambda sdk: sdk.pods.get_pods(), lambda answers, found: answers.pods(found))

    async def pod(self, pod_id: str) -> CloudPod | None:
        """One pod, or None when there is none of this id."""
        quoted = _pod_id(pod_id)
        return await self._ask(lambda sdk: _get_pod(sdk, quoted), lambda answers, found: answers.pod(found), pod_id)

    async def create(self, wish: Wish) -> CloudPod:
        """Rent a machine. Raises NoGpu, NoFunds, Unclear, and BadInput where the wish lacks what it needs."""
        cuda = cuda_versions(wish.cuda)
        if not wish.template:
            raise BadInput("No template is set for new machines, so none was started. Set one in the settings.")
        return await self._change(
            Verb.CREATE,
            lambda sdk: _create(sdk, wish, cuda),
            lambda answers, found: answers.created(found, wish),
            (*wish.env.values(), wish.volume),
        )

    async def start(self, pod_id: str) -> None:
        """Wake a stopped pod. Raises NotNow where its host has no GPU free, Unclear where it may be starting."""
        quoted = _pod_id(pod_id)
        await self._change(Verb.START, lambda sdk: sdk.pods.resume_pod(quoted, 1), _confirmed, (pod_id,))

    async def stop(self, pod_id: str) -> None:
        """Stop a pod. Raises Rejected where it cannot be stopped, Unclear where it may be stopped."""
        quoted = _pod_id(pod_id)
        await self._change(Verb.STOP, lambda sdk: sdk.pods.stop_pod(quoted), _confirmed, (pod_id,))

    async def terminate(self, pod_id: str) -> None:
        """Delete a pod; one that is gone already is fine. Raises Unclear where it may still be there."""
        quoted = _pod_id(pod_id)
        await self._change(Verb.TERMINATE, lambda sdk: _terminate(sdk, quoted), lambda _, __: None, (pod_id,))

    async def account(self) -> Account | None:
        """Balance, spend and its limit, each None where RunPod does not say."""
        return await self._ask(
            lambda sdk: sdk.query(_MONEY)["data"]["myself"], lambda answers, found: answers.account(found)
        )

    async def bills(self, since: float) -> tuple[Bill, ...] | None:
        """None: this way of asking does not tell."""
        return None

    def log(self, pod_id: str, after: str) -> AsyncIterator[tuple[str, str]] | None:
        """None: this way of asking has none."""
        return None

    async def close(self) -> None:
        """Nothing is held open: each call has its own connection, and ends with it."""

    async def _ask(self, ask: Callable[[Sdk], object], check: Callable[[ModuleType, object], T], *hidden: str) -> T:
        return await self._call(None, ask, check, hidden, self._deadlines.question)

    async def _change(
        self,
        verb: Verb,
        ask: Callable[[Sdk], object],
        check: Callable[[ModuleType, object], T],
        hidden: tuple[str, ...],
    ) -> T:
        deadline = self._deadlines.create if verb is Verb.CREATE else self._deadlines.change
        return await self._call(verb, ask, check, hidden, deadline)

    async def _call(
        self,
        verb: Verb | None,
        ask: Callable[[Sdk], object],
        check: Callable[[ModuleType, object], T],
        hidden: tuple[str, ...],
        deadline: float,
    ) -> T:
        if not self._key:
            raise say.no_key_yet()
        if not _KEY.fullmatch(self._key):
            raise say.wrong_key()
        seen = tuple(each for each in hidden if len(each) >= _SHORTEST_SECRET)
        errand = Errand(self._key, self._base, verb, self._deadlines.answer, seen)
        return await run(errand, lambda: _done(errand, ask, check), deadline=deadline)


def cuda_versions(least: str) -> list[str]:
    """The versions that a host may have so that an image for CUDA `least` runs: "12.4" to "12.9", one by one.

    The API takes a list, not a bound, and refuses a version it does not know; so no later major version is named.
    Raises BadInput.
    """
    match = _CUDA.fullmatch(least)
    if match is None:
        raise BadInput("The CUDA version that the machine's image needs is none. It looks like 12.4.")
    return [f"{int(match[1])}.{minor}" for minor in range(int(match[2]), _LAST_MINOR + 1)]


def _done(errand: Errand, ask: Callable[[Sdk], object], check: Callable[[ModuleType, object], T]) -> T:
    """In the call's thread: load, ask, check. Raises OavrError, which holds nothing of what it was made of."""
    sdk = loaded(_post)
    from oavr_tui.pods import runpod_sdk_answers as answers

    failure: OavrError
    try:
        return check(answers, ask(sdk))
    except answers.Malformed:
        failure = errand.lost(say.not_runpod())
    except Exception as error:
        failure = translated(error, sdk, errand)
    raise failure


def _post() -> object:
    from oavr_tui.pods.runpod_sdk_post import Post

    return Post()


def _create(sdk: Sdk, wish: Wish, cuda: list[str]) -> object:
    # None leaves a field out, so that the template's own value holds; the SDK's defaults would override it.
    return sdk.pods.create_pod(
        _quoted(wish.name),
        image_name="",
        gpu_type_id=_quoted(wish.gpu),
        cloud_type=wish.cloud.value.upper(),
        support_public_ip=False,  # the proxy is enough, and fewer hosts have an address of their own
        start_ssh=False,
        data_center_id=_quoted(wish.data_center) if wish.data_center else None,
        gpu_count=1,
        volume_in_gb=None,
        container_disk_in_gb=None,
        min_vcpu_count=None,
        min_memory_in_gb=wish.min_memory_gb,
        docker_args=None,
        ports=None,
        volume_mount_path=_quoted(wish.volume_path) if wish.volume else None,
        env={_quoted(name): _quoted(value) for name, value in wish.env.items()} or None,
        template_id=_quoted(wish.template),
        network_volume_id=_quoted(wish.volume) if wish.volume else None,
        allowed_cuda_versions=cuda,
    )


def _get_pod(sdk: Sdk, quoted: str) -> object:
    try:
        return sdk.pods.get_pod(quoted)
    except sdk.refusal as error:
        if says_no_such_pod(str(error)):
            return None
        raise


def _terminate(sdk: Sdk, quoted: str) -> None:
    try:
        sdk.pods.terminate_pod(quoted)
    except sdk.refusal as error:
        if not says_no_such_pod(str(error)):
            raise


def _offers(sdk: Sdk) -> object:
    try:
        answer = sdk.query(_OFFERS % _STOCK)
    except sdk.refusal as error:
        if _STOCK.lower() not in str(error).lower():
            raise
        answer = sdk.query(_OFFERS % "")  # the stock is not documented, so it may be gone some day
    return answer["data"]["gpuTypes"]


def _confirmed(answers: Any, found: object) -> None:
    """Raises Malformed where a change was answered with nothing."""
    if not isinstance(found, dict):
        raise answers.Malformed


def _pod_id(pod_id: str) -> str:
    if not is_pod_id(pod_id):
        raise say.bad_id()
    return pod_id


def _quoted(text: str) -> str:
    """A text so written that it may stand between the quotes of a GraphQL string, whose escapes are JSON's."""
    return json.dumps(text)[1:-1]

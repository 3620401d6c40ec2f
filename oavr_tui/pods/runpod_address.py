"""Where RunPod is: the address of its API, and those of the services on its pods. From the environment, checked."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from oavr_tui.errors import BadInput

DEFAULT_BASE = "https://api.runpod.io"
DEFAULT_PROXY = "https://{pod}-{port}.proxy.runpod.net"
"""RunPod's proxy: one host name for each port of each pod, open to whoever knows the pod's id."""

_POD_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,60}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class RunPodAddress:
    """base: of the API, without a slash at its end. proxy: a pod's service, with {pod} and {port} to be filled in."""

    base: str = DEFAULT_BASE
    proxy: str = DEFAULT_PROXY

    def service(self, pod_id: str, port: int) -> str:
        """The address of one port (1 .. 65535) of one pod. Raises BadInput for an id that is no part of a host name."""
        if not is_pod_id(pod_id) or not 1 <= port <= 65535:
            raise BadInput("The machine has an id or a port that no address can be made of. It cannot be reached.")
        return self.proxy.replace("{pod}", pod_id).replace("{port}", str(port))


def runpod_address(environ: Mapping[str, str]) -> RunPodAddress:
    """RUNPOD_API_BASE_URL and OAVR_RUNPOD_PROXY, or RunPod's own. Raises BadInput for what is no address."""
    base = environ.get("RUNPOD_API_BASE_URL", "").strip() or DEFAULT_BASE
    proxy = environ.get("OAVR_RUNPOD_PROXY", "").strip() or DEFAULT_PROXY
    return RunPodAddress(checked_base(base), _checked_proxy(proxy))


def checked_base(base: str) -> str:
    """An address for the API without a slash at its end. Raises BadInput.

    Only this computer may be asked without encryption: the key goes with every request.
    """
    parts = _parts(base)
    if parts is None:
        raise BadInput("RUNPOD_API_BASE_URL is no address. It begins with https:// and holds no user name, ? or #.")
    scheme, host = parts
    if scheme == "http" and not is_loopback(host):
        raise BadInput("RUNPOD_API_BASE_URL must begin with https://, since the RunPod key is sent there.")
    return base.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host is this computer: localhost, a name below it, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_pod_id(text: str) -> bool:
    """Whether this can be a pod's id, and so a part of a host name: letters, digits, - and _, at most 62."""
    return _POD_ID.fullmatch(text) is not None


def _checked_proxy(proxy: str) -> str:
    filled = proxy.replace("{pod}", "pod").replace("{port}", "8188")
    known = proxy.count("{pod}") == 1 and proxy.count("{port}") <= 1
    if not known or "{" in filled or "}" in filled or _parts(filled) is None:
        raise BadInput(
            "OAVR_RUNPOD_PROXY is no address of a pod's service. It looks like https://{pod}-{port}.proxy.runpod.net."
        )
    return proxy.rstrip("/")


def _parts(url: str) -> tuple[str, str] | None:
    """Scheme and host of an http(s) address without user name, query and fragment; None for anything else."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    odd = parts.query or parts.fragment or parts.username is not None or any(not "!" <= each <= "~" for each in url)
    return (parts.scheme, host) if parts.scheme in ("http", "https") and host and not odd else None

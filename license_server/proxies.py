"""Who is really asking, where a trusted proxy stands in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, IPv4 also where it is written as IPv6 (`::ffff:192.0.2.1`); None for anything else."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether the peer of a connection is one of our proxies."""
    address = parse_address(peer)
    return address is not None and any(address in network for network in trusted)


def forwarded_reader(trusted: Sequence[Network]) -> Callable[[str, str], str]:
    """Gives `client(proxy, forwarded)`: the client's address by an X-Forwarded-For that came from a trusted proxy.

    Each proxy appends whom it was asked by, so only the entries on the right of the last untrusted one can be believed:
    what a client wrote itself stands further left. At what is no address the walk ends with the proxy that passed it.
    """

    @lru_cache(maxsize=4096)
    def client(proxy: str, forwarded: str) -> str:
        nearest = proxy
        for entry in reversed(forwarded.split(",")):
            address = parse_address(entry)
            if address is None:
                return nearest
            nearest = str(address)
            if not any(address in network for network in trusted):
                return nearest
        return nearest

    return client

"""Where sources may lie: the public internet, and private networks that a setting names. Pure.

An address in `sources.yaml`, or one that a publisher redirects to, must not make Tocsin read a machine of the house's own
network (SSRF). The name is resolved, every address it has is judged, and the connection goes to an address that was judged,
so that a name which changes its answer between the two gains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from contracts.errors import UserError

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
_NAT64 = ip_network("64:ff9b::/96")


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks from `10.0.0.0/8,127.0.0.0/8`.

    Raises:
        UserError: naming what is no network.
    """
    networks: list[Network] = []
    for part in text.replace(";", ",").split(","):
        if part.strip():
            try:
                networks.append(ip_network(part.strip(), strict=False))
            except ValueError as error:
                raise UserError(
                    f"TOCSIN_INGEST__PRIVATE_NETWORKS: {part.strip()!r} is no network; write 10.0.0.0/8"
                ) from error
    return tuple(networks)


def allowed(addresses: Iterable[str], networks: Sequence[Network]) -> list[str]:
    """The addresses that may be connected to; none when one of them may not: a name that mixes both is a trick."""
    given = list(addresses)
    if not all(_may(ip_address(one.partition("%")[0]), networks) for one in given):
        return []
    return given


def _may(address: Address, networks: Sequence[Network]) -> bool:
    if any(address in network for network in networks if network.version == address.version):
        return True
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _may(inner, networks)
    return address.is_global and not address.is_multicast

"""The lab's wire on this machine: a bridge, the networks on it, and taking hosts off it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from console.errors import LabError
from console.lab.layout import Layout
from console.lab.lock import locked
from console.lab.plan import Place, Subnet
from console.lab.run import outcome, run
from console.lab.wiring import Wiring

_ALL = ip_network("198.18.0.0/15")
_CHOOSING = Path("/run/lock/quarterdeck-lab-network")


def free_subnet(first: int, used: Iterable[IPv4Network]) -> Subnet | None:
    """The first subnet from number `first` on, going round, that overlaps none of `used`. Pure."""
    taken = list(used)
    for step in range(254):
        subnet = Subnet((first + step) % 254 + 1)
        if not any(ip_network(mine).overlaps(other) for mine in subnet.networks for other in taken):
            return subnet
    return None


class Network:
    """The bridge of one lab and the links on it. `subnet` is chosen when the bridge is first made."""

    def __init__(self, layout: Layout, report: Callable[[str], None]) -> None:
        self._layout = layout
        self._report = report

    async def ensure(self, subnet: Subnet | None) -> Subnet:
        """Have the bridge up with `subnet`'s addresses; a free subnet is chosen if None.

        :raises LabError: someone else on this machine has those networks.
        """
        bridge = self._layout.bridge
        async with _choosing(self._report):
            used = await self._used()
            if subnet is None:
                subnet = free_subnet(int(self._layout.id, 16), used)
                if subnet is None:
                    raise LabError(f"no free network left in {_ALL}")
            elif any(ip_network(mine).overlaps(other) for mine in subnet.networks for other in used):
                raise LabError(
                    f"another network on this machine has {' or '.join(subnet.networks)} now",
                    hint="lab down, then lab up takes a free one",
                )
            if not await self._exists(bridge):
                # A fixed hardware address: else it is the lowest of its ports', and changes as hosts go.
                await run(["ip", "link", "add", bridge, "address", self._layout.mac(0), "type", "bridge"])
            for address in (subnet.public(1), subnet.back(1)):
                await run(["ip", "address", "replace", f"{address}/24", "dev", bridge])
            await run(["ip", "link", "set", bridge, "up"])
        return subnet

    async def remove(self) -> None:
        """Take the bridge and every link of the lab away."""
        mine = self._layout.bridge
        for name in await self._links():
            if name == mine or name.startswith((f"{mine}-", f"{mine}p")):
                await outcome(["ip", "link", "delete", name])  # a link goes with its host's last process too

    def wiring(self, host: Place, subnet: Subnet) -> Wiring:
        """A host's cable: both its addresses, and a way back to the users' network without the public one."""
        addresses = (f"{subnet.public(host.number)}/24", f"{subnet.back(host.number)}/24")
        layout = self._layout
        routes = (subnet.networks[0],)
        return Wiring(layout.bridge, layout.link(host.number), layout.mac(host.number), addresses, routes)

    def proxy_wiring(self, host: Place, subnet: Subnet) -> Wiring:
        """The cable of the host's proxy, which has the host's public address."""
        layout, number = self._layout, host.number
        addresses = (f"{subnet.public(number)}/24",)
        routes = (subnet.networks[1],)
        mac = layout.mac(number, proxy=True)
        return Wiring(layout.bridge, layout.proxy_link(number), mac, addresses, routes)

    async def unplug(self, link: str) -> None:
        """Take a link away now; the kernel would, a little after its last process."""
        if await self._exists(link):
            await outcome(["ip", "link", "delete", link])

    async def is_cut(self, host: Place) -> bool:
        """Whether the host's cable is off."""
        code, out, _ = await outcome(["ip", "-json", "link", "show", "dev", self._layout.link(host.number)])
        return code == 0 and "UP" not in json.loads(out)[0]["flags"]

    async def cut(self, host: Place, subnet: Subnet) -> None:
        """Silence, both ways: the machine goes on sending to the host's hardware address, to nobody."""
        # Without the fixed neighbour the machine finds out after a while, and says "no route to host".
        fixed = ["lladdr", self._layout.mac(host.number), "dev", self._layout.bridge, "nud", "permanent"]
        for address in (subnet.public(host.number), subnet.back(host.number)):
            await run(["ip", "neighbour", "replace", address, *fixed])
        await run(["ip", "link", "set", self._layout.link(host.number), "down"])

    async def plug(self, host: Place, subnet: Subnet) -> None:
        """The host's cable is on, and the machine looks anew for who has its addresses."""
        await run(["ip", "link", "set", self._layout.link(host.number), "master", self._layout.bridge, "up"])
        await self.forget(host, subnet)

    async def forget(self, host: Place, subnet: Subnet) -> None:
        """Forget which hardware address has the host's addresses."""
        for address in (subnet.public(host.number), subnet.back(host.number)):
            await outcome(["ip", "neighbour", "delete", address, "dev", self._layout.bridge])

    async def _used(self) -> list[IPv4Network]:
        """The networks on this machine that are in our range and not on our own bridge."""
        found = []
        for link in json.loads(await run(["ip", "-json", "-4", "address"])):
            for entry in link["addr_info"]:
                network = ip_network(f"{entry['local']}/{entry['prefixlen']}", strict=False)
                if link["ifname"] != self._layout.bridge and isinstance(network, IPv4Network):
                    found.append(network)
        return [network for network in found if network.overlaps(_ALL)]

    async def _exists(self, link: str) -> bool:
        return link in await self._links()

    async def _links(self) -> list[str]:
        return [link["ifname"] for link in json.loads(await run(["ip", "-json", "link"]))]


@asynccontextmanager
async def _choosing(report: Callable[[str], None]) -> AsyncIterator[None]:
    async with locked(_CHOOSING, "another lab to choose its network", report):
        yield

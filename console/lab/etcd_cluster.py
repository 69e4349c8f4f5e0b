"""The etcd that a lab's etcd hosts are together: founding it, letting members in and out.

The first members make a cluster by themselves, from a list that each is given (etcd's static bootstrap).
Later ones are let in as learners, which have no vote until they have everything, so a command that is cut
short never costs the majority. What is so is read from the hosts' disks and from the cluster: a member
with data has run, and one without an environment file is in no cluster.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from console.lab import etcd_member
from console.lab.etcd_api import EtcdApi
from console.lab.guest import Guest
from console.lab.plan import ETCD, Subnet


class EtcdCluster:
    """The members among `guests`, and those among `removed` that must say goodbye first.

    :param token: names the cluster, in case two have the same addresses.
    """

    def __init__(self, guests: Sequence[Guest], removed: Sequence[Guest], subnet: Subnet, token: str) -> None:
        self._members = [guest for guest in guests if guest.place.kind == ETCD]
        self._subnet = subnet
        self._token = token
        self._founded = any(etcd_member.has_data(guest.folder) for guest in (*self._members, *removed))
        stays = self._founded and bool(self._members)
        #: Those that are to leave a cluster that goes on without them.
        self.leaving = [guest for guest in removed if stays and guest.place.kind == ETCD]

    def later(self, guest: Guest) -> bool:
        """Whether `guest` is of no use before the cluster is up: it is in none, or has left it."""
        return guest.place.kind == ETCD and not etcd_member.environment_file(guest.folder).exists()

    async def clear(self) -> None:
        """Before hosts get their folders: take away what an interrupted command left.

        That is members that left and are wanted again, and members that have never made a cluster.
        """
        for guest in self._members:
            if not self._founded or (self.later(guest) and etcd_member.has_data(guest.folder)):
                await guest.remove()

    def found(self) -> None:
        """After: a cluster that has never run is made of all members that there are now."""
        if self._founded:
            return
        everybody = {guest.name: self._url(guest) for guest in self._members}
        for guest in self._members:
            self._write(guest, everybody, founding=True)

    async def settle(self, boot: Callable[[Guest], Awaitable[None]], report: Callable[[str], None]) -> None:
        """When all others run: let those who leave go, and those who come `later` in.

        :param boot: boots a host and waits for it.
        :raises LabError: the cluster refuses, or a host does not come up.
        """
        for guest in self.leaving:
            await self._let_go(guest)
            await guest.remove()
            report(f"{guest.name}: left etcd, removed")
        for guest in self._members:
            if self.later(guest):
                await self._let_in(guest, boot)
                report(f"{guest.name}: joined etcd")
        await self._promote()

    async def _let_go(self, guest: Guest) -> None:
        # From here on its data is of no use, whatever becomes of us.
        etcd_member.environment_file(guest.folder).unlink(missing_ok=True)
        await self._drop(guest)

    async def _let_in(self, guest: Guest, boot: Callable[[Guest], Awaitable[None]]) -> None:
        await self._promote()  # etcd takes one learner at a time
        await self._drop(guest)
        url = self._url(guest)
        everybody = await self._first.add_learner(url)
        names = {member.name: member.peer_url for member in everybody if member.peer_url != url}
        self._write(guest, names | {guest.name: url}, founding=False)
        await boot(guest)

    async def _drop(self, guest: Guest) -> None:
        """Have no member in the cluster at the guest's address."""
        etcd = self._first
        for member in await etcd.members():
            if member.peer_url == self._url(guest):
                await etcd.remove(member)

    async def _promote(self) -> None:
        """Give every learner its vote."""
        if not self._members:
            return
        etcd = self._first
        for member in await etcd.members():
            if member.learner and member.name:  # one without a name has never run
                await etcd.promote(member)

    @property
    def _first(self) -> EtcdApi:
        """The etcd that has been there from the start: those with the highest numbers go."""
        return self._members[0].etcd()

    def _url(self, guest: Guest) -> str:
        return etcd_member.peer_url(guest.place, self._subnet)

    def _write(self, guest: Guest, everybody: dict[str, str], *, founding: bool) -> None:
        text = etcd_member.environment(guest.place, self._subnet, everybody, self._token, founding=founding)
        file = etcd_member.environment_file(guest.folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

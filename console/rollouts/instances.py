"""What a rollout of services asks of the registry of services, and has it be. The engine's room has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance as the registry has it.

    :param revision: that it is to be; None: its service has no such instance.
    :param launched: whether its service is to run.
    :param spare: whether its service has one instance more than it has, for a rollout.
    :param host: where it is placed; None: nowhere.
    :param placed: as which revision it is placed there.
    :param engine: whether an engine is elected, which carries it out.
    :param failed: why the engine says it has failed there; empty if it does not.
    :param pending: why no host will have it; empty if one will.
    """

    revision: int | None
    launched: bool = True
    spare: bool = False
    host: str | None = None
    placed: int | None = None
    engine: bool = True
    failed: str = ""
    pending: str = ""

    @property
    def meant(self) -> tuple[object, ...]:
        """What is wanted of it, and where."""
        return self.revision, self.launched, self.host, self.placed


class Instances(Protocol):
    """The instances of services. All of this raises `StoreError` where etcd does not say, or take it.

    Every change compares what it was worked out from: `Conflict` where somebody else was faster.
    """

    async def see(self, service: str, instance: str, host: str) -> Seen | None:
        """One instance; None: there is no such service any more.

        :param host: its own, where the service has one on every host.
        """

    async def give(self, service: str, instance: str, host: str, revision: int, *, spare: bool) -> None:
        """Have an instance be of a revision; an engine has it run so.

        :param spare: have the service have one instance more than it has, for it to be that.
        """

    async def take_away(self, service: str, instance: str) -> None:
        """Have the service have no spare any more. `instance` is what that was."""

    async def settle(self, service: str, before: int, revision: int) -> None:
        """Have the service as a whole be of the revision that its instances are, and have no spare.

        One that is neither of this revision nor of the one before is somebody else's by now, and is left.
        """

    async def let_be(self, service: str) -> None:
        """Have the service have no spare; its instances stay as they are, each of its revision."""

"""The gate of a host that was brought to another version: looked at until it opens, or has to stay shut.

What is asked of the host: its boot and whether that has ended, its units and containers as the fleet's model
has them, live, and the operator's own check. `gate.py` says what of it is worse than it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from console.errors import HostError, Unreachable
from console.model.state import Source, State
from console.model.text import clean
from console.rollouts import hand
from console.rollouts.course import Failed, Outcome
from console.rollouts.gate import Vitals, read_vitals, troubles, vitals
from console.rollouts.kind import At, Site
from console.rollouts.own_check import OwnChecks
from console.rollouts.proving import Proving

#: How long a host has to be well, where nothing else is said. Seconds.
GATE_S = 60.0

_RESTARTS = "systemctl show --property=Id --property=NRestarts '*.service'"
_STATE = "cat /proc/sys/kernel/random/boot_id; systemctl is-system-running"
_BOOTED_STATES = frozenset({"running", "degraded"})


class HostGate:
    """The gates of the hosts of one rollout.

    :param runs: whether a host runs what it was to boot.
    """

    def __init__(self, site: Site, runs: Callable[[At], Awaitable[bool]]) -> None:
        self._site = site
        self._runs = runs
        self._proving = Proving(GATE_S)
        self._checks = OwnChecks(site)

    async def look(self, at: At) -> Outcome:
        """Well for as long as is asked, in one go. Who takes over begins to count anew."""
        now = self._site.now()
        try:
            wrong = await self._wrong(at)
        except HostError as error:
            silent = "it does not answer: " if isinstance(error, Unreachable) else ""
            wrong = [f"{silent}{words(error)}"]
        if wrong is None:
            return Failed("it is back on the version before by itself", blames=True)
        return self._proving.judge(at, wrong, now)

    async def _wrong(self, at: At) -> list[str] | None:
        """What keeps the gate shut; None: the host runs the version before."""
        transport = hand.reach(self._site, at.host)
        said = await transport.run(("sh", "-c", _STATE), limit=4096)
        boot, _, state = said.stdout.decode("utf-8", "replace").strip().partition("\n")
        if boot.strip() != at.fact("new_boot") and not await self._runs(at):
            return None
        if state.strip() not in _BOOTED_STATES:
            return [f"its boot has not ended: {clean(state.strip(), 40) or 'it does not say'}"]
        now = await self.vitals(at)
        if now is None:
            return ["its units and containers are not known yet"]
        before = read_vitals(at.fact("baseline"))
        wrong = troubles(before, now, complete=bool(at.setting("boot_complete")))
        return wrong or await self._checks.look(at, at.host)

    async def vitals(self, at: At, *, restarts: bool = False) -> Vitals | None:
        """How the host is; None while not all of it is known."""
        model = self._site.fleet.model
        host = model.find(at.host)
        if host is None or host.state is not State.LIVE:
            return None
        units = host.sources.get(Source.UNITS)
        containers = host.sources.get(Source.CONTAINERS)
        if units is None or units.state is not State.LIVE:
            return None
        if containers is None or containers.state not in (State.LIVE, State.ABSENT):
            return None
        counts: dict[str, int] = {}
        if restarts:
            said = await hand.reach(self._site, at.host).run(("sh", "-c", _RESTARTS))
            counts = restarts_of(said.stdout.decode("utf-8", "replace"))
        return vitals(model.units(at.host), model.containers(at.host), counts)


def restarts_of(text: str) -> dict[str, int]:
    """How often systemd has restarted each service: what `systemctl show` prints of `Id` and `NRestarts`."""
    found: dict[str, int] = {}
    for block in text.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        count = values.get("NRestarts", "")
        if "Id" in values and count.isdigit():
            found[clean(values["Id"], 300)] = int(count[:9])
    return found


def words(error: HostError) -> str:
    """What a host's fault is, with what to do about it."""
    return f"{error.message} ({error.hint})" if error.hint else error.message

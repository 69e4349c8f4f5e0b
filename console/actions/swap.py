"""One container in another's place, on its host: by the engine's own command, as a unit that outlives us.

    stop the one that goes ─▶ it gives up its name ─▶ the other one takes it ─▶ start
                                                            └ does not start: all of it back

Over the engine's API, a console that dies between the stop and the start would leave neither running. Here
the host does all of it by itself once it was asked. It can be asked again at any point: what is so already
is passed over. A daemon that is away for a while, as in a restart, is waited for.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from console.errors import HostFailure, Refused
from console.updates.driver import Argv
from console.updates.work import Workbench, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.hosts.transport import Transport

#: Seconds that a daemon is waited for; and for the swap beyond what the stop may take.
_DAEMON_S = 60
_SWAP_S = 120.0
_BUSY_EVERY_S = 1.0

#: What may be done again at any point. $1: docker or podman.
_SAFELY = f"""
set -u
engine=$1
up() {{ "$engine" version >/dev/null 2>&1; }}
steady() {{
  left={_DAEMON_S} tries=2
  until "$@"; do
    if up; then tries=$((tries-1)); [ $tries -gt 0 ] || return 1; fi
    left=$((left-1)); [ $left -gt 0 ] || return 1
    sleep 1
  done
}}
called() {{
  name=$("$engine" inspect --type container --format '{{{{.Name}}}}' "$1") || return 1
  [ "${{name#/}}" = "$2" ] || "$engine" rename "$1" "$2"
}}
policy() {{ "$engine" update --restart="$2" "$1" >/dev/null || [ "$engine" = podman ]; }}
"""
#: $2: the id that goes, $3: its name then, $4: the id that comes, $5: its name then, $6: the restart policy
#: of whoever has the place in the end, $7: the name of the one that comes, should it not start.
_SWAP = f"""{_SAFELY}
# A daemon that starts must not bring back what was put aside.
steady policy "$2" no || exit 1
echo "stopping the one that goes"
if ! steady "$engine" stop "$2" >/dev/null; then policy "$2" "$6"; exit 1; fi
steady called "$2" "$3" && steady called "$4" "$5" && steady "$engine" start "$4" >/dev/null \\
  && steady policy "$4" "$6" && exit 0
echo "the one that comes does not start: the other one is brought back"
"$engine" stop "$4" >/dev/null 2>&1
steady called "$4" "$7"; steady called "$2" "$5"
steady "$engine" start "$2" >/dev/null && steady policy "$2" "$6" && echo "it runs again"
exit 1
"""
#: $2: the id, $3: its name then, $4: its restart policy then.
_RETURN = f"""{_SAFELY}
steady called "$2" "$3" && steady "$engine" start "$2" >/dev/null && steady policy "$2" "$4"
"""


@dataclass(frozen=True, slots=True)
class Swap:
    """Who goes, who comes, and what they are called and restarted by.

    :param goes, comes: full ids.
    :param name: whose place it is.
    :param aside: what the one that goes is called then.
    :param failed: what the one that comes is called if it does not start.
    :param policy: `--restart` of whoever has the place in the end; the other one has none.
    """

    engine: str
    goes: str
    comes: str
    name: str
    aside: str
    failed: str
    policy: str

    async def carry_out(self, transport: Transport, heard: Callable[[str], None], *, grace: float) -> None:
        """Have the host do it, and wait for the end.

        :param grace: seconds that the stop may take.
        :raises HostError: as `work` does; where the one that comes did not start, the other one runs again.
        """
        script = ("sh", "-c", _SWAP, "sh", self.engine, self.goes, self.aside, self.comes, self.name)
        argv = (*script, self.policy, self.failed)
        what = f"{self.name}: {self.comes[:12]} for {self.goes[:12]}"
        await worked(transport, what, argv, heard, within=_SWAP_S + grace, about=self.name)


@dataclass(frozen=True, slots=True)
class Return:
    """A container that gets a place back which nobody has.

    :param container: its full id.
    :param policy: `--restart` that goes with the place.
    """

    engine: str
    container: str
    name: str
    policy: str

    async def carry_out(self, transport: Transport, heard: Callable[[str], None]) -> None:
        """Have the host do it, and wait for the end. :raises HostError: as `work` does."""
        argv = ("sh", "-c", _RETURN, "sh", self.engine, self.container, self.name, self.policy)
        what = f"{self.name}: {self.container[:12]} again"
        await worked(transport, what, argv, heard, within=_SWAP_S, about=self.name)


async def worked(
    transport: Transport,
    what: str,
    argv: Argv,
    heard: Callable[[str], None],
    *,
    within: float,
    about: str,
) -> None:
    """`work` on a bench of its own for each thing that it is `about`, so that others go on beside it.

    Other work about the same thing is waited for: somebody's who did not stay to see its end.

    :raises HostError: as `work` does; also where the other work has not ended in that time.
    """
    mark = sha256(about.encode()).hexdigest()[:8]
    bench = Workbench(f"quarterdeck-container-{mark}.service", f"/run/quarterdeck/container-{mark}")
    clock = asyncio.get_running_loop()
    end, told = clock.time() + within, False
    while True:
        try:
            return await work(transport, what, [argv], heard, within=within, bench=bench)
        except Refused as error:
            if clock.time() > end:
                raise HostFailure(error.message, host=error.host, hint=error.hint) from error
            if not told:
                heard(error.message)
            told = True
            await asyncio.sleep(_BUSY_EVERY_S)


def policy_words(policy: object) -> str:
    """A `RestartPolicy` of the API in the words of `--restart`: `no`, `always`, `on-failure:3`."""
    if not isinstance(policy, dict):
        return "no"
    name, most = policy.get("Name"), policy.get("MaximumRetryCount")
    if name == "on-failure" and isinstance(most, int) and most > 0:
        return f"on-failure:{most}"
    return name if name in ("always", "unless-stopped", "on-failure") else "no"

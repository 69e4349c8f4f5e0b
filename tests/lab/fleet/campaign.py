"""A campaign of faults, drawn from a seed: what befalls hosts, engines and etcd, and what holds after it.

    draw a fault ─▶ it lasts a while; meanwhile something else may be desired ─▶ all is whole again
         ─▶ desired = actual, within a limit ─▶ the next
    at the end: nothing was stopped on any host without a cause in the audit

What is actual, and what was stopped, the hosts say by their own records. The same seed draws the same.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from tests.lab.fleet.placing import HELLO, OwnEtcd, Placing

#: Until all is as desired, once everything is whole. Seconds; most of it is engines and hosts coming back.
SETTLED_S = 90.0

#: How long a fault lasts: too short to be noticed, noticed, and longer than it takes to give a host up.
LASTS_S = (0.5, 3.0, 8.0, 20.0)

_REPLICAS = (2, 8)
_SERVICE = "camp@.service"
_PATTERN = "camp@*"
_TEXT = f"{HELLO}Environment=TEXT=%d\n[X-Quarterdeck]\nReplicas=6\n"

#: systemd's own message that a unit has been stopped (sd-messages(3), SD_MESSAGE_UNIT_STOPPED).
_STOPPED = "9d1aaa27d60140bd96365438aad20286"

#: What is stopped by a change, as an engine records it.
_STOPS = re.compile(r"\b(?:stop|remove) (\S+?)(?:,|$)")

#: An audited change may take so long until systemd says that it is done, and clocks may differ. Seconds.
_CAUSE_S = (2.0, 60.0)


@dataclass(frozen=True, slots=True)
class Stop:
    """A unit that was, or is to be, stopped on a host, and when, in seconds of the epoch."""

    host: str
    unit: str
    at: float


@dataclass
class Campaign:
    """One campaign.

    :param etcd: the fleet's.
    """

    placing: Placing
    etcd: OwnEtcd
    seed: int
    told: list[str] = field(default_factory=list)
    replicas: int = 6
    text: int = 0

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._began = time.time()

    def begin(self) -> None:
        """Two engines, and a service that runs."""
        self.placing.leading()
        self.placing.engine()
        self._submit()
        self.settle()

    def round(self) -> None:
        """One fault, and maybe another wish while it lasts."""
        fault = self._draw.choice(self._faults)
        lasts = self._draw.choice(LASTS_S)
        wish = self._draw.choice((None, self._scale, self._revise))
        with fault() as what:
            self.told.append(f"{what} for {lasts:g} s")
            if wish is not None and "etcd" not in what:
                wish()
            time.sleep(lasts)
        self.settle()

    def settle(self) -> None:
        """Wait until all is as desired, and see that it stays so."""
        self.placing.until(self._whole, self._story("hosts and engines are whole"), SETTLED_S)
        if self.placing.status()["brake"] is not None:
            self.told.append("engine resume")
            self.placing.run("engine", "resume", "--yes")
        self.placing.until(self._as_desired, self._story("all is as desired"), SETTLED_S)
        self.placing.holds(self._as_desired, self._story("it stays so"), 1)

    def uncaused(self) -> list[Stop]:
        """What was stopped, and no engine's record says so."""
        causes = self._causes()
        before, after = _CAUSE_S
        return [
            stop
            for stop in self._stops()
            if not any(
                (cause.host, cause.unit) == (stop.host, stop.unit)
                and cause.at - before <= stop.at <= cause.at + after
                for cause in causes
            )
        ]

    # -- what befalls it --------------------------------------------------------------------

    @property
    def _faults(self) -> tuple[Callable[[], AbstractContextManager[str]], ...]:
        return (
            *(self._power, self._cut, self._frozen, self._two_cut),
            *(self._engine_killed, self._engine_frozen, self._engine_ended, self._etcd_frozen),
        )

    @contextmanager
    def _power(self) -> Iterator[str]:
        host = self._draw.choice(self.placing.hosts)
        asyncio.run(self.placing.lab.kill(host))
        yield f"{host} has no power"
        asyncio.run(self.placing.lab.start(host))

    @contextmanager
    def _cut(self) -> Iterator[str]:
        host = self._draw.choice(self.placing.hosts)
        asyncio.run(self.placing.lab.cut(host))
        yield f"{host} is cut off"
        asyncio.run(self.placing.lab.heal(host))

    @contextmanager
    def _two_cut(self) -> Iterator[str]:
        hosts = self._draw.sample(self.placing.hosts, 2)
        for host in hosts:
            asyncio.run(self.placing.lab.cut(host))
        yield f"{' and '.join(hosts)} are cut off"
        for host in hosts:
            asyncio.run(self.placing.lab.heal(host))

    @contextmanager
    def _frozen(self) -> Iterator[str]:
        host = self._draw.choice(self.placing.hosts)
        asyncio.run(self.placing.lab.freeze(host))
        yield f"{host} is frozen"
        asyncio.run(self.placing.lab.thaw(host))

    @contextmanager
    def _engine_killed(self) -> Iterator[str]:
        number = self._an_engine()
        self.placing.engines[number].kill()
        yield f"engine {number} is killed"
        self.placing.engine()

    @contextmanager
    def _engine_ended(self) -> Iterator[str]:
        number = self._an_engine()
        self.placing.engines[number].end()
        yield f"engine {number} has ended"
        self.placing.engine()

    @contextmanager
    def _engine_frozen(self) -> Iterator[str]:
        number = self._an_engine()
        self.placing.engines[number].freeze()
        yield f"engine {number} is frozen"
        self.placing.engines[number].thaw()

    @contextmanager
    def _etcd_frozen(self) -> Iterator[str]:
        self.etcd.freeze()
        yield "etcd is frozen"
        self.etcd.thaw()

    def _an_engine(self) -> int:
        """The number of one that lives."""
        living = [at for at, engine in enumerate(self.placing.engines) if engine.process.poll() is None]
        return self._draw.choice(living)

    # -- what is desired --------------------------------------------------------------------

    def _scale(self) -> None:
        self.replicas = self._draw.randint(*_REPLICAS)
        self.placing.change(_SERVICE, replicas=self.replicas)
        self.told.append(f"{self.replicas} replicas")

    def _revise(self) -> None:
        self.text += 1
        self._submit()
        self.told.append(f"text {self.text}")

    def _submit(self) -> None:
        self.placing.submit({_SERVICE: _TEXT % self.text})

    # -- what has to hold -------------------------------------------------------------------

    def _whole(self) -> bool:
        status = self.placing.status()
        return status["leader"] is not None and {one["standing"] for one in status["hosts"]} == {"live"}

    def _as_desired(self) -> bool:
        """Whether each instance runs once, where etcd has it, with the newest text, and nothing else does."""
        names = {f"camp@{number}.service" for number in range(1, self.replicas + 1)}
        active = self.placing.active(_PATTERN)
        if active != {name: (host,) for name, host in self.placing.placed().items()} or set(active) != names:
            return False
        said = self.placing.ask_all(f"systemctl show -P Environment '{_PATTERN}'")
        texts = {line for lines in said.values() for line in lines.split()}
        return texts == {f"TEXT={self.text}"}

    def _story(self, what: str) -> str:
        return f"{what}; seed {self.seed}: {'; '.join(self.told)}"

    # -- the records ------------------------------------------------------------------------

    def _stops(self) -> list[Stop]:
        asked = f"journalctl -o json --since=@{int(self._began)} MESSAGE_ID={_STOPPED}"
        found = []
        for host, said in self.placing.ask_all(asked).items():
            for entry in map(json.loads, said.splitlines()):
                if str(entry.get("UNIT", "")).startswith("camp@"):
                    found.append(Stop(host, entry["UNIT"], int(entry["__REALTIME_TIMESTAMP"]) / 1e6))
        return found

    def _causes(self) -> list[Stop]:
        """What engines have recorded that they stop, before they began with it."""
        found = []
        for path in self.placing.folder.glob("state-*/quarterdeck/audit.jsonl"):
            for record in map(json.loads, path.read_text().splitlines()):
                if record["phase"] != "begin":
                    continue
                at = datetime.fromisoformat(record["time"]).timestamp()
                for step in record["plan"]["steps"]:
                    units = _STOPS.findall(step["then"])
                    found += [Stop(step["host"], unit, at) for unit in units]
        return found

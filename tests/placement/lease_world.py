"""A small world in which leases may go wrong: two hosts, two engines, one etcd, and a network that does as
it likes. What an engine decides by is the product's own `Leases`; the host's rule is the script's
(`console/actions/wind_lease.sh`), which the lab holds against this one's words.

    true time ─▶ clocks of their own rate and offset ─▶ engines, hosts
    messages: late, twice, in any order, or never
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from console.placement.lease import Clock, Kept, Leases, Terms, Wind

#: Short, so that much happens in few steps; clocks run apart by up to a third, so that it counts.
TERMS = Terms(ttl=8.0, wind=2.0, margin=0.75, drift=0.3)
STOP_S = 4.0
STEP_S = 0.25
CLAIM_S = 1.0
#: A host looks at its lease so often.
POLL_S = 0.5

#: An engine takes a host that says nothing for so long for gone.
SILENT_S = 2.6

HOSTS = ("a", "b")
INSTANCE = "one.service"


@dataclass(frozen=True)
class Rules:
    """The protocol; each of these false is one that must not be."""

    compares_revision: bool = True
    compares_order: bool = True
    compares_boot: bool = True
    absolute: bool = True
    records_first: bool = True
    adds_stop: bool = True
    adds_drift: bool = True
    names_units: bool = True
    waits_for_down: bool = True


@dataclass
class Host:
    """A host's lease, and the one unit: up, or going down until some moment."""

    name: str
    rate: float
    booted: float = 0.0
    boot: int = 0
    revision: int = 0
    deadline: int = 0
    holds: frozenset[str] = frozenset()
    up: bool = False
    down_at: float | None = None
    looked: float = 0.0

    @property
    def has_copy(self) -> bool:
        return self.up or self.down_at is not None

    def uptime(self, now: float) -> int:
        return int((now - self.booted) * self.rate * 100)


@dataclass(frozen=True)
class Sent:
    """A message to a host, and who waits for what it says."""

    host: str
    what: str
    engine: str
    life: int
    revision: int
    wind: Wind | None = None


@dataclass(frozen=True)
class Said:
    """What a host answers."""

    sent: Sent
    uptime: int
    boot: int
    down: frozenset[str] = frozenset()
    done: bool = True


@dataclass
class Etcd:
    """The claim, the placement of the one instance, and the leases as recorded."""

    revision: int = 1
    holder: str = ""
    claimed: int = 0
    until: float = 0.0
    placed: str = "a"
    leases: dict[str, Kept] = field(default_factory=dict)
    up: bool = True


@dataclass
class Engine:
    """An engine: what it believes, on its own clock."""

    name: str
    rate: float
    offset: float
    frozen: bool = False
    life: int = 0
    revision: int = 0
    leases: Leases = field(default_factory=lambda: Leases(TERMS))
    unsent: list[tuple[str, Wind]] = field(default_factory=list)
    leaving: bool = False
    wound: dict[str, tuple[float, bool]] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)

    def clock(self, now: float) -> float:
        return now * self.rate + self.offset


class Doubled(AssertionError):
    """The instance had two copies at one instant."""


class World:
    """One story: all is well but for a few faults, whose kinds, times and lengths the dice choose."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.dice = random.Random(seed)
        self.rules = rules
        self.now = 100.0
        self.terms = TERMS if rules.adds_drift else replace(TERMS, drift=0.0)
        slow = TERMS.drift / 2.05
        rates = [self.dice.choice((1 - slow, 1.0, 1 + slow)) for _ in range(4)]
        self.hosts = {
            name: Host(name, rate, booted=self.dice.uniform(0, 90))
            for name, rate in zip(HOSTS, rates, strict=False)
        }
        self.engines = {
            name: Engine(name, rate, self.dice.uniform(-1000, 1000), leases=Leases(self.terms))
            for name, rate in zip(("e", "f"), rates[2:], strict=True)
        }
        self.etcd = Etcd()
        self.network: list[tuple[float, Sent | Said]] = []
        self.cut: dict[str, bool] = {}  # hosts that are cut off; whether what is sent there comes late
        self.story: list[str] = []
        self.moves = self.starts = 0

    def run(self, seconds: float = 60.0, faults: int = 4) -> None:
        """:raises Doubled: the story ends badly; it is in the message."""
        end = self.now + seconds
        kinds = (self.cuts, self.cuts, self.freezes, self.freezes, self.kills, self.reboots, self.etcd_goes)
        due: list[tuple[float, Callable[[], Callable[[], None] | None]]] = [
            (self.dice.uniform(self.now + 4, end - 5), self.dice.choice(kinds)) for _ in range(faults)
        ]
        ends: list[tuple[float, Callable[[], None]]] = []
        while self.now < end:
            self.passes(STEP_S)
            for at, begins in [one for one in due if one[0] <= self.now]:
                due.remove((at, begins))
                if (over := begins()) is not None:
                    ends.append((self.now + self.dice.choice((1.0, 3.0, 8.0, 18.0, 22.0)), over))
            for at, over in [one for one in ends if one[0] <= self.now]:
                ends.remove((at, over))
                over()
            self.delivers()
            if self.dice.random() < 0.2:
                self.meddles()
            for engine in self.dice.sample([*self.engines.values()], 2):
                if not engine.frozen:
                    self.acts(engine)
            self.check()

    def tell(self, text: str) -> None:
        self.story.append(f"{self.now:7.2f}  {text}")

    def check(self) -> None:
        there = [host.name for host in self.hosts.values() if host.has_copy]
        if len(there) > 1:
            raise Doubled("\n".join([*self.story[-60:], f"{self.now:7.2f}  both {there} have it"]))

    def passes(self, seconds: float) -> None:
        self.now += seconds
        for host in self.hosts.values():
            if host.down_at is not None and self.now >= host.down_at:
                host.down_at = None
            if host.up and self.now - host.looked >= POLL_S:
                host.looked = self.now
                if host.uptime(self.now) >= host.deadline:
                    self.stops(host, "its lease has run out")

    def stops(self, host: Host, why: str) -> None:
        host.up = False
        # One that ignores SIGTERM takes all of it.
        host.down_at = self.now + self.dice.choice((STOP_S, STOP_S, self.dice.uniform(0, STOP_S)))
        self.tell(f"host {host.name}: stops, {why}; gone at {host.down_at:.2f}")

    # -- what befalls it ------------------------------------------------------------------

    def cuts(self) -> Callable[[], None]:
        host = self.dice.choice((self.etcd.placed, self.etcd.placed, *HOSTS))
        self.cut[host] = self.dice.random() < 0.7
        self.tell(f"host {host}: cut off")

        def over() -> None:
            self.cut.pop(host, None)
            self.tell(f"host {host}: reached again")

        return over

    def freezes(self) -> Callable[[], None]:
        leader = next((one for one in self.engines.values() if self.leads(one)), None)
        engine = leader or self.dice.choice([*self.engines.values()])
        engine.frozen = True
        self.tell(f"engine {engine.name}: frozen")

        def over() -> None:
            engine.frozen = False
            self.tell(f"engine {engine.name}: thawed")

        return over

    def kills(self) -> None:
        engine = self.dice.choice([*self.engines.values()])
        engine.life += 1
        engine.frozen, engine.revision, engine.unsent = False, 0, []
        self.tell(f"engine {engine.name}: killed, and begins anew")

    def reboots(self) -> None:
        host = self.hosts[self.dice.choice((self.etcd.placed, *HOSTS))]
        host.booted, host.boot = self.now, host.boot + 1
        host.revision = host.deadline = 0
        host.holds, host.up, host.down_at = frozenset(), False, None
        for engine in self.engines.values():
            engine.leases.silent(host.name)
        self.tell(f"host {host.name}: reboots")

    def etcd_goes(self) -> Callable[[], None]:
        self.etcd.up = False
        self.tell("etcd: gone")

        def over() -> None:
            self.etcd.up = True
            self.tell("etcd: back")

        return over

    def meddles(self) -> None:
        """Somebody at a host starts it there, or a timer does."""
        name = self.dice.choice(HOSTS)
        self._start(self.hosts[name], Sent(name, "start", "somebody", 0, 0))

    # -- the network and the hosts ----------------------------------------------------------

    def sends(self, message: Sent | Said) -> None:
        """Mostly at once; now and then late, twice, or never."""
        odd = self.dice.random()
        late = 0.0 if odd < 0.85 else self.dice.choice((0.5, 2.0, 4.0, 8.0))
        if odd < 0.98:
            self.network.append((self.now + late, message))
        if odd > 0.9:
            self.network.append((self.now + self.dice.choice((1.0, 3.0, 5.0, 9.0)), message))

    def delivers(self) -> None:
        due = [one for one in self.network if one[0] <= self.now]
        self.dice.shuffle(due)
        for one in due:
            message = one[1]
            host = message.host if isinstance(message, Sent) else message.sent.host
            if host in self.cut:
                if not self.cut[host]:
                    self.network.remove(one)
                continue
            self.network.remove(one)
            if isinstance(message, Said):
                self.hears(message)
                continue
            what = {"ask": self._ask, "wind": self._wind, "start": self._start, "stop": self._stop}
            if (said := what[message.what](self.hosts[host], message)) is not None:
                self.sends(said)

    def _ask(self, host: Host, sent: Sent) -> Said:
        return Said(sent, host.uptime(self.now), host.boot)

    def _wind(self, host: Host, sent: Sent) -> Said | None:
        wind, up = sent.wind, host.uptime(self.now)
        assert wind is not None
        if self.rules.compares_boot and wind.boot != str(host.boot):
            return None
        if self.rules.compares_revision and sent.revision < host.revision:
            return None
        same = sent.revision == host.revision
        if self.rules.compares_order and same and wind.deadline <= host.deadline:
            return None
        deadline = wind.deadline if self.rules.absolute else up + int(TERMS.ttl * 100)
        if deadline <= up:
            return Said(sent, up, host.boot, done=False)
        host.revision, host.deadline, host.holds = sent.revision, deadline, wind.holds
        if not self.rules.names_units:
            host.holds = frozenset({INSTANCE})
        down = frozenset[str]() if host.has_copy else wind.drops
        self.tell(
            f"host {host.name}: {sent.engine} winds until +{(deadline - up) / 100:.2f}, {[*wind.holds]}"
        )
        return Said(sent, up, host.boot, down)

    def _start(self, host: Host, sent: Sent) -> None:
        """Whoever asks for it, and whenever: its lease is all that is looked at."""
        if INSTANCE in host.holds and host.uptime(self.now) < host.deadline and not host.has_copy:
            self.starts += 1
            self.tell(f"host {host.name}: starts it, for {sent.engine}")
            host.up, host.looked = True, self.now

    def _stop(self, host: Host, sent: Sent) -> None:
        if host.up:
            self.stops(host, f"engine {sent.engine} said so")

    # -- engines ------------------------------------------------------------------------------

    def hears(self, said: Said) -> None:
        sent = said.sent
        engine = self.engines[sent.engine]
        if engine.frozen or (engine.life, engine.revision) != (sent.life, sent.revision):
            return
        if said.boot != self.hosts[sent.host].boot:
            return  # the connection ended with that boot
        engine.heard[sent.host] = self.now
        clock = Clock(engine.clock(self.now), said.uptime, str(said.boot), f"m-{sent.host}")
        if sent.wind is None or not said.done:
            engine.leases.clock(sent.host, clock)
        else:
            engine.leases.wound(sent.host, sent.wind, clock, said.down)

    def leads(self, engine: Engine) -> bool:
        """As etcd has it: what a guarded write finds out."""
        etcd = self.etcd
        return etcd.up and engine.revision > 0 and etcd.claimed == engine.revision and self.now < etcd.until

    def acts(self, engine: Engine) -> None:
        for host, wind in engine.unsent:  # recorded before it was frozen, maybe
            self.sends(Sent(host, "wind", engine.name, engine.life, engine.revision, wind))
        engine.unsent = []
        if self.etcd.up:
            self.claims(engine)
        if not engine.revision:
            return
        for host in self.hosts:
            self.winds(engine, host)
        placed = self.etcd.placed
        may = not engine.leaving and engine.leases.holds(placed, INSTANCE, engine.clock(self.now))
        if may and self.dice.random() < 0.7:
            self.sends(Sent(placed, "start", engine.name, engine.life, engine.revision))
        if self.leads(engine):
            self.moves_it(engine)

    def claims(self, engine: Engine) -> None:
        etcd = self.etcd
        if self.leads(engine):
            etcd.until = self.now + CLAIM_S
        elif self.now < etcd.until:
            engine.revision = 0
        else:
            etcd.revision += 1
            engine.revision = etcd.claimed = etcd.revision
            etcd.until = self.now + CLAIM_S
            engine.leases = Leases(self.terms)
            engine.leaving, engine.wound, engine.asked = False, {}, {}
            engine.heard = dict.fromkeys(HOSTS, self.now)
            for host, kept in etcd.leases.items():
                engine.leases.known(host, kept, engine.clock(self.now))
            self.tell(f"engine {engine.name}: leads, at {engine.revision}; it is on {etcd.placed}")

    def winds(self, engine: Engine, host: str) -> None:
        """Composed, recorded, sent; between the last two it may be frozen. Who is silent gets none."""
        if self.now - engine.heard.get(host, self.now) > SILENT_S:
            engine.leases.silent(host)
        stays = self.etcd.placed == host and not engine.leaving
        last, held = engine.wound.get(host, (-99.0, False))
        if self.now - last < (TERMS.wind if held == stays else 0.5):
            return
        wind = engine.leases.wind(host, {INSTANCE} if stays else set(), {INSTANCE}, engine.clock(self.now))
        if wind is None:
            if self.now - engine.asked.get(host, -99.0) >= 1.0:
                engine.asked[host] = self.now
                self.sends(Sent(host, "ask", engine.name, engine.life, engine.revision))
            return
        if self.rules.records_first:
            if not self.leads(engine):
                return
            self.etcd.leases[host] = Kept(TERMS.ttl, wind.boot, f"m-{host}")
        engine.wound[host] = self.now, stays
        engine.unsent.append((host, wind))

    def moves_it(self, engine: Engine) -> None:
        """Given up, or moved by hand: it makes no difference to when it may be elsewhere."""
        source = self.etcd.placed
        silent = self.now - engine.heard.get(source, self.now) > SILENT_S
        engine.leaving = engine.leaving or silent or self.dice.random() < 0.02
        if not engine.leaving:
            return
        if self.dice.random() < 0.2:
            self.sends(Sent(source, "stop", engine.name, engine.life, engine.revision))
        free = engine.leases.free_at(source, INSTANCE, STOP_S if self.rules.adds_stop else 0.0)
        impatient = not self.rules.waits_for_down and not silent
        if free is None or engine.clock(self.now) >= free or impatient:
            self.etcd.placed = next(host for host in HOSTS if host != source)
            engine.leaving = False
            self.moves += 1
            self.tell(f"engine {engine.name}: it is to be on {self.etcd.placed}")

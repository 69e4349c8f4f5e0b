"""One host's systemd: units, jobs, and what it says about them. Pure, on the agenda's clock.

Behaves as systemd 257 was seen to: a start and a stop take their time; a crash shows `failed` and at
once `activating/auto-restart`; NRestarts grows until the next start by hand; the start limit ends a
crash loop with the first cause as its `Result`. Units at rest where the boot left them take no memory, and
one that was written since is loaded from its first start until it has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import replace

from console.lab.sim.bonds import Bonds
from console.lab.sim.catalog import UnitKind
from console.lab.sim.unit_state import BadSetting, Host, Listener, NoSuchUnit, UnitState

#: What a job does next once its unit is where it wants it.
Done = Callable[[str], None]

_STARTED = "39f53479d3a045ac8e11786248231fbf"
_STOPPED = "9d1aaa27d60140bd96365438aad20286"
_EXITED = "98e322203f7a4ed290d09fe03c09fe15"
_FAILED = "d9b373ed55a64feb8242e02dbe79a49c"
_SCHEDULED = "5eb03494b6584870a536b337290809b3"
_SUCCEEDED = "7ad2d189f7e94e70a38c781354912448"
_SKIPPED = "0e4284a0caca4bfc81c0bb6786972673"

_RESTARTED_BY = {"on-failure": True, "always": True}
#: Between what a process did and systemd's next word about it, in seconds.
_MOMENT = 0.001
#: What keeps a lease looks at it so often. Seconds.
_KEEPS_EVERY = 0.5


class Units:
    """The units of one boot."""

    def __init__(self, host: Host, kinds: tuple[UnitKind, ...], booted: float) -> None:
        self._host = host
        self.kinds = kinds
        self.booted = booted
        self._index = {kind.name: number for number, kind in enumerate(kinds)}
        self._states: dict[str, UnitState] = {}
        #: Those with a file that was written since, by name.
        self.written: dict[str, UnitKind] = {}
        self._bonds = Bonds(self)
        self._jobs = 0
        self._pids = 2000
        self.heard: list[Listener] = []

    # -- looking ----------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        return name in self._index or name in self._states

    @property
    def of_the_boot(self) -> Container[str]:
        """The names of those that the host has booted with."""
        return self._index

    def get(self, name: str) -> UnitState:
        """:raises NoSuchUnit: there is none."""
        state = self._states.get(name)
        if state is None:
            state = self._fresh(name)
            self._states[name] = state
        return state

    def peek(self, name: str) -> UnitState:
        """As `get`, without keeping in memory that somebody looked."""
        return self._states.get(name) or self._fresh(name)

    def all(self) -> Iterator[tuple[UnitKind, str, str]]:
        """Each unit with its states."""
        states = self._states
        for kind in self.kinds:
            state = states.get(kind.name)
            yield (kind, kind.active, kind.sub) if state is None else (kind, state.active, state.sub)
        for name, state in states.items():
            if name not in self._index:
                yield state.kind, state.active, state.sub

    def failed(self) -> int:
        return sum(state.active == "failed" for state in self._states.values())

    def jobs(self) -> list[UnitState]:
        """Units with a job."""
        return [state for state in self._states.values() if state.job]

    def _fresh(self, name: str) -> UnitState:
        number = self._index.get(name)
        if number is None and name not in self.written:
            raise NoSuchUnit(name)
        kind = self.written[name] if number is None else self.kinds[number]
        number = len(self.kinds) if number is None else number
        up = kind.active == "active"
        since = self.booted + 0.01 * number
        return UnitState(
            kind, kind.active, kind.sub, since, number,
            active_since=since if up else None,
            pid=300 + number if kind.sub == "running" and kind.type == "service" else 0,
            file_state="enabled" if kind.wanted_by else "static",
        )  # fmt: skip

    # -- files ------------------------------------------------------------------------------

    def write(self, kind: UnitKind) -> None:
        """A unit has this file from now on, which the host did not boot with."""
        self.written[kind.name] = kind
        self._bonds.note(kind)
        if (unit := self._states.get(kind.name)) is not None:
            unit.kind = kind

    def erase(self, name: str) -> None:
        """And no more. What runs of it goes on."""
        if (kind := self.written.pop(name, None)) is not None and (unit := self._states.get(name)):
            unit.kind = replace(kind, load="not-found")

    def _load(self, name: str) -> UnitState:
        """As `get`, by systemd itself: it tells of what it did not have."""
        had = name in self
        unit = self.get(name)
        if not had:
            self._tell(lambda listener: listener.unit_loaded(name, loaded=True))
        return unit

    def _collect(self, unit: UnitState) -> None:
        """systemd forgets what has ended and nothing else names."""
        name = unit.name
        if unit.job is None and unit.active == "inactive" and name not in self._index and name in self:
            del self._states[name]
            self._tell(lambda listener: listener.unit_loaded(name, loaded=False))

    # -- jobs -------------------------------------------------------------------------------

    def start(self, name: str) -> int:
        """StartUnit: the job's number. :raises NoSuchUnit: there is none."""
        unit = self._startable(name)
        return self._begin(unit, "start", lambda done: self._start(unit, done))

    def stop(self, name: str) -> int:
        """StopUnit. :raises NoSuchUnit: there is none."""
        unit = self._load(name)
        return self._begin(unit, "stop", lambda done: self._stop(unit, lambda: done("done")))

    def restart(self, name: str, *, only_if_up: bool = False) -> int:
        """RestartUnit; TryRestartUnit, which leaves alone what does not run."""
        unit = self._startable(name)

        def work(done: Done) -> None:
            if only_if_up and unit.active not in ("active", "activating", "reloading"):
                done("done")
            else:
                self._stop(unit, lambda: self._start(unit, done))

        return self._begin(unit, "try-restart" if only_if_up else "restart", work)

    def reload(self, name: str) -> int:
        """ReloadUnit."""
        unit = self.get(name)

        def work(done: Done) -> None:
            if unit.active != "active":
                done("failed")
                return
            self._change(unit, "reloading", "reload")
            self._later(unit, unit.kind.start_takes / 4, lambda: self._reloaded(unit, done))

        return self._begin(unit, "reload", work)

    def _reloaded(self, unit: UnitState, done: Done) -> None:
        self._change(unit, "active", unit.kind.sub if unit.kind.active == "active" else "running")
        done("done")

    def _startable(self, name: str) -> UnitState:
        unit = self._load(name)
        if unit.kind.fault:
            self._collect(unit)
            raise BadSetting(name)
        try:
            self._bonds.check(unit.kind)
        except NoSuchUnit:
            self._collect(unit)
            raise
        if unit.kind.load != "loaded":
            raise NoSuchUnit(name)
        return unit

    def _begin(self, unit: UnitState, verb: str, work: Callable[[Done], None]) -> int:
        if unit.job is not None:
            self._finish(unit, unit.job[0], "canceled")
        self._jobs += 1
        number = self._jobs
        unit.turn += 1
        unit.lasts = None
        if verb != "stop":
            unit.restarts = 0
        self._announce(unit, number, verb)
        self._later(unit, _MOMENT, lambda: work(lambda result: self._finish(unit, number, result)))
        return number

    def _announce(self, unit: UnitState, number: int, verb: str) -> None:
        """A new job: the unit says so before the manager, and after it."""
        unit.job = (number, verb)
        self._tell(lambda listener: listener.unit_changed(unit))
        self._tell(lambda listener: listener.job(number, unit.name, None))
        self._tell(lambda listener: listener.unit_changed(unit))

    def _finish(self, unit: UnitState, number: int, result: str) -> None:
        if unit.job is None or unit.job[0] != number:
            return
        unit.job = None
        self._tell(lambda listener: listener.job(number, unit.name, result))
        self._tell(lambda listener: listener.unit_changed(unit))
        self._collect(unit)
        self._bonds.job_ended(unit.name, result)

    # -- courses ----------------------------------------------------------------------------

    def _start(self, unit: UnitState, done: Done) -> None:
        kind, now = unit.kind, self._host.now
        if unit.active == "active":
            done("done")
            return
        if (other := self._bonds.down(kind)) is not None:
            self._start_after(other, unit, done)
            return
        unit.starts = [time for time in unit.starts if now - time < kind.interval]
        if len(unit.starts) >= kind.burst:
            self._log(unit, f"{unit.name}: Start request repeated too quickly.", 4)
            if unit.result == "success":
                unit.result = "start-limit-hit"
            self._fail(unit)
            done("failed")
            return
        unit.starts.append(now)
        unit.result, unit.exit_status = "success", 0
        if not self._host.passes(kind.condition):
            self._skip(unit, done)
            return
        if kind.type != "service":
            self._change(unit, "active", kind.sub if kind.active == "active" else "active")
            done("done")
            return
        self._pids += 7
        unit.pid = self._pids
        self._change(unit, "activating", "start")
        self._later(unit, kind.start_takes, lambda: self._up(unit, done))

    def _start_after(self, other: str, unit: UnitState, done: Done) -> None:
        turn = unit.turn

        def then(up: bool) -> None:
            if unit.turn != turn:
                return
            if up:
                self._start(unit, done)
            else:
                done("dependency")

        self._bonds.start_first(other, then)

    def _skip(self, unit: UnitState, done: Done) -> None:
        """Its condition does not hold."""
        unit.result = "exec-condition"
        self._change(unit, "activating", "condition")
        self._log(unit, f"{unit.name}: Skipped due to 'exec-condition'.", MESSAGE_ID=_SKIPPED)
        self._change(unit, "inactive", "dead")
        done("done")

    def _keep(self, unit: UnitState) -> None:
        if self._host.passes(unit.kind.keeps):
            self._later(unit, _KEEPS_EVERY, lambda: self._keep(unit))
            return
        unit.pid = 0
        self._log(unit, f"{unit.name}: Deactivated successfully.", MESSAGE_ID=_SUCCEEDED)
        self._change(unit, "inactive", "dead")
        self._collect(unit)

    def _up(self, unit: UnitState, done: Done) -> None:
        self._change(unit, "active", "running")
        self._log(unit, f"Started {unit.name} - {unit.kind.description}.", MESSAGE_ID=_STARTED)
        done("done")
        if unit.kind.keeps:
            self._keep(unit)
        if unit.lasts is not None:
            self._later(unit, unit.lasts, lambda: self._exited(unit, 1))

    def _stop(self, unit: UnitState, then: Callable[[], None]) -> None:
        if unit.active in ("inactive", "failed"):
            then()
            return
        service = unit.kind.type == "service"
        self._change(unit, "deactivating", "stop-sigterm" if service else "stop")
        self._later(unit, unit.kind.stop_takes, lambda: self._down(unit, then))

    def _down(self, unit: UnitState, then: Callable[[], None]) -> None:
        unit.pid = 0
        self._change(unit, "inactive", "dead")
        self._log(unit, f"Stopped {unit.name} - {unit.kind.description}.", MESSAGE_ID=_STOPPED)
        then()

    def crash(self, name: str, status: int = 1) -> None:
        """The main process of a service exits with `status`, if it runs."""
        unit = self.get(name)
        if unit.active == "active" and unit.kind.type == "service":
            unit.turn += 1
            self._exited(unit, status)

    def ended(self, name: str) -> None:
        """A service that was made for one piece of work has done it: systemd forgets it."""
        unit = self.get(name)
        unit.turn += 1
        unit.pid, unit.job = 0, None
        self._change(unit, "inactive", "dead")
        self._collect(unit)
        self.written.pop(name, None)

    def crash_loop(self, name: str, lasts: float = 0.3) -> None:
        """From now on a service lives for `lasts` seconds, until it is started or stopped by hand."""
        unit = self.get(name)
        unit.lasts = lasts
        self.crash(name)

    def _exited(self, unit: UnitState, status: int) -> None:
        unit.pid, unit.exit_status = 0, status
        if unit.result == "success":
            unit.result = "exit-code"
        self._log(
            unit, f"{unit.name}: Main process exited, code=exited, status={status}/FAILURE", 5,
            MESSAGE_ID=_EXITED, EXIT_CODE="exited", EXIT_STATUS=str(status),
        )  # fmt: skip
        if unit.kind.restart not in _RESTARTED_BY:
            self._fail(unit)
            return
        self._log(
            unit, f"{unit.name}: Failed with result 'exit-code'.", 4,
            MESSAGE_ID=_FAILED, UNIT_RESULT="exit-code",
        )  # fmt: skip
        self._change(unit, "failed", "failed-before-auto-restart")
        self._change(unit, "activating", "auto-restart")
        self._later(unit, unit.kind.restart_after, lambda: self._again(unit))

    def _again(self, unit: UnitState) -> None:
        unit.restarts += 1
        self._log(
            unit, f"{unit.name}: Scheduled restart job, restart counter is at {unit.restarts}.", 6,
            MESSAGE_ID=_SCHEDULED, N_RESTARTS=str(unit.restarts),
        )  # fmt: skip
        cause = unit.result
        self._jobs += 1
        number = self._jobs
        self._announce(unit, number, "start")
        self._change(unit, "activating", "auto-restart-queued")
        self._start(unit, lambda result: self._finish(unit, number, result))
        if unit.active == "failed":
            unit.result = cause

    def _fail(self, unit: UnitState) -> None:
        unit.pid = 0
        self._log(
            unit, f"{unit.name}: Failed with result '{unit.result}'.", 4,
            MESSAGE_ID=_FAILED, UNIT_RESULT=unit.result,
        )  # fmt: skip
        self._change(unit, "failed", "failed")

    # -- the rest ---------------------------------------------------------------------------

    def found_failed(self, name: str) -> None:
        """A service that was broken before anybody looked."""
        unit = self.get(name)
        unit.active, unit.sub, unit.result, unit.exit_status, unit.pid = "failed", "failed", "exit-code", 1, 0
        unit.inactive_since = unit.changed

    def reset_failed(self, name: str) -> None:
        """ResetFailedUnit."""
        unit = self.get(name)
        unit.starts.clear()
        unit.restarts = 0
        if unit.active == "failed":
            unit.result = "success"
            self._change(unit, "inactive", "dead")
        self._collect(unit)

    def set_file_state(self, name: str, state: str) -> str:
        """Enable, disable, mask; what it was before."""
        unit = self.get(name)
        before, unit.file_state = unit.file_state, state
        return before

    def daemon_reload(self) -> None:
        """Read the unit files anew: systemd forgets all units and loads them again, and says so."""
        self._tell(lambda listener: listener.reloading(True))
        names = [kind.name for kind, _, _ in self.all()]
        for loaded in (False, True):
            for listener in tuple(self.heard):
                for name in names:
                    listener.unit_loaded(name, loaded=loaded)
        self._tell(lambda listener: listener.reloading(False))

    def _change(self, unit: UnitState, active: str, sub: str) -> None:
        now = self._host.now
        if active == "active" and unit.active != "active":
            unit.active_since = now
            unit.lives += 1
        if active in ("inactive", "failed") and unit.active not in ("inactive", "failed"):
            unit.inactive_since = now
        unit.active, unit.sub, unit.changed = active, sub, now
        self._tell(lambda listener: listener.unit_changed(unit))
        if active in ("inactive", "failed"):
            self._bonds.went_down(unit.name)

    def _later(self, unit: UnitState, delay: float, action: Callable[[], None]) -> None:
        """Later, unless the unit has taken another course by then."""
        turn = unit.turn

        def still() -> None:
            if unit.turn == turn:
                action()

        self._host.later(delay, still)

    def _tell(self, word: Callable[[Listener], None]) -> None:
        for listener in tuple(self.heard):
            word(listener)

    def _log(self, unit: UnitState, message: str, priority: int = 6, **extra: str) -> None:
        self._host.log(message, unit=unit.name, priority=priority, **extra)

"""Simulated systemd: a restart takes its time, a crash loop gives up, a reload forgets and loads."""

from __future__ import annotations

import pytest

from console.lab.sim.catalog import UnitKind, units
from console.lab.sim.machine import Machine
from console.lab.sim.unit_state import NoSuchUnit
from tests.sim.worlds import Ear, world


def service(machine: Machine, restart: str = "on-failure", after: float = 0.1) -> UnitKind:
    return next(
        kind
        for kind in machine.units.kinds
        if kind.name.startswith("app-") and (kind.restart, kind.restart_after) == (restart, after)
    )


@pytest.mark.parametrize("count", [1, 20, 80, 200, 1000])
@pytest.mark.parametrize("engine", ["docker", "podman", None])
def test_a_host_has_as_many_units_as_were_asked_for_and_a_service_to_break(
    count: int, engine: str | None
) -> None:
    names = [kind.name for kind in units(count, engine)]
    assert len(set(names)) == len(names) == count
    assert any(name.startswith("app-") for name in names)


def test_a_restart_takes_the_units_own_time() -> None:
    machine, agenda = world()
    kind = service(machine)
    ear = Ear(machine)
    machine.units.restart(kind.name)
    agenda.run(kind.stop_takes / 2)
    assert machine.units.get(kind.name).sub == "stop-sigterm"
    agenda.run(10)
    assert ear.words == [
        *("active/running", "job new", "active/running", "deactivating/stop-sigterm", "inactive/dead"),
        *("activating/start", "active/running", "job done", "active/running"),
    ]
    took = ear.heard[-1][0] - ear.heard[0][0]
    assert took == pytest.approx(kind.stop_takes + kind.start_takes, abs=0.01)


def test_a_crash_shows_failed_and_at_once_that_a_restart_comes() -> None:
    machine, agenda = world()
    kind = service(machine)
    ear = Ear(machine)
    machine.units.crash(kind.name)
    assert ear.words[:2] == ["failed/failed-before-auto-restart", "activating/auto-restart"]
    agenda.run(10)
    unit = machine.units.get(kind.name)
    assert (unit.sub, unit.restarts, unit.result) == ("running", 1, "success")
    machine.units.restart(kind.name)
    agenda.run(20)
    assert unit.restarts == 0


def test_a_crash_loop_gives_up_with_its_first_cause() -> None:
    machine, agenda = world()
    kind = service(machine)
    machine.units.crash_loop(kind.name, 0.05)
    agenda.run(60)
    unit = machine.units.get(kind.name)
    assert (unit.active, unit.sub, unit.result) == ("failed", "failed", "exit-code")
    assert unit.restarts >= kind.burst
    assert agenda.due is None
    machine.units.reset_failed(kind.name)
    assert (unit.active, unit.result) == ("inactive", "success")


def test_a_service_without_a_restart_policy_stays_failed() -> None:
    machine, agenda = world()
    kind = service(machine, "no", next(k.restart_after for k in machine.units.kinds
                                       if k.name.startswith("app-") and k.restart == "no"))  # fmt: skip
    machine.units.crash(kind.name)
    agenda.run(60)
    assert machine.units.get(kind.name).active == "failed"
    assert machine.units.failed() == 1


def test_a_job_that_another_takes_the_place_of_is_canceled() -> None:
    machine, agenda = world()
    kind = service(machine)
    ear = Ear(machine)
    machine.units.restart(kind.name)
    machine.units.stop(kind.name)
    agenda.run(10)
    assert [word for word in ear.words if word.startswith("job")] == [
        "job new", "job canceled", "job new", "job done",
    ]  # fmt: skip
    assert machine.units.get(kind.name).active == "inactive"


def test_a_daemon_reload_forgets_every_unit_and_loads_it_again() -> None:
    machine, _ = world(units=30)
    ear = Ear(machine)
    machine.units.daemon_reload()
    assert ear.words[0] == "reloading True"
    assert ear.words[-1] == "reloading False"
    assert [word.split()[0] for word in ear.words[1:-1]] == ["removed"] * 30 + ["new"] * 30


def test_a_unit_that_there_is_not_cannot_be_started() -> None:
    machine, _ = world()
    with pytest.raises(NoSuchUnit):
        machine.units.start("no-such.service")
    with pytest.raises(NoSuchUnit):
        machine.units.start("auditd.service")  # named by others, and without a file


def test_what_a_host_was_about_to_do_ends_with_its_boot() -> None:
    machine, agenda = world()
    kind = service(machine)
    machine.units.restart(kind.name)
    machine.reboot(5)
    agenda.run(30)
    unit = machine.units.get(kind.name)
    assert (unit.active, unit.sub, unit.job) == ("active", "running", None)
    assert machine.booted == 5

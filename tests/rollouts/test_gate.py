"""Whether a host is as well as it was: what keeps a gate shut, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.container import Container
from console.model.unit import Health, Unit
from console.rollouts.gate import Vitals, read_vitals, troubles, vitals, vitals_text
from console.rollouts.host_gate import restarts_of


def unit(name: str, health: Health = Health.OK, active: str = "active") -> Unit:
    return Unit("web1", name, "loaded", active, "running", "", health=health)


def container(
    name: str, state: str = "running", *, policy: str = "always", health: str | None = None
) -> Container:
    return Container("web1", name, name, "busybox", "i", state, health=health, restart_policy=policy)


def worse(before: Vitals, after: Vitals, *, complete: bool = False) -> list[str]:
    return troubles(before, after, complete=complete)


def test_what_has_failed_since_is_told_and_what_had_before_is_not() -> None:
    before = vitals([unit("old.service", Health.FAILED), unit("api.service")], [])
    after = vitals([unit("old.service", Health.GAVE_UP), unit("api.service", Health.FAILED)], [])
    assert worse(before, after) == ["api.service failed"]


def test_a_unit_that_keeps_being_restarted_is_told_unless_it_was_before() -> None:
    before = vitals([unit("a.service"), unit("b.service")], [], {"b.service": 3})
    after = vitals([unit("a.service", Health.FLAPPING), unit("b.service", Health.FLAPPING)], [])
    assert worse(before, after) == ["a.service restarted again and again"]


def test_a_container_that_ran_and_comes_back_at_boot_has_to_run_and_be_healthy() -> None:
    before = vitals([], [container("web"), container("db"), container("by-hand", policy="no")])
    after = vitals([], [container("web", "exited"), container("db", health="unhealthy")])
    assert worse(before, after) == ["container db unhealthy", "container web not running"]


def test_boot_complete_counts_if_it_was_active_or_is_asked_for() -> None:
    complete = vitals([unit("boot-complete.target")], [])
    without = vitals([unit("boot-complete.target", active="inactive")], [])
    assert worse(complete, without) == ["boot-complete.target is not active"]
    assert worse(without, without) == []
    assert worse(without, without, complete=True) == ["boot-complete.target is not active"]


def test_of_many_troubles_a_few_are_told_by_name() -> None:
    after = vitals([unit(f"u{n}.service", Health.FAILED) for n in range(9)], [])
    assert worse(Vitals(), after)[-1] == "5 more failed"


_NAMES = st.frozensets(st.text(min_size=1, max_size=12), max_size=6)


@given(st.builds(Vitals, _NAMES, _NAMES, _NAMES, _NAMES, st.booleans()))
def test_a_baseline_reads_as_it_was_written_and_is_as_well_as_itself(made: Vitals) -> None:
    assert read_vitals(vitals_text(made)) == made
    assert troubles(made, made, complete=False) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"failed": 1}'])
def test_what_is_no_baseline_is_told(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # json's own, and ours
        read_vitals(text)


def test_restarts_are_read_out_of_what_systemctl_shows() -> None:
    text = "Id=a.service\nNRestarts=3\n\nNRestarts=0\nId=b.service\n\nId=c.service\n\nNRestarts=x\nId=d\n"
    assert restarts_of(text) == {"a.service": 3, "b.service": 0}

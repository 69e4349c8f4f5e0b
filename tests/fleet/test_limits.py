"""Room for the files of many hosts, and an end to the work that they are while nothing happens."""

from __future__ import annotations

import resource

import pytest

from console.fleet.limits import facts_every, make_room


@pytest.mark.parametrize(
    ("now", "hosts", "then"),
    [
        ((1024, 524288), 10, None),
        ((1024, 524288), 1000, (12256, 524288)),
        ((1024, 4096), 1000, (4096, 4096)),
        ((4096, 4096), 1000, None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 1000, None),
        ((1024, resource.RLIM_INFINITY), 1000, (12256, resource.RLIM_INFINITY)),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed_and_allowed(
    monkeypatch: pytest.MonkeyPatch, now: tuple[int, int], hosts: int, then: tuple[int, int] | None
) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: now)
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    make_room(hosts)
    assert found == ([] if then is None else [then])


def test_hosts_are_read_every_half_minute_and_many_ten_a_second() -> None:
    assert [facts_every(hosts) for hosts in (1, 300, 500, 1000)] == [30, 30, 50, 100]

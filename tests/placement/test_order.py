"""In which order services change that need each other, and what of its host a unit has to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.placement.host_port import host_port
from console.placement.order import in_order, needs
from console.placement.spec import Spec, parse_spec


def spec(name: str, *lines: str) -> Spec:
    return parse_spec("\n".join(["[Unit]", *lines, "[Service]", "ExecStart=/bin/true", ""]), Path(name))


def names(steps: list[list[Spec]]) -> list[list[str]]:
    return [[one.name for one in step] for step in steps]


def test_what_is_needed_changes_before_what_needs_it() -> None:
    found = in_order(
        [
            spec("web@.service", "After=api@%i.service network.target", "Wants=cache.service"),
            spec("api@.service", "Requires=db.service"),
            spec("db.service"),
            spec("cache.service"),
        ]
    )
    assert names(found) == [["cache.service", "db.service"], ["api@.service"], ["web@.service"]]


def test_what_is_not_among_them_counts_for_nothing_and_an_empty_line_takes_back() -> None:
    web = spec("web.service", "After=db.service", "After=", "After=dbus.service")
    assert names(in_order([web, spec("db.service")])) == [["db.service", "web.service"]]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_every_service_is_there_once_and_circles_end(pairs: list[tuple[int, int]]) -> None:
    lines = {number: [f"After=s{to}.service" for at, to in pairs if at == number] for number in range(6)}
    specs = [spec(f"s{number}.service", *lines[number]) for number in range(6)]
    steps = in_order(specs)
    assert sorted(one.name for step in steps for one in step) == sorted(one.name for one in specs)
    if all(at > to for at, to in pairs):
        placed = {one.name: number for number, step in enumerate(steps) for one in step}
        for one in specs:
            for other in needs(one) & placed.keys():
                assert placed[other] < placed[one.name]


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("[Service]\nExecStart=/bin/sleep 1\n", None),
        ("[Service]\nExecStart=docker run -p 8080:80 web\n", "port 8080"),
        ("[Service]\nExecStart=docker run --publish=127.0.0.1:80:80/tcp web\n", "port 127.0.0.1:80"),
        ("[Service]\nExecStart=docker run -p 80%i:80 web\n", None),
        ("[Service]\nExecStart=docker run -p 80 web\n", None),
        ("[Service]\nExecStart=podman run --network host web\n", "the host's network"),
        ("[Service]\nExecStart=podman run --network hosted web\n", None),
        ("[Socket]\nListenStream=80\n", "ListenStream=80"),
        ("[Socket]\nListenStream=/run/web-%i.sock\n", None),
    ],
)
def test_a_port_of_its_host_is_seen_unless_each_instance_has_its_own(text: str, port: str | None) -> None:
    assert host_port(text) == port

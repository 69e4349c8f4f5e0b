"""What an exclusive unit has to be like, and what is added to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ConfigError
from console.placement import qos
from console.placement.exclusive import removal, with_removal
from console.placement.spec import Spec, parse_spec
from console.placement.unit_file import parse

RUN = "ExecStart=/usr/bin/docker run --name one --rm busybox sleep 1d"
REMOVAL = ("-/usr/bin/docker rm -f one",)


def spec(*lines: str, name: str = "one.service") -> Spec:
    text = "\n".join(("[Service]", *lines, "[X-Quarterdeck]", "Exclusive=yes", ""))
    return parse_spec(text, Path(name))


def drop_in(*lines: str) -> str:
    one = spec(*lines)
    found = qos.drop_in(one.name, one.policy, one.text)
    assert found is not None
    return found


def test_it_is_bound_to_the_lease_tested_before_each_start_and_gone_in_ten_seconds() -> None:
    found = drop_in("ExecStart=/bin/true")
    assert "[Unit]\nBindsTo=quarterdeck-lease.service\nAfter=quarterdeck-lease.service\n" in found
    assert "ExecCondition=+/bin/sh /run/quarterdeck/lease.sh held %n\n" in found
    assert "TimeoutStopSec=10s\n" in found


def test_all_that_its_stop_may_wait_for_is_ten_seconds_together() -> None:
    assert "TimeoutStopSec=3.3s" in drop_in(RUN, "ExecStop=docker stop one", "ExecStopPost=docker rm -f one")
    assert "TimeoutStopSec" not in drop_in("ExecStart=/bin/true", "TimeoutStopSec=2")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("TimeoutStopSec=11", "too long; accepted: up to 10s"),
        ("TimeoutStopSec=1min", "too long"),
        ("TimeoutStopSec=infinity", "too long"),
        ("TimeoutStopSec=0", "too long"),
        ("TimeoutSec=90", "too long"),
        ("TimeoutAbortSec=30", "too long"),
        ("KillMode=process", "may leave a copy running; accepted: control-group, mixed"),
        ("KillMode=none", "may leave a copy running"),
        ("SendSIGKILL=no", "may leave a copy running"),
        ("FinalKillSignal=SIGTERM", "may leave a copy running"),
        ("TimeoutStopFailureMode=abort", "may leave a copy running"),
    ],
)
def test_one_that_may_outlive_its_stop_is_refused(line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        spec("ExecStart=/bin/true", line)


@pytest.mark.parametrize("line", ["TimeoutStopSec=10s", "TimeoutStopSec=9s 900ms", "KillMode=mixed"])
def test_one_that_cannot_is_not(line: str) -> None:
    spec("ExecStart=/bin/true", line)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((RUN,), "outlives the unit without ExecStop=-/usr/bin/docker rm -f one and ExecStopPost="),
        ((RUN, "ExecStop=docker stop one"), "without ExecStopPost=-/usr/bin/docker rm -f one"),
        ((RUN, "ExecStop=docker stop two", "ExecStopPost=docker rm -f two"), "outlives the unit"),
        (("ExecStart=docker run busybox",), "no name to remove it by"),
        (("ExecStart=/bin/sh -c 'docker run --name one busybox'",), "from within a shell"),
        (("ExecStart=/usr/bin/env podman run --name=one busybox",), "outlives the unit"),
        (("ExecStart=docker run --restart=always --name one busybox",), "starts the container without"),
    ],
)
def test_a_container_that_may_outlive_its_unit_is_refused(lines: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        spec(*lines)


def test_a_container_that_the_unit_removes_is_not() -> None:
    spec(
        RUN,
        "ExecStartPre=-/usr/bin/docker rm -f one",
        "ExecStop=docker stop one",
        "ExecStopPost=docker rm -f one",
    )


def test_what_is_missing_is_offered() -> None:
    file = parse(f"[Service]\n{RUN}\n")
    offered = removal(file, ())
    assert [(one.name, one.value) for one in offered] == [
        (key, *REMOVAL) for key in ("ExecStop", "ExecStopPost")
    ]
    spec(RUN, *(f"{one.name}={one.value}" for one in offered))


def test_what_has_no_process_that_ends_with_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="accepted: a service"):
        parse_spec("[Timer]\nOnBootSec=1\n[X-Quarterdeck]\nExclusive=yes\n", Path("one.timer"))


def test_with_removal_a_file_gets_what_is_missing_and_nothing_twice() -> None:
    text = f"[Service]\n{RUN}\n[X-Quarterdeck]\nExclusive=yes\n"
    mended = with_removal(text)
    assert mended == (
        f"{text}\n[X-Quarterdeck]\nUnitService.ExecStop={REMOVAL[0]}\nUnitService.ExecStopPost={REMOVAL[0]}\n"
    )
    assert parse_spec(mended, Path("one.service")).policy.exclusive
    assert with_removal(mended) == mended
    assert with_removal(f"[Service]\n{RUN}\n") == f"[Service]\n{RUN}\n", "it may outlive its unit"

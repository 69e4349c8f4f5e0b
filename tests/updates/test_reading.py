"""What updaters say, read along with a host's facts, and when they are asked by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import AccessRefused, Unreachable
from console.model.deployment import Agent, Working
from console.updates.reading import UpdatesReading
from tests.updates.asked_host import AskedHost

DATA = Path(__file__).with_name("fixtures")
PENDING = (DATA / "ostree/2025.2-pending.txt").read_text()
CONTAINER = (DATA / "rpm-ostree/container-driven.json").read_text()
ATOMIC = {"updaters": "ostree-booted\nostree\n", "ostree": "", "telling": "/boot/loader 1 1\n"}
COREOS = ATOMIC | {"updaters": "ostree-booted\nrpm-ostree\nostree\n"}


def root() -> AskedHost:
    return AskedHost({"ostree": PENDING})


async def test_a_host_without_an_updater_is_asked_nothing_more() -> None:
    host = root()
    event = await UpdatesReading("web1").event(host.transport, {"updaters": "ostree\n"})
    assert (event.driver, event.status.deployments, event.problem) == (None, (), None)
    assert host.asked == 0


async def test_a_status_that_anyone_may_read_needs_no_root() -> None:
    host = root()
    event = await UpdatesReading("web1").event(host.transport, ATOMIC | {"ostree": PENDING})
    assert event.driver == "ostree"
    assert [deployment.version for deployment in event.status.deployments] == ["1.1", "1.0"]
    assert event.status.channel == "lab:lab/os"
    assert host.asked == 0


async def test_a_host_is_asked_again_only_for_a_reason() -> None:
    host, now = root(), [0.0]
    reading = UpdatesReading("web1", clock=lambda: now[0])
    first = await reading.event(host.transport, ATOMIC)
    assert [deployment.version for deployment in first.status.deployments] == ["1.1", "1.0"]
    assert await reading.event(host.transport, ATOMIC) == first
    assert host.asked == 1
    changed = ATOMIC | {"telling": "/boot/loader 2 9\n"}
    await reading.event(host.transport, changed)
    assert host.asked == 2, "the boot order changed"
    await reading.event(host.transport, changed | {"work": "stage 1.1\nactive\n"})
    assert host.asked == 3, "work of ours began"
    await reading.event(host.transport, changed)
    now[0] += 301
    await reading.event(host.transport, changed)
    assert host.asked == 5, "a pin cannot be seen from outside"
    other = root()
    await reading.event(other.transport, changed)
    assert other.asked == 1, "another connection may be another boot"


async def test_root_is_asked_where_only_root_is_told_and_the_user_where_the_user_is() -> None:
    atomic, coreos = root(), AskedHost({"rpm-ostree": CONTAINER})
    await UpdatesReading("web1").event(atomic.transport, ATOMIC)
    await UpdatesReading("web1").event(coreos.transport, COREOS)
    assert (atomic.as_root, coreos.as_root) == ([True], [False])


async def test_agents_and_our_own_work_are_told_with_the_rest() -> None:
    zincati = "Id=zincati.service\nActiveState=active\nStatusText=update staged: 43.2; reboot pending\n"
    said = {"rpm-ostree": CONTAINER.replace('["deploy", ":1.120", "/', '["", "", "/'), "agents": zincati}
    event = await UpdatesReading("web1").event(AskedHost(said).transport, COREOS)
    says = "update staged: 43.2; reboot pending"
    assert event.status.agents == (Agent("Zincati", "zincati.service", True, True, says),)
    work = ATOMIC | {"ostree": PENDING, "work": "stage 1.1\nactive\n"}
    event = await UpdatesReading("web1").event(root().transport, work)
    assert event.status.working == Working("stage 1.1", by="quarterdeck-update.service")


async def test_how_our_last_work_failed_is_told_until_there_is_other_work() -> None:
    failed = {"ostree": PENDING, "work": "stage 1.1\ninactive\n", "work-ended": "1\nerror: no space\n"}
    event = await UpdatesReading("web1").event(root().transport, ATOMIC | failed)
    assert event.status.error == "stage 1.1: error: no space"
    assert event.status.words[0] == "failed"
    done = failed | {"work-ended": "0\nfetched\n"}
    assert (await UpdatesReading("web1").event(root().transport, ATOMIC | done)).status.error is None


@pytest.mark.parametrize(
    ("policy", "drives"),
    [("", False), ("AutomaticUpdatePolicy=check\n", False), ("AutomaticUpdatePolicy=stage\n", True)],
)
async def test_a_timer_of_rpm_ostrees_drives_only_where_its_policy_has_it(policy: str, drives: bool) -> None:
    timer = "Id=rpm-ostreed-automatic.timer\nActiveState=active\nStatusText=\n"
    said = {"rpm-ostree": CONTAINER, "agents": timer, "policy": policy}
    event = await UpdatesReading("web1").event(AskedHost(said).transport, COREOS)
    assert [agent.drives for agent in event.status.agents if agent.active] == [drives]


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        (AskedHost(AccessRefused("sudo: no", host="web1", hint="allow it")), "sudo: no (allow it)"),
        (AskedHost(code=1), "error: loading sysroot: no repo"),
        (AskedHost({"ostree": "what?"}), "ostree's status has a line that says nothing known: what?"),
    ],
)
async def test_what_cannot_be_read_is_said_and_not_asked_for_all_the_time(
    host: AskedHost, problem: str
) -> None:
    reading = UpdatesReading("web1")
    event = await reading.event(host.transport, ATOMIC)
    assert (event.driver, event.status.deployments, event.problem) == ("ostree", (), problem)
    await reading.event(host.transport, ATOMIC)
    assert host.asked == 1


async def test_a_lost_connection_is_no_answer() -> None:
    gone = AskedHost(Unreachable("gone", host="web1"))
    with pytest.raises(Unreachable):
        await UpdatesReading("web1").event(gone.transport, ATOMIC)

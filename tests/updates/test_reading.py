"""Deployments read along with a host's facts, and when root is asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from console.errors import AccessRefused, HostError, Unreachable
from console.hosts.transport import Completed, Transport
from console.updates.reading import DeploymentsReading

PENDING = (Path(__file__).with_name("fixtures") / "2025.2-pending.txt").read_text()
ATOMIC = {"updaters": "ostree-booted\nostree\n", "deployments": "", "boot-order": "/boot/loader 1 1\n"}


class Root:
    """A connection over which root is asked; counts how often."""

    host = "web1"

    def __init__(self, answer: str | HostError = PENDING, code: int = 0) -> None:
        self.answer = answer
        self.code = code
        self.asked = 0

    async def run(self, argv: tuple[str, ...], *, privileged: bool, **_: object) -> Completed:
        assert (argv, privileged) == (("ostree", "admin", "status"), True)
        self.asked += 1
        if isinstance(self.answer, HostError):
            raise self.answer
        return Completed(argv, self.code, self.answer.encode(), b"error: loading sysroot: no repo\n")


def transport(root: Root) -> Transport:
    return cast(Transport, root)


async def test_a_host_without_an_updater_is_asked_nothing_more() -> None:
    root = Root()
    event = await DeploymentsReading("web1").event(transport(root), {"updaters": "ostree\n"})
    assert (event.driver, event.deployments, event.problem) == (None, (), None)
    assert root.asked == 0


async def test_a_status_that_anyone_may_read_needs_no_root() -> None:
    root = Root()
    event = await DeploymentsReading("web1").event(transport(root), ATOMIC | {"deployments": PENDING})
    assert event.driver == "ostree"
    assert [deployment.version for deployment in event.deployments] == ["1.1", "1.0"]
    assert root.asked == 0


async def test_root_is_asked_again_only_for_a_reason() -> None:
    root, now = Root(), [0.0]
    reading = DeploymentsReading("web1", clock=lambda: now[0])
    first = await reading.event(transport(root), ATOMIC)
    assert [deployment.version for deployment in first.deployments] == ["1.1", "1.0"]
    assert await reading.event(transport(root), ATOMIC) == first
    assert root.asked == 1
    await reading.event(transport(root), ATOMIC | {"boot-order": "/boot/loader 2 9\n"})
    assert root.asked == 2, "the boot order changed"
    now[0] += 301
    await reading.event(transport(root), ATOMIC | {"boot-order": "/boot/loader 2 9\n"})
    assert root.asked == 3, "a pin cannot be seen from outside"
    other = Root()
    await reading.event(transport(other), ATOMIC | {"boot-order": "/boot/loader 2 9\n"})
    assert other.asked == 1, "another connection may be another boot"


@pytest.mark.parametrize(
    ("root", "problem"),
    [
        (Root(AccessRefused("sudo: no", host="web1", hint="allow it")), "sudo: no (allow it)"),
        (Root("", code=1), "error: loading sysroot: no repo"),
        (Root("what?"), "ostree's status has a line that says nothing known: what?"),
    ],
)
async def test_what_cannot_be_read_is_said_and_not_asked_for_all_the_time(root: Root, problem: str) -> None:
    reading = DeploymentsReading("web1")
    event = await reading.event(transport(root), ATOMIC)
    assert (event.driver, event.deployments, event.problem) == ("ostree", (), problem)
    await reading.event(transport(root), ATOMIC)
    assert root.asked == 1


async def test_a_lost_connection_is_no_answer() -> None:
    with pytest.raises(Unreachable):
        await DeploymentsReading("web1").event(transport(Root(Unreachable("gone", host="web1"))), ATOMIC)

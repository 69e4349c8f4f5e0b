"""How what updaters say is written out, for scripts and for people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.commands.rows import HOST_DETAIL
from console.commands.rows.base import Cell
from console.commands.rows.updates import HOST_UPDATES
from console.model.deployment import Agent, Available, Deployment, UpdateStatus, Working
from console.model.host import Host, OsFacts
from console.model.state import State, Status

LIVE = Status(State.LIVE, datetime(2026, 11, 23, tzinfo=UTC))
OLD = Deployment("lab-a.0", "a" * 64, "1.0", "lab:lab/os", rollback=True, pinned=True)
NOW = Deployment("lab-b.0", "b" * 64, "1.1", "lab:lab/os", booted=True)
NEW = Deployment("lab-c.0", "c" * 64, "1.2", "lab:lab/os", next=True, staged=True)
CURRENT = UpdateStatus((Deployment("lab-b.0", "b" * 64, "1.1", booted=True, next=True), OLD), "lab:lab/os")
STAGED = UpdateStatus((NEW, NOW, OLD), "lab:lab/os", available=Available("1.3"))
LOCKED = UpdateStatus((Deployment("n", version="1.2", staged=True, locked=True), CURRENT.deployments[0]))
AGENT = Agent("Zincati", "zincati.service", active=True, says="update staged")
FAILED = UpdateStatus(CURRENT.deployments, error="stage 1.2: no space", agents=(AGENT,))
WORKING = UpdateStatus(CURRENT.deployments, working=Working("downloading", 41.4, by=":1.7"))


def host(status: UpdateStatus, driver: str | None = "ostree", **more: object) -> Host:
    return Host(
        "web1",
        "198.51.100.11",
        {},
        LIVE,
        facts=OsFacts(os="fedora"),
        driver=driver,
        updates=status,
        **more,  # type: ignore[arg-type]
    )


def row(shown: Host) -> dict[str, str]:
    """The columns of a host for a person, by their titles."""
    cells = {column.title: column.cell(shown) for column in HOST_UPDATES.columns}
    return {title: cell.text if isinstance(cell, Cell) else cell for title, cell in cells.items()}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (CURRENT, "● current"),
        (STAGED, "▲ reboot behind"),
        (LOCKED, "▲ locked"),
        (FAILED, "✖ failed driven"),
        (WORKING, "· working"),
    ],
)
def test_a_host_says_what_is_out_of_the_ordinary(status: UpdateStatus, state: str) -> None:
    assert row(host(status))["STATE"] == state


def test_a_row_has_what_runs_what_waits_and_what_there_was() -> None:
    shown = row(host(STAGED))
    assert [
        shown[name] for name in ("HOST", "DRIVER", "BOOTED", "NEXT", "AVAILABLE", "ROLLBACK", "CHANNEL")
    ] == [
        *("web1", "ostree", "1.1", "1.2 staged", "1.3", "1.0", "lab:lab/os"),
    ]
    shown = row(host(UpdateStatus(), driver=None))
    assert (shown["DRIVER"], shown["BOOTED"], shown["STATE"]) == ("–", "–", "no updater")
    unread = row(host(UpdateStatus(), updates_problem="sudo: no"))
    assert unread["STATE"] == "✖ sudo: no"


def test_a_script_gets_all_of_it() -> None:
    fields = HOST_UPDATES.fields(host(STAGED))
    assert (fields["booted"]["version"], fields["staged"]["version"], fields["rollback"]["version"]) == (
        *("1.1", "1.2", "1.0"),
    )
    assert (fields["behind"], fields["available"]["version"], fields["words"]) == (
        True,
        "1.3",
        ["reboot", "behind"],
    )
    assert HOST_UPDATES.fields(host(UpdateStatus(), driver=None))["booted"] is None
    assert HOST_DETAIL.fields(host(FAILED))["updates"]["agents"] == [
        {
            "name": "Zincati",
            "unit": "zincati.service",
            "active": True,
            "drives": True,
            "says": "update staged",
        }
    ]


def test_a_hosts_page_tells_who_else_updates_it_and_what_failed() -> None:
    assert HOST_DETAIL.text is not None
    page = "\n".join("".join(cell.text for cell in line) for line in HOST_DETAIL.text(host(FAILED)))
    assert "Zincati takes updates by itself: update staged" in page
    assert "stage 1.2: no space" in page
    page = "\n".join("".join(cell.text for cell in line) for line in HOST_DETAIL.text(host(WORKING)))
    assert "downloading 41%, for :1.7" in page

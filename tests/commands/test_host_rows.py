"""How a host's deployments are written out, for scripts and for people."""

from __future__ import annotations

from datetime import UTC, datetime

from console.commands.rows import HOST_DETAIL
from console.model.deployment import Deployment
from console.model.host import Host
from console.model.state import State, Status

LIVE = Status(State.LIVE, datetime(2026, 11, 23, tzinfo=UTC))
DEPLOYMENTS = (
    Deployment("lab-c.0", "c" * 64, "1.2", "lab:lab/os", next=True, staged=True),
    Deployment("lab-b.0", "b" * 64, "1.1", "lab:lab/os", booted=True, unlocked="hotfix"),
    Deployment("lab-a.0", "a" * 64, None, None, rollback=True, pinned=True),
    Deployment("lab-9.0", "9" * 64, "0.9", None),
)


def host(**more: object) -> Host:
    return Host("web1", "198.51.100.11", {}, LIVE, **more)  # type: ignore[arg-type]


def lines(shown: Host) -> list[str]:
    assert HOST_DETAIL.text is not None
    return ["".join(cell.text for cell in line).rstrip() for line in HOST_DETAIL.text(shown)]


def test_a_script_gets_every_field_of_each_deployment_in_boot_order() -> None:
    fields = HOST_DETAIL.fields(host(driver="ostree", deployments=DEPLOYMENTS))
    assert fields["driver"] == "ostree"
    assert [deployment["version"] for deployment in fields["deployments"]] == ["1.2", "1.1", None, "0.9"]
    assert fields["deployments"][1] == {
        "id": "lab-b.0",
        "checksum": "b" * 64,
        "version": "1.1",
        "origin": "lab:lab/os",
        "booted": True,
        "next": False,
        "staged": False,
        "rollback": False,
        "pinned": False,
        "unlocked": "hotfix",
    }
    assert HOST_DETAIL.fields(host())["deployments"] == []


def test_a_person_gets_a_line_for_each() -> None:
    shown = lines(host(driver="ostree", deployments=DEPLOYMENTS))
    assert [line.split() for line in shown[-4:]] == [
        ["▲", "next", "staged", "1.2", "cccccccccccc", "lab:lab/os"],
        ["●", "booted", "unlocked", "(hotfix)", "1.1", "bbbbbbbbbbbb", "lab:lab/os"],
        ["○", "rollback", "pinned", "–", "aaaaaaaaaaaa"],
        ["○", "kept", "0.9", "999999999999"],
    ]


def test_why_deployments_are_unknown_is_shown_and_a_host_without_any_says_nothing() -> None:
    assert any("sudo: no" in line for line in lines(host(driver="ostree", deployments_problem="sudo: no")))
    assert not any("deployment" in line for line in lines(host()))

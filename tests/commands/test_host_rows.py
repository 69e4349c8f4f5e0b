"""How a host's deployments are written out, for scripts and for people."""

from __future__ import annotations

from datetime import UTC, datetime

from console.commands.rows import HOST_DETAIL
from console.commands.rows.host import host_page
from console.model.deployment import Deployment, UpdateStatus
from console.model.host import Disk, Host, OsFacts
from console.model.state import Source, State, Status

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
    return [" ".join(cell.text for cell in line).rstrip() for line in HOST_DETAIL.text(shown)]


def test_a_script_gets_every_field_of_each_deployment_in_boot_order() -> None:
    fields = HOST_DETAIL.fields(host(driver="ostree", updates=UpdateStatus(DEPLOYMENTS)))
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
        "locked": False,
        "digest": None,
        "timestamp": None,
        "extra": {},
    }
    assert HOST_DETAIL.fields(host())["deployments"] == []


def test_a_person_gets_a_line_for_each() -> None:
    shown = lines(host(driver="ostree", updates=UpdateStatus(DEPLOYMENTS)))
    assert [line.split() for line in shown[-4:]] == [
        ["▲", "next", "staged", "1.2", "cccccccccccc", "lab:lab/os"],
        ["●", "booted", "unlocked", "(hotfix)", "1.1", "bbbbbbbbbbbb", "lab:lab/os"],
        ["○", "rollback", "pinned", "–", "aaaaaaaaaaaa"],
        ["○", "kept", "0.9", "999999999999"],
    ]


def test_why_deployments_are_unknown_is_shown_and_a_host_without_any_says_nothing() -> None:
    assert any("sudo: no" in line for line in lines(host(driver="ostree", updates_problem="sudo: no")))
    assert not any("deployment" in line for line in lines(host()))


def test_a_person_reads_what_is_wrong_with_each_source_and_why() -> None:
    since = datetime(2026, 11, 23, 4, tzinfo=UTC)
    sources = {Source.UNITS: LIVE, Source.JOURNAL: Status(State.REFUSED, since, "no group")}
    shown = lines(host(sources=sources))
    assert shown[0].split() == ["web1", "198.51.100.11"]
    assert [line.split() for line in shown[1:5]] == [
        ["state", "●", "live", "since", "2026-11-23", "00:00:00", "UTC"],
        ["units", "●", "live"],
        ["journal", "✖", "refused", "since", "2026-11-23", "04:00:00", "UTC"],
        ["no", "group"],
    ]


def test_an_engine_that_does_not_let_us_in_is_told_beside_the_one_that_does() -> None:
    sources = dict.fromkeys((Source.CONTAINERS, Source.OS), LIVE)
    shown = [
        " ".join(cell.text for cell in line) for line in host_page(host(sources=sources), ["podman: no"])
    ]
    assert [line.split() for line in shown[2:5]] == [
        ["containers", "●", "live"],
        ["✖", "refused", "podman:", "no"],
        ["os", "●", "live"],
    ]


def test_numbers_are_in_words_a_person_uses() -> None:
    facts = OsFacts(
        memory_total=8 * 2**30, memory_available=2 * 2**30, disks=(Disk("/", 40 * 2**30, 2**30),),
        clock_offset_s=-3.2, load=(0.5, 0.4, 0.3), cpus=4,
    )  # fmt: skip
    shown = [line.split() for line in lines(host(facts=facts))]
    assert ["memory", "75%", "of", "8.0", "GiB"] in shown
    assert ["disk", "/", "97%", "of", "40", "GiB"] in shown
    assert ["clock", "3", "s", "behind"] in shown
    assert ["load", "0.50,", "0.40,", "0.30", "on", "4", "processors"] in shown

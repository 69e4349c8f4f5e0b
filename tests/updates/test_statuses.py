"""What rpm-ostree, bootc and update_engine print, and what is understood of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.deployment import Agent, Available, UpdateStatus, Working
from console.updates.bootc_status import parse_bootc
from console.updates.rpm_ostree_status import parse_rpm_ostree
from console.updates.update_engine_status import (
    Operation,
    Slot,
    parse_client,
    parse_slots,
    update_status,
)

DATA = Path(__file__).with_name("fixtures")
MARKS = ("booted", "next", "staged", "locked", "rollback", "pinned")


def told(status: UpdateStatus) -> list[str]:
    """Each deployment as its version and what is true of it."""
    return [
        " ".join([one.version or "?", *(mark for mark in MARKS if getattr(one, mark))])
        for one in status.deployments
    ]


def rpm_ostree(name: str) -> UpdateStatus:
    return parse_rpm_ostree((DATA / "rpm-ostree" / f"{name}.json").read_text())


def bootc(name: str) -> UpdateStatus:
    return parse_bootc((DATA / "bootc" / f"{name}.json").read_text())


# -- rpm-ostree -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lines", "words"),
    [
        ("staged-locked", ["31.20200517.3.0 staged locked", "31.20200505.3.0 booted next"], ("locked",)),
        (
            "container-driven",
            ["43.20251110.3.1 booted next", "43.20251024.3.0 rollback pinned"],
            ("working", "behind"),
        ),
        ("rollback-queued", ["1 next", "2 booted"], ("reboot", "unlocked")),
    ],
)
def test_rpm_ostrees_deployments_in_boot_order(name: str, lines: list[str], words: tuple[str, ...]) -> None:
    status = rpm_ostree(name)
    assert told(status) == lines
    assert status.words == words


def test_rpm_ostree_tells_its_transaction_its_driver_and_the_update_it_has_seen() -> None:
    status = rpm_ostree("container-driven")
    assert status.working == Working("deploy", by=":1.120")
    assert status.agents == (Agent("Zincati", "zincati.service", active=False),)
    seen = datetime(2025, 11, 24, 16, 0, tzinfo=UTC)
    assert status.available == Available("43.20251124.3.0", "2" * 64, seen)
    assert status.channel == "ostree-remote-image:fedora:docker://quay.io/fedora/fedora-coreos:stable"
    booted = status.booted
    assert booted is not None
    assert booted.digest == "sha256:ca99893c80a7b84dd84d4143bd27538207c2f38ab6647a58d9c8caa251f9a087"


def test_what_rpm_ostree_says_beyond_what_we_know_is_kept_and_short() -> None:
    status = rpm_ostree("container-driven")
    assert status.extra == {"from-the-future": '{"a":1}'}
    assert status.booted is not None
    assert status.booted.extra == {"custom-origin": '["Fedora CoreOS stable stream",""]'}
    queued = rpm_ostree("rollback-queued").booted
    assert queued is not None
    assert queued.extra["requested-packages"] == '["strace","tmux"]'


def test_an_update_that_is_on_the_host_is_not_one_it_could_have() -> None:
    whole = json.loads((DATA / "rpm-ostree" / "container-driven.json").read_text())
    whole["cached-update"]["checksum"] = whole["deployments"][0]["checksum"]
    assert parse_rpm_ostree(json.dumps(whole)).available is None


# -- bootc ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lines", "words"),
    [
        ("booted-with-update", ["stream9.20240807.0 booted next"], ("behind",)),
        ("download-only", ["2 staged locked", "1 booted next pinned"], ("locked",)),
        ("rollback-queued", ["1 next", "2 booted"], ("reboot",)),
        ("staged-rollback", ["nightly next staged", "nightly rollback"], ("reboot",)),
    ],
)
def test_bootcs_deployments_in_boot_order(name: str, lines: list[str], words: tuple[str, ...]) -> None:
    status = bootc(name)
    assert told(status) == lines
    assert status.words == words


def test_bootc_tells_images_digests_times_and_what_is_new_to_us() -> None:
    status = bootc("booted-with-update")
    booted = status.booted
    assert booted is not None
    assert booted.origin == status.channel == "quay.io/centos-bootc/centos-bootc:stream9"
    assert booted.digest == "sha256:47e5ed613a970b6574bfa954ab25bb6e85656552899aa518b5961d9645102b38"
    assert booted.timestamp == datetime(2024, 8, 7, 12, tzinfo=UTC)
    assert booted.id == "default-439f6bd2e2361bee292c1f31840d798c5ac5ba76483b8021dc9f7b0164ac0f48.0"
    assert status.available is not None
    assert status.available.version == "stream9.20240901.0"
    staged, other = bootc("download-only").deployments
    assert staged.extra == {"incompatible": "true"}
    assert (other.origin, other.checksum) == ("oci:/var/os", "11")
    assert bootc("download-only").extra == {"usrOverlay": '{"accessMode":"readWrite"}'}


def test_a_host_that_bootc_does_not_drive_is_told_so() -> None:
    with pytest.raises(ValueError, match="boots no image of its own"):
        bootc("not-its-host")


# -- update_engine ----------------------------------------------------------------------------

A = Slot("/dev/sda3", 2, 0, successful=True)
B = Slot("/dev/sda4", 1, 0, successful=True)


def engine(name: str, *slots: Slot) -> UpdateStatus:
    now = parse_client((DATA / "update_engine" / f"{name}.txt").read_text())
    return update_status(now, "4459.2.0", list(slots), "/dev/sda3", {"GROUP": "stable"})


@pytest.mark.parametrize(
    ("name", "slots", "lines", "words"),
    [
        ("idle", (A, B), ["4459.2.0 booted next", "? rollback"], ()),
        ("idle", (), ["4459.2.0 booted next"], ()),
        ("idle", (A, Slot("/dev/sda4", 0, 0, successful=False)), ["4459.2.0 booted next", "?"], ()),
        ("downloading", (A, B), ["4459.2.0 booted next", "? rollback"], ("working", "behind")),
        (
            "need-reboot",
            (A, Slot("/dev/sda4", 3, 1, successful=False)),
            ["4459.2.1 next", "4459.2.0 booted"],
            ("reboot",),
        ),
        ("need-reboot", (), ["4459.2.1 next", "4459.2.0 booted"], ("reboot",)),
        # Rolled back by priority, and not yet rebooted.
        ("idle", (A, Slot("/dev/sda4", 3, 0, successful=True)), ["? next", "4459.2.0 booted"], ("reboot",)),
        ("error", (A, B), ["4459.2.0 booted next", "? rollback"], ("failed",)),
    ],
)
def test_two_partitions_and_what_the_boot_loader_takes(
    name: str, slots: tuple[Slot, ...], lines: list[str], words: tuple[str, ...]
) -> None:
    status = engine(name, *slots)
    assert told(status) == lines
    assert status.words == words
    assert status.channel == "stable"


def test_a_download_says_how_far_it_is() -> None:
    assert engine("downloading", A, B).working == Working("downloading", 41.4)


def test_the_clients_words_are_read_or_refused() -> None:
    text = (DATA / "update_engine" / "downloading.txt").read_text()
    assert parse_client(text) == Operation("DOWNLOADING", 0.41425, "4459.2.1", 389432320, 1764000000)
    assert parse_client("CURRENT_OP=UPDATE_STATUS_IDLE\nPROGRESS=nan\nNEW_SIZE=-1\n") == Operation("IDLE")
    with pytest.raises(ValueError, match="names no operation"):
        parse_client("Failed to connect to the bus\n")


def test_lines_about_partitions_that_say_nothing_are_left_out() -> None:
    text = "/dev/sda3 2 0 1\n/dev/sda4  0 \nno cgpt\n/dev/sda4 1 15 0\n"
    assert parse_slots(text) == [A, Slot("/dev/sda4", 1, 15, successful=False)]


# -- strangers --------------------------------------------------------------------------------

PARSERS: dict[str, Callable[[str], UpdateStatus]] = {"rpm-ostree": parse_rpm_ostree, "bootc": parse_bootc}
JSON_FILES = sorted(path for folder in PARSERS for path in (DATA / folder).iterdir())


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
@pytest.mark.parametrize(
    "text", ["", "[]", "nothing", "{}", "[" * 100_000, '{"status": 1, "deployments": 1}']
)
def test_what_is_no_status_is_refused(parse: Callable[[str], UpdateStatus], text: str) -> None:
    with pytest.raises(ValueError, match="status"):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
def test_a_hosts_words_cannot_act_on_a_terminal_and_are_bounded(
    parse: Callable[[str], UpdateStatus],
) -> None:
    version = "\x1b]0;owned\x07" + "9" * 5000
    deployment = {"id": "a", "booted": True, "version": version, "evil\x1b[2J": ["x" * 9000]}
    entry = {"image": {"version": version, "imageDigest": "sha256:a"}, "evil\x1b[2J": ["x" * 9000]}
    whole = {
        "deployments": [deployment] * 5000,
        "status": {"booted": entry, "otherDeployments": [entry] * 5000},
    }
    status = parse(json.dumps(whole))
    assert len(status.deployments) <= 66
    for one in status.deployments:
        assert one.version is not None
        assert one.version.startswith("999")
        assert len(one.version) <= 200
        assert all((name + value).isprintable() and len(value) <= 200 for name, value in one.extra.items())


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and under which key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


@given(
    st.sampled_from(JSON_FILES),
    st.integers(0, 10_000),
    st.sampled_from([None, 0, -1, 2**70, 1.5, True, "", "\x1b[31m", [], {}, [None], {"a": {}}]),
)
def test_a_value_of_another_type_anywhere_is_a_status_or_a_value_error(
    path: Path, place: int, instead: object
) -> None:
    whole = json.loads(path.read_text())
    places = _places(whole)
    holder, key = places[place % len(places)]
    holder[key] = instead
    try:
        status = PARSERS[path.parent.name](json.dumps(whole))
    except ValueError:
        return
    assert isinstance(status, UpdateStatus)
    assert all(isinstance(word, str) for word in status.words)

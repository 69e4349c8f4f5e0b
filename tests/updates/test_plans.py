"""Which commands a driver would have its host run."""

from __future__ import annotations

import pytest

from console.errors import Refused
from console.model.deployment import Available, Deployment, UpdateStatus
from console.updates.bootc import Bootc
from console.updates.driver import Cleanup, Progress, Target
from console.updates.ostree import OURS, Ostree, parse_log
from console.updates.rpm_ostree import RpmOstree
from console.updates.update_engine import UpdateEngine

OLD, NOW, NEW = "a" * 64, "b" * 64, "c" * 64


def status(*deployments: Deployment, **more: object) -> UpdateStatus:
    return UpdateStatus(deployments, "lab:lab/os", **more)  # type: ignore[arg-type]


def one(checksum: str, **more: object) -> Deployment:
    return Deployment(f"lab-{checksum}.0", checksum, **more)  # type: ignore[arg-type]


BOOTED = one(NOW, version="1.1", booted=True, next=True)
BACK = one(OLD, version="1.0", rollback=True)
STAGED = one(NEW, version="1.2", staged=True, next=True)
STILL = one(NOW, version="1.1", booted=True)


def spoken(commands: tuple[tuple[str, ...], ...]) -> list[str]:
    """Commands as typed; of scripts only what they are given."""
    return [" ".join(argv[3:] if argv[:2] == ("sh", "-c") else argv) for argv in commands]


# -- ostree -----------------------------------------------------------------------------------


def test_ostree_pins_what_runs_before_it_stages_and_remembers_that_it_did() -> None:
    commands = Ostree().stage(status(BOOTED, BACK), Target(), None)
    assert spoken(commands) == [
        "ostree admin pin 0",
        f"sh lab-{NOW}.0",
        "ostree admin upgrade --stage",
    ]


def test_ostree_unpins_what_it_pinned_before_and_nothing_that_somebody_else_did() -> None:
    ours = one(OLD, pinned=True, rollback=True)
    theirs = one("d" * 64, pinned=True)
    now = status(BOOTED, ours, theirs, extra={OURS: ours.id})
    assert spoken(Ostree().stage(now, Target(), None))[:2] == [
        "ostree admin pin --unpin 1",
        "ostree admin pin 0",
    ]
    pinned = one(NOW, booted=True, pinned=True)
    assert spoken(Ostree().stage(status(pinned), Target(), None)) == ["ostree admin upgrade --stage"]


def test_ostree_stages_a_commit_without_losing_its_branch() -> None:
    pinned = status(one(NOW, booted=True, pinned=True))
    wanted = f"ostree admin upgrade --stage --allow-downgrade --override-commit={NEW}"
    assert spoken(Ostree().stage(pinned, Target(version="1.2"), Available("1.2", NEW))) == [wanted]
    assert spoken(Ostree().stage(pinned, Target(checksum=NEW, locked=True), None)) == [
        wanted,
        "",
    ]


def test_ostree_takes_another_branch_by_its_name() -> None:
    pinned = status(one(NOW, booted=True, pinned=True))
    assert spoken(Ostree().stage(pinned, Target(channel="lab:lab/next"), None)) == [
        "ostree pull lab lab/next",
        "ostree admin deploy --stage lab:lab/next",
    ]
    with pytest.raises(Refused, match="not both at once"):
        Ostree().stage(pinned, Target(channel="lab:lab/next", checksum=NEW), None)


def test_ostree_goes_back_by_index_and_lets_what_is_staged_go() -> None:
    assert spoken(Ostree().rollback(status(BOOTED, BACK))) == [f"sh 1 lab {OLD}.0"]
    assert spoken(Ostree().rollback(status(STAGED, STILL, BACK))) == [
        "ostree admin undeploy 0",
        f"sh 1 lab {OLD}.0",
    ]


def test_ostree_without_a_branch_says_so() -> None:
    with pytest.raises(Refused, match=f"its origin is {OLD}"):
        Ostree().look(UpdateStatus((BOOTED,), OLD), Target())
    with pytest.raises(Refused, match="its origin is none"):
        Ostree().look(UpdateStatus((BOOTED,)), Target())


LOG = f"""\
commit {NEW}
Parent:  {NOW}
ContentChecksum:  {OLD}
Date:  2026-01-02 00:00:00 +0000
Version: 1.2
(no subject)

commit {NOW}
Date:  yesterday
Version: 1.1

    Version: 9.9 is what a subject may say

<< History beyond this commit not fetched >>
"""


def test_ostrees_log_tells_versions_newest_first() -> None:
    assert [(each.version, each.checksum) for each in parse_log(LOG)] == [("1.2", NEW), ("1.1", NOW)]
    first, second = parse_log(LOG)
    assert first.timestamp is not None
    assert second.timestamp is None
    with pytest.raises(ValueError, match="no commit"):
        parse_log("error: Refspec 'lab:lab/os' not found\n")


def test_ostree_finds_what_is_newest_unless_the_host_has_it_and_a_version_by_its_name() -> None:
    driver, answer = Ostree(), {"log": LOG}
    newest = driver.seen(status(BOOTED), Target(), answer)
    assert newest is not None
    assert newest.checksum == NEW
    assert driver.seen(status(STAGED, STILL), Target(), answer) is None
    older = driver.seen(status(STAGED, STILL), Target(version="1.1"), answer)
    assert older is not None
    assert older.checksum == NOW
    with pytest.raises(ValueError, match=r"has no version 7\.0"):
        driver.seen(status(BOOTED), Target(version="7.0"), answer)


def test_what_ostree_last_saw_of_its_branch_is_available_unless_the_host_has_it() -> None:
    order = f"* lab {NOW}.0\n    Version: 1.1\n    origin refspec: lab:lab/os\n"
    refs = f"lab:lab/next {OLD} '9.9'\nlab:lab/os {NEW} '1.2'\nodd line\n"
    seen = Ostree().parse({"ostree": order, "refs": refs})
    assert seen.available == Available("1.2", NEW)
    assert seen.words == ("behind",)
    same = Ostree().parse({"ostree": order, "refs": f"lab:lab/os {NOW} '1.1'\n"})
    assert (same.available, same.words) == (None, ())


# -- rpm-ostree -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (Target(), "rpm-ostree upgrade"),
        (Target(locked=True), "rpm-ostree upgrade --lock-finalization"),
        (Target(version="43.1"), "rpm-ostree deploy 43.1"),
        (Target(checksum=NEW), f"rpm-ostree deploy {NEW}"),
        (Target(channel="fedora:next"), "rpm-ostree rebase fedora:next"),
        (Target(channel="fedora:next", version="43.1"), "rpm-ostree rebase fedora:next 43.1"),
    ],
)
def test_rpm_ostree_stages(target: Target, line: str) -> None:
    assert spoken(RpmOstree().stage(status(BOOTED), target, None)) == [line]


def test_rpm_ostree_clears_what_is_staged_before_it_goes_back() -> None:
    assert spoken(RpmOstree().rollback(status(BOOTED, BACK))) == ["rpm-ostree rollback"]
    assert spoken(RpmOstree().rollback(status(STAGED, STILL, BACK))) == [
        "rpm-ostree cleanup --pending",
        "rpm-ostree rollback",
    ]
    assert spoken(RpmOstree().cleanup(status(BOOTED, BACK), Cleanup.ROLLBACK)) == [
        "rpm-ostree cleanup --rollback"
    ]


def test_what_rpm_ostree_has_locked_is_only_taken_with_a_reboot() -> None:
    locked = status(one(NEW, staged=True, locked=True), BOOTED)
    with pytest.raises(Refused, match="reboots the host at once"):
        RpmOstree().activate(locked, reboot=False)
    assert spoken(RpmOstree().activate(locked, reboot=True)) == [f"rpm-ostree finalize-deployment {NEW}"]
    assert RpmOstree().activate(status(STAGED, STILL), reboot=True) == ()


# -- bootc ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "line"),
    [
        (Target(), "bootc upgrade"),
        (Target(locked=True), "bootc upgrade --download-only"),
        (Target(version="2"), "bootc switch quay.io:5000/example/os:2"),
        (Target(checksum="sha256:22"), "bootc switch quay.io:5000/example/os@sha256:22"),
        (Target(channel="quay.io/other/os:3"), "bootc switch quay.io/other/os:3"),
        (Target(channel="quay.io/other/os", version="3"), "bootc switch quay.io/other/os:3"),
    ],
)
@pytest.mark.parametrize("follows", ["quay.io:5000/example/os:latest", "quay.io:5000/example/os@sha256:11"])
def test_bootc_stages(target: Target, line: str, follows: str) -> None:
    assert spoken(Bootc().stage(UpdateStatus((BOOTED,), follows), target, None)) == [line]


def test_bootc_goes_back_and_takes_what_was_only_downloaded() -> None:
    assert spoken(Bootc().rollback(status(STAGED, STILL, BACK))) == ["bootc rollback"]
    locked = status(one(NEW, staged=True, locked=True), BOOTED)
    assert spoken(Bootc().activate(locked, reboot=False)) == ["bootc upgrade --from-downloaded"]
    assert spoken(Bootc().cleanup(locked, Cleanup.PENDING)) == ["ostree admin undeploy 0"]


# -- update_engine ----------------------------------------------------------------------------


def test_update_engine_goes_back_by_priority_and_gives_a_try_to_what_was_never_good() -> None:
    good = Deployment("/dev/sda4", rollback=True, extra={"successful": "yes"})
    booted = Deployment("/dev/sda3", booted=True, next=True, extra={"successful": "yes"})
    never = Deployment("/dev/sda4", rollback=True, extra={"successful": "no"})
    driver = UpdateEngine()
    assert spoken(driver.rollback(UpdateStatus((booted, good)))) == ["cgpt prioritize /dev/sda4"]
    assert spoken(driver.rollback(UpdateStatus((booted, never)))) == [
        "cgpt prioritize /dev/sda4",
        "cgpt add -T 1 /dev/sda4",
    ]
    assert spoken(driver.cleanup(UpdateStatus((never, booted)), Cleanup.PENDING)) == [
        "cgpt prioritize /dev/sda3",
        "update_engine_client -reset_status",
    ]
    with pytest.raises(Refused, match="partitions cannot be read"):
        driver.rollback(UpdateStatus((Deployment("other", rollback=True),)))


def test_update_engine_says_what_it_cannot_do() -> None:
    driver, now = UpdateEngine(), UpdateStatus((BOOTED,))
    for target in (Target(channel="beta"), Target(checksum=NEW), Target(locked=True)):
        with pytest.raises(Refused, match="what its group has"):
            driver.stage(now, target, None)
    with pytest.raises(Refused, match="two versions"):
        driver.pin(now, BOOTED, keep=True)
    with pytest.raises(Refused, match="keeps both"):
        driver.cleanup(now, Cleanup.ROLLBACK)
    assert spoken(driver.stage(now, Target(version="4459.2.1"), None)) == [
        "flatcar-update --to-version 4459.2.1"
    ]


# -- all --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("Receiving objects: 57% (345/601) 1.2 MB/s", 57.0),
        ("Fetching layers 99.5%", 99.0),
        ("Staging deployment... done", None),
        ("1000% sure", None),
    ],
)
def test_a_line_tells_its_percent_where_it_has_one(line: str, percent: float | None) -> None:
    assert Ostree().progress(line) == Progress(line, percent)

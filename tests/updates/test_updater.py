"""One host's updater at work: what it is told, in which order, and what is refused."""

from __future__ import annotations

import pytest

from console.errors import Absent, HostFailure, QuarterdeckError, Refused, Unreachable, UsageError
from console.updates.driver import Cleanup, Driver, Progress, Target
from console.updates.updater import find_updater, updater_of
from tests.updates.asked_host import AskedHost

OLD, NOW, NEW = "a" * 64, "b" * 64, "c" * 64
ORIGIN = "    origin refspec: lab:lab/os\n"
BOOTED = f"* lab {NOW}.0\n    Version: 1.1\n    Pinned: yes\n{ORIGIN}"
BACK = f"  lab {OLD}.0 (rollback)\n    Version: 1.0\n{ORIGIN}"
STAGED = f"  lab {NEW}.0 (staged)\n    Version: 1.2\n{ORIGIN}"
ZINCATI = "Id=zincati.service\nActiveState=active\nStatusText=update staged\n"
LOG = f"commit {NEW}\nVersion: 1.2\n\ncommit {NOW}\nVersion: 1.1\n"


class Atomic(AskedHost):
    """A host with 1.1 booted, and 1.0 to go back to."""

    def __init__(self, order: str = BOOTED + BACK, **sections: str) -> None:
        self.sections = sections
        super().__init__(code=0)
        self.be(order)

    def be(self, order: str) -> None:
        """Have the deployments in this order from now on."""
        self.answers = {"ostree": order, "log": LOG, **self.sections}

    def after_any(self, order: str) -> None:
        """Have them so once a command has been run."""
        self.on_command = lambda _: self.be(order)


def nothing(_: Progress) -> None:
    """For whoever need not hear how far it is."""


async def test_a_host_is_found_to_have_an_updater_or_told_that_it_has_none() -> None:
    found = await find_updater(AskedHost(probe="ostree-booted\nostree\nrpm-ostree\n").transport)
    assert found.driver is Driver.RPM_OSTREE
    with pytest.raises(Absent, match=r"nothing updates it as a whole.*package manager"):
        await find_updater(AskedHost(probe="ostree\n").transport)


async def test_a_version_is_looked_for_staged_and_checked() -> None:
    host, heard = Atomic(), list[Progress]()
    host.work = [
        b"\x1b[2KReceiving ob",
        b"jects: 57% (3/6)\rReceiving objects: 100%\r\nDone\n\x1een",
        b"ded\n0\n",
    ]
    host.after_any(STAGED + BOOTED + BACK)
    status = await updater_of(Driver.OSTREE, host.transport).stage(Target(version="1.2"), heard.append)
    assert status.next is not None
    assert status.next.version == "1.2"
    line = f"ostree admin upgrade --stage --allow-downgrade --override-commit={NEW}"
    assert host.ran == [f"stage 1.2: {line}"]
    assert [(each.text, each.percent) for each in heard] == [
        ("Receiving objects: 57% (3/6)", 57.0),
        ("Receiving objects: 100%", 100.0),
        ("Done", None),
    ]


async def test_what_is_staged_already_is_not_staged_again() -> None:
    host = Atomic(STAGED + BOOTED + BACK)
    status = await updater_of(Driver.OSTREE, host.transport).stage(Target(version="1.2"), nothing)
    assert status.next is not None
    assert status.next.version == "1.2"
    assert host.ran == []


async def test_what_runs_is_had_by_letting_go_what_waits() -> None:
    host = Atomic(STAGED + BOOTED + BACK)
    with pytest.raises(Refused, match=r"it runs 1\.1 already, and its next boot takes 1\.2.*clean up"):
        await updater_of(Driver.OSTREE, host.transport).stage(Target(version="1.1"), nothing)
    assert host.ran == []


async def test_a_lock_that_no_status_tells_of_is_seen() -> None:
    host = Atomic(STAGED + BOOTED + BACK, lock="/run/ostree/staged-deployment-locked\n")
    status = await updater_of(Driver.OSTREE, host.transport).status()
    assert [(one.version, one.locked, one.next) for one in status.deployments][:2] == [
        ("1.2", True, False),
        ("1.1", False, True),
    ]


async def test_work_that_goes_on_is_found_again_and_other_work_is_not_begun() -> None:
    host = Atomic(work="stage 1.2\nactive\n")
    host.after_any(STAGED + BOOTED + BACK)
    await updater_of(Driver.OSTREE, host.transport).stage(Target(version="1.2"), nothing)
    # Where it has ended meanwhile it is begun anew, and must be for the same commit.
    assert host.ran == [f"stage 1.2: ostree admin upgrade --stage --allow-downgrade --override-commit={NEW}"]
    for other in (Target(), Target(version="1.2", locked=True)):
        with pytest.raises(Refused, match=r"it is at work: stage 1.2.*wait for its end"):
            await updater_of(Driver.OSTREE, host.transport).stage(other, nothing)


async def test_another_agent_is_not_fought_with() -> None:
    host = Atomic(agents=ZINCATI)
    updater = updater_of(Driver.OSTREE, host.transport)
    for doing in (
        updater.check(),
        updater.stage(Target(), nothing),
        updater.rollback(),
        updater.activate(reboot=True),
        updater.cleanup(Cleanup.ROLLBACK),
    ):
        with pytest.raises(Refused, match=r"Zincati takes its updates \(update staged\).*unit stop zincati"):
            await doing
    assert host.ran == []


@pytest.mark.parametrize(
    ("said", "code", "error"),
    [
        ([b"error: no space\n\x1eended\n1\n"], 0, "stage the newest failed: error: no space"),
        ([b"half\n\x1eended\n"], 0, "stage the newest was killed: half"),
        ([b"\x1ebusy\nstage 9.9\n"], 0, "it is at other work: stage 9.9"),
        ([b""], 1, "no work can be begun on it: error: loading sysroot: no repo"),
        ([b"\x1eended\n0\n\nerror: that was no end\n\x1eended\n1\n"], 0, "failed: error: that was no end"),
    ],
)
async def test_how_it_ended_is_told(said: list[bytes], code: int, error: str) -> None:
    host = Atomic()
    host.work, host.work_code = said, code
    with pytest.raises(QuarterdeckError, match=error):
        await updater_of(Driver.OSTREE, host.transport).stage(Target(), nothing)


async def test_a_boot_order_that_is_not_what_was_asked_for_is_a_failure() -> None:
    with pytest.raises(HostFailure, match=r"1\.2 was staged, and its next boot takes 1\.1"):
        await updater_of(Driver.OSTREE, Atomic().transport).stage(Target(version="1.2"), nothing)


@pytest.mark.parametrize("name", ["--os=other", "", "a b", "$(id)", "1.0\n", "x" * 300])
async def test_what_is_no_name_reaches_no_host(name: str) -> None:
    host = Atomic()
    for target in (Target(version=name), Target(checksum=name), Target(channel=name)):
        with pytest.raises(UsageError):
            await updater_of(Driver.OSTREE, host.transport).stage(target, nothing)
    assert (host.asked, host.ran) == (0, [])


async def test_a_rollback_is_the_version_before_and_is_checked() -> None:
    host = Atomic(STAGED + BOOTED + BACK)
    host.after_any(f"  lab {OLD}.0 (pending)\n    Version: 1.0\n{BOOTED}")
    assert (await updater_of(Driver.OSTREE, host.transport).rollback()).version == "1.0"
    assert host.ran[0] == "ostree admin undeploy 0"
    assert len(host.ran) == 2
    with pytest.raises(Refused, match=r"no version to go back to, and its next boot takes 1\.0"):
        await updater_of(Driver.OSTREE, host.transport).rollback()
    with pytest.raises(HostFailure, match=r"was to go back to 1\.0, and will not"):
        await updater_of(Driver.OSTREE, Atomic().transport).rollback()


async def test_activating_reboots_only_when_asked_to() -> None:
    host = Atomic(STAGED + BOOTED + BACK)
    assert (await updater_of(Driver.OSTREE, host.transport).activate()).version == "1.2"
    assert host.ran == []
    await updater_of(Driver.OSTREE, host.transport).activate(reboot=True)
    assert host.ran == ["systemctl --no-ask-password reboot"]
    with pytest.raises(Refused, match="nothing is staged"):
        await updater_of(Driver.OSTREE, Atomic().transport).activate(reboot=True)


async def test_a_pinned_deployment_is_not_cleaned_up_and_a_pin_is_by_its_id() -> None:
    host = Atomic(BOOTED + BACK.replace(ORIGIN, f"    Pinned: yes\n{ORIGIN}"))
    updater = updater_of(Driver.OSTREE, host.transport)
    with pytest.raises(Refused, match=r"1\.0 is pinned"):
        await updater.cleanup(Cleanup.ROLLBACK)
    host.sections = {"pins": f"lab-{OLD}.0\n"}
    host.be(BOOTED + BACK.replace(ORIGIN, f"    Pinned: yes\n{ORIGIN}"))
    await updater.cleanup(Cleanup.ROLLBACK)
    assert host.ran == ["ostree admin pin --unpin 1", "ostree admin undeploy 1"], "the pin was ours"
    host.ran.clear()
    await updater.pin(f"lab-{OLD}.0")
    assert host.ran == [], "it is pinned already"
    await updater.pin(f"lab-{OLD}.0", keep=False)
    assert host.ran == ["ostree admin pin --unpin 1"]
    with pytest.raises(Absent, match="no deployment lab-x"):
        await updater.pin("lab-x")


async def test_a_clean_up_of_nothing_does_nothing() -> None:
    host = Atomic(BOOTED)
    updater = updater_of(Driver.OSTREE, host.transport)
    await updater.cleanup(Cleanup.PENDING)
    await updater.cleanup(Cleanup.ROLLBACK)
    assert host.ran == []


async def test_a_lost_connection_says_that_the_work_goes_on() -> None:
    host = Atomic()

    def lost(_: str) -> None:
        raise Unreachable("the connection was lost", host="web1")

    host.on_command = lost
    with pytest.raises(Unreachable, match="it goes on there; asked for again, it is found"):
        await updater_of(Driver.OSTREE, host.transport).stage(Target(), nothing)

"""What the answers about a host's journal mean."""

from __future__ import annotations

import pytest

from console.errors import Absent, HostFailure
from console.hosts.journal_access import Access, failed, judge
from console.hosts.transport import Completed

MACHINE = "1a07cdb2d1a305432efa5f046c6042b5"
HINT = b"Hint: You are currently not seeing messages from other users and the system.\n"


def answer(stdout: str, stderr: bytes = b"", code: int = 0) -> Completed:
    return Completed(("sh",), code, stdout.encode(), stderr)


def test_an_open_journal_is_read_as_the_user() -> None:
    said = f"machine {MACHINE}\nnow 1764000010.000000000\nnow 1764000010.500000000\n"
    closed, access = judge("web1", answer(said), sent_at=1764000000, received_at=1764000001)
    assert not closed
    assert access == Access(privileged=False, machine_id=MACHINE, clock_offset_s=9.75)


@pytest.mark.parametrize(
    "end",
    [
        answer(f"machine {MACHINE}\nnow 1\nclosed\n"),
        answer(f"machine {MACHINE}\nnow 1\n", HINT),
        answer("machine \nnow 1\n", b"No journal files were opened due to insufficient permissions.\n", 1),
    ],
)
def test_a_file_that_is_closed_or_a_notice_closes_the_journal(end: Completed) -> None:
    assert judge("web1", end, sent_at=0, received_at=0)[0]


def test_a_host_without_a_machine_id_or_clock_is_read_all_the_same() -> None:
    assert judge("web1", answer("machine \nnow \n"), sent_at=5, received_at=5)[1] == Access(False, None, 0.0)


def test_no_journalctl_is_absent() -> None:
    with pytest.raises(Absent):
        judge("web1", answer("none\n"), sent_at=0, received_at=0)


def test_a_journalctl_that_fails_is_a_failure_in_its_own_words() -> None:
    with pytest.raises(HostFailure, match="Failed to open"):
        judge(
            "web1",
            answer("machine \n", b"\x1b[31mFailed to open journal\x1b[0m\n", 1),
            sent_at=0,
            received_at=0,
        )


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        (b"Data from the specified boot (-7) is not available: No such boot ID in journal", Absent),
        (b"No journal boot entry found for the specified boot (-7).", Absent),
        (b"Failed to iterate through journal: Bad message", HostFailure),
        (b"", HostFailure),
    ],
)
def test_a_missing_boot_is_absent_and_all_else_a_failure(complaint: bytes, kind: type[Exception]) -> None:
    assert isinstance(failed("web1", answer("", complaint, 1)), kind)


def test_a_good_end_is_no_fault() -> None:
    assert failed("web1", answer("", b"anything")) is None

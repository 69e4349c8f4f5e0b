"""What a host lost of its own log, as its entries tell it."""

from __future__ import annotations

from typing import Any

import pytest

from console.hosts.export_format import Entry
from console.hosts.journal_losses import DROPPED_MESSAGE_ID, Losses
from console.hosts.journal_record import record
from console.model.log import Gap, LogQuery

REPORT = {
    "MESSAGE_ID": DROPPED_MESSAGE_ID,
    "N_DROPPED": b"4711",
    "_UID": b"0",
    "_SYSTEMD_UNIT": b"systemd-journald.service",
    "OBJECT_SYSTEMD_UNIT": b"docker.service",
}
DOCKER = {"_UID": b"0", "_COMM": b"dockerd", "_SYSTEMD_UNIT": b"docker.service", "CONTAINER_NAME": b"api"}


class Stream:
    """Entries one after the other, each with a cursor of its number."""

    def __init__(self, query: LogQuery | None = None) -> None:
        self.losses = Losses("web1", query or LogQuery())
        self.count = 0

    def __call__(self, **fields: bytes) -> Gap | None:
        self.count += 1
        meta = {b"__CURSOR": b"c%d" % self.count, b"__REALTIME_TIMESTAMP": b"%d" % self.count}
        entry = Entry({**meta, **{name.encode(): value for name, value in fields.items()}})
        return self.losses.before(entry, record("web1", entry))

    def numbered(self, number: int, epoch: bytes = b"e1", **fields: bytes) -> Gap | None:
        known: dict[str, Any] = {**DOCKER, "CONTAINER_ID_FULL": b"ab" * 32, **fields}
        return self(CONTAINER_LOG_EPOCH=epoch, CONTAINER_LOG_ORDINAL=b"%d" % number, **known)


def bounds(gap: Gap | None) -> tuple[int | None, str | None, str | None]:
    assert gap is not None
    return gap.count, gap.after, gap.before


def test_what_journald_suppressed_is_missing_between_the_units_last_entry_and_the_report() -> None:
    say = Stream()
    assert say(_SYSTEMD_UNIT=b"docker.service") is None
    assert say(_SYSTEMD_UNIT=b"other.service") is None
    gap = say(**REPORT)
    assert bounds(gap) == (4711, "c1", "c3")
    assert gap is not None
    assert "docker.service" in gap.reason


@pytest.mark.parametrize("change", [{"_SYSTEMD_UNIT": b"evil.service"}, {"MESSAGE_ID": b"00" * 16}])
def test_anybody_elses_report_is_not_believed(change: dict[str, bytes]) -> None:
    assert Stream()(**{**REPORT, **change}) is None


def test_a_container_filter_hears_of_engines_and_of_units_its_containers_log_by_and_of_no_other() -> None:
    say = Stream(LogQuery(containers=("api",)))
    assert say(**REPORT) is not None
    quadlet = {**REPORT, "OBJECT_SYSTEMD_UNIT": b"api.service"}
    assert say(**quadlet) is None
    assert say(_SYSTEMD_UNIT=b"api.service", CONTAINER_NAME=b"api") is None
    assert say(**quadlet) is not None


def test_a_number_that_is_missing_is_a_line_that_is_missing() -> None:
    say = Stream()
    assert say.numbered(41) is None, "what came before the stream is not missing"
    assert say.numbered(42) is None
    assert bounds(say.numbered(45)) == (2, "c2", "c3")
    assert say.numbered(46) is None


def test_a_container_that_was_started_again_counts_from_one() -> None:
    say = Stream()
    say.numbered(9)
    assert say.numbered(1, b"e2") is None
    say.numbered(2, b"e2")
    assert bounds(say.numbered(4, b"e3")) == (3, "c3", "c4")


def test_numbers_of_one_container_are_not_anothers() -> None:
    say = Stream()
    say.numbered(1)
    assert say.numbered(7, CONTAINER_ID_FULL=b"cd" * 32) is None
    assert say.numbered(2) is None


def test_whoever_only_claims_to_be_a_container_has_no_numbers() -> None:
    say = Stream()
    say.numbered(1)
    assert say.numbered(1000, _UID=b"1000") is None
    assert say.numbered(2) is None


def test_where_some_priorities_are_left_out_numbers_say_nothing() -> None:
    say = Stream(LogQuery(priority=3))
    say.numbered(1)
    assert say.numbered(5) is None


def test_what_is_told_as_missing_already_is_not_told_again_by_its_numbers() -> None:
    say = Stream()
    say.numbered(1)
    say.losses.forget()
    assert say.numbered(500) is None
    assert say.numbered(501) is None

"""A query in libsystemd's terms."""

from __future__ import annotations

import pytest

from console.hosts.journal_argv import REPORTS
from console.hosts.journal_matches import Groups, boot_at, match_groups
from console.model.log import LogQuery

COREDUMP = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1"


def terms(unit: str) -> list[list[str]]:
    return [
        [f"_SYSTEMD_UNIT={unit}"],
        [COREDUMP, "_UID=0", f"COREDUMP_UNIT={unit}"],
        ["_PID=1", f"UNIT={unit}"],
        ["_UID=0", f"OBJECT_SYSTEMD_UNIT={unit}"],
    ]


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        (LogQuery(), []),
        (LogQuery(units=("web",)), [terms("web.service")]),
        (
            LogQuery(units=("a.socket", "-.slice")),
            [terms("a.socket") + terms("-.slice") + [["_SYSTEMD_SLICE=-.slice"]]],
        ),
        (LogQuery(units=("web@*", "db.service")), []),
        (LogQuery(priority=2), [[["PRIORITY=0", "PRIORITY=1", "PRIORITY=2"]]]),
        (
            LogQuery(units=("web.service",), containers=("a", "b"), identifiers=("x",), priority=0),
            [
                terms("web.service"),
                [["CONTAINER_NAME=a", "CONTAINER_NAME=b", "SYSLOG_IDENTIFIER=x", "PRIORITY=0"]],
            ],
        ),
    ],
)
def test_filters_become_groups_that_must_all_hold(query: LogQuery, groups: Groups) -> None:
    assert match_groups(query) == groups


def test_a_boot_is_one_more_match() -> None:
    assert match_groups(LogQuery(boot="-1"), "ab" * 16) == [[["_BOOT_ID=" + "ab" * 16]]]


def test_reports_of_suppressed_messages_come_with_whatever_is_followed() -> None:
    boot = "_BOOT_ID=" + "ab" * 16
    query = LogQuery(units=("web",), identifiers=("x",))
    assert match_groups(query, "ab" * 16, reports=True) == [
        terms("web.service"),
        [["SYSLOG_IDENTIFIER=x", boot], [REPORTS, boot]],
    ]
    assert match_groups(LogQuery(), reports=True) == []
    assert match_groups(LogQuery(boot="0"), "ab" * 16, reports=True) == [[[boot]]]


BOOTS = ["0a" * 16, "0b" * 16, "0c" * 16]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("0", 2),
        ("-0", 2),
        ("-1", 1),
        ("-2", 0),
        ("-3", None),
        ("1", 0),
        ("+2", 1),
        ("3", 2),
        ("4", None),
        (BOOTS[1], 1),
        (BOOTS[1] + "-1", 0),
        (BOOTS[1] + "+1", 2),
        (BOOTS[1] + "-2", None),
        ("ff" * 16, None),
    ],
)
def test_boots_are_counted_as_journalctl_counts_them(wanted: str, index: int | None) -> None:
    assert boot_at(BOOTS, wanted) == (None if index is None else BOOTS[index])


def test_an_empty_journal_has_no_boot() -> None:
    assert boot_at([], "0") is None

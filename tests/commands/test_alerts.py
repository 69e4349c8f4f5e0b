"""Which troubles are news."""

from __future__ import annotations

from dataclasses import replace

from console.commands.alerts import LASTS_S, QUIET_S, SETTLES_S, Alerts, in_words
from console.commands.picture import Trouble
from console.commands.rows import Cell, Tone
from console.model.memory import Ack
from tests.tui.small_fleet import NOW

BAD = Trouble("web1", "api.service", Cell.state("failed", Tone.BAD), NOW, "exit-code", unit="api.service")
AILING = replace(BAD, how=Cell.state("failing", Tone.WARN))


def settled() -> Alerts:
    alerts = Alerts(0)
    assert alerts.look([], SETTLES_S) == []
    return alerts


def test_a_failure_is_news_once_it_has_lasted_a_moment_and_then_no_more() -> None:
    alerts, now = settled(), SETTLES_S
    assert alerts.look([BAD], now) == []
    assert alerts.look([BAD], now + LASTS_S) == [BAD]
    for later in range(3, 3000, 10):
        assert alerts.look([BAD], now + later) == []


def test_one_that_comes_and_goes_is_told_once_in_a_while() -> None:
    alerts, now, told = settled(), SETTLES_S, 0
    for second in range(int(3 * QUIET_S)):
        told += len(alerts.look([BAD] if second % 10 < 5 else [], now + second))
    assert told == 1, "it never was gone for so long that it would be news"
    assert alerts.look([], now + 5 * QUIET_S) == []
    assert alerts.look([BAD], now + 5 * QUIET_S + 1) == []
    assert alerts.look([BAD], now + 5 * QUIET_S + 4) == [BAD]


def test_what_is_there_when_a_console_begins_is_no_news() -> None:
    alerts = Alerts(0)
    for second in range(int(SETTLES_S) + 600):
        assert alerts.look([BAD], second) == []


def test_what_somebody_looks_after_and_what_merely_ails_is_never_news() -> None:
    alerts = settled()
    looked_after = replace(BAD, ack=Ack("web1/api.service", "alice", "on it", NOW))
    for second in range(10):
        assert alerts.look([AILING, looked_after], SETTLES_S + second) == []


def test_many_are_told_in_one_line() -> None:
    other = replace(BAD, host="web2")
    assert in_words([BAD]) == "web1 api.service: ✖ failed"
    assert in_words([BAD, other]) == "web1 api.service: ✖ failed, and 1 more"

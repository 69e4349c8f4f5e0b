"""What happened on a host, told from systemd's lines and the audit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.actions.audit import DONE, FAILED, Record
from console.actions.plan import Outcome, Result
from console.commands.rows import Tone
from console.commands.rows.timeline import timeline_lines
from console.commands.timeline import from_audit, from_systemd
from console.model.log import LogRecord
from tests.tui.small_fleet import BEFORE, NOW

STARTED, FAILURE = "39f53479d3a045ac8e11786248231fbf", "d9b373ed55a64feb8242e02dbe79a49c"
BOX = "ab" * 32


def said(unit: str, message: str, identity: str, pid: int = 1) -> LogRecord:
    fields = {"UNIT": unit, "MESSAGE_ID": identity}
    return LogRecord("web1", "s=1", NOW, 1, "b" * 32, message, identifier="systemd", pid=pid, fields=fields)


def test_a_unit_that_fails_is_told_in_systemds_words() -> None:
    found = from_systemd(said("api.service", "api.service: Failed with result 'exit-code'.", FAILURE), {})
    assert found is not None
    assert (found.what, found.tone) == ("api.service", Tone.BAD)
    assert found.text == "api.service: Failed with result 'exit-code'."


def test_a_container_is_told_by_its_name_where_that_is_known() -> None:
    line = said(f"docker-{BOX}.scope", "Started", STARTED)
    for boxes, what in (({BOX: "web"}, "container web"), ({}, f"container {BOX[:12]}")):
        found = from_systemd(line, boxes)
        assert found is not None
        assert found.what == what


@pytest.mark.parametrize(
    "line",
    [
        said("session-4.scope", "Started", STARTED),
        said("user@1000.service", "Started", STARTED),
        said("var-lib.mount", "Mounted", STARTED),
        said("api.service", "Something else", "0" * 32),
        said("api.service", "a service manager of a user's", STARTED, pid=812),
        LogRecord("web1", "s=1", NOW, 1, "b" * 32, "no fields", identifier="systemd", pid=1),
    ],
)
def test_what_comes_with_every_login_and_what_others_say_is_not_told(line: LogRecord) -> None:
    assert from_systemd(line, {}) is None


def test_what_consoles_did_is_told_for_each_target_of_the_host() -> None:
    results = (
        Result("web1/api.service", Outcome.DONE),
        Result("web1/db.service", Outcome.FAILED, "timeout"),
        Result("web2/api.service", Outcome.DONE),
    )
    record = Record("a-1", NOW, "alice", "desk", "unit restart api", results=results, outcome=FAILED)
    old = Record("a-0", BEFORE, "bob", "desk", "unit stop api", results=results[:1], outcome=DONE)
    found = list(from_audit([old, record], "web1", NOW - timedelta(minutes=1)))
    assert [(one.what, one.tone) for one in found] == [("api.service", Tone.WARN), ("db.service", Tone.WARN)]
    assert found[1].text == "alice: unit restart api (failed: timeout)"


def test_a_page_has_the_newest_first_and_says_when_there_is_nothing() -> None:
    old = from_systemd(said("a.service", "first", STARTED), {})
    new = from_systemd(said("b.service", "second", FAILURE), {})
    assert old is not None
    assert new is not None
    lines = timeline_lines([old, new], "a.service")
    assert [line[2].text for line in lines] == ["second", "first"]
    assert timeline_lines([], "a.service")[0][0].text.startswith("nothing")

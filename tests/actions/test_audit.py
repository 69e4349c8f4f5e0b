"""Records of writes: written at the beginning and at the end, and read again."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from console.actions.audit import Audit, Who, key_comment, who_am_i
from console.actions.audit_file import FileSink, read_records
from console.actions.plan import Act, Effect, Outcome, Plan, Refusal, Result, Step
from console.errors import ConfigError

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PLAN = Plan(
    "unit stop db --on=h",
    (
        Step(
            "h",
            "db.service",
            "stop",
            "active",
            "inactive",
            cast("Act", None),
            (Effect("api.service", "stops"),),
            "u",
        ),
    ),
    (Refusal("h", "x.service", "masked"),),
)


def audit(folder: Path) -> Audit:
    return Audit((FileSink(folder),), Who("ann", "console1"), lambda: NOW)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    writer = audit(tmp_path)
    begun = writer.begin(PLAN.line, PLAN)
    writer.end(
        begun, "failed", [Result("h/db.service", Outcome.FAILED, "no", 0.5)], undo=["unit start db --on=h"]
    )
    (record,), problems = read_records(tmp_path)
    assert problems == []
    assert (record.id, record.time, record.actor, record.origin) == (begun.id, NOW, "ann", "console1")
    assert (record.line, record.plan_id, record.outcome) == (PLAN.line, PLAN.id, "failed")
    assert record.results == (Result("h/db.service", Outcome.FAILED, "no", 0.5),)
    assert record.undo == ("unit start db --on=h",)
    assert record.plan is not None
    assert record.plan["steps"][0]["touches"] == ["api.service"]
    assert record.plan["refused"] == [{"host": "h", "object": "x.service", "why": "masked"}]


def test_a_write_that_was_cut_off_left_its_beginning(tmp_path: Path) -> None:
    audit(tmp_path).begin(PLAN.line, PLAN)
    (record,), _ = read_records(tmp_path)
    assert record.outcome is None


def test_what_was_refused_is_recorded_with_the_reason(tmp_path: Path) -> None:
    audit(tmp_path).refused("host reboot --on=h", "this console is read-only: --read-only")
    (record,), _ = read_records(tmp_path)
    assert (record.outcome, record.why) == ("refused", "this console is read-only: --read-only")


def test_the_file_is_the_users_own_and_a_broken_line_hides_no_other(tmp_path: Path) -> None:
    writer = audit(tmp_path)
    writer.refused("a", "b")
    file = tmp_path / "audit.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open("a") as lines:
        lines.write('{"phase": "begin", "id"\n')
    writer.refused("c", "d")
    found, problems = read_records(tmp_path)
    assert [record.line for record in found] == ["a", "c"]
    assert [problem.line for problem in problems] == [3]


def test_a_record_that_no_sink_can_keep_raises_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone/audit.jsonl: the audit record cannot be written: No such"):
        audit(tmp_path / "gone").begin("line", PLAN)


@pytest.mark.parametrize(
    "entry",
    [
        "[]",
        "7",
        '{"id": "a-1"}',
        '{"id": "a-1", "phase": "begin", "time": "yesterday", "actor": "", "from": "", "line": ""}',
        '{"id": "a-1", "phase": "begin", "time": "2026-11-24T03:00:00", "actor": "", "from": "", "line": ""}',
        '{"id": "nobody", "phase": "end", "results": [], "outcome": "done", "why": "", "undo": []}',
        '{"id": "KNOWN", "phase": "end", "results": [{"target": "h"}], "outcome": "done"}',
        '{"id": "KNOWN", "phase": "end", "results": 7, "outcome": "done", "why": "", "undo": []}',
    ],
)
def test_an_entry_of_the_wrong_shape_is_told_with_its_line(tmp_path: Path, entry: str) -> None:
    begun = audit(tmp_path).begin("line", None)
    with (tmp_path / "audit.jsonl").open("a") as lines:
        lines.write(entry.replace("KNOWN", begun.id) + "\n")
    found, problems = read_records(tmp_path)
    assert [record.line for record in found] == ["line"]
    assert [problem.line for problem in problems] == [2]


def test_an_entry_after_one_that_was_cut_off_has_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text('{"phase": "beg')
    audit(tmp_path).begin("line", None)
    found, problems = read_records(tmp_path)
    assert [record.line for record in found] == ["line"]
    assert [problem.line for problem in problems] == [1]


def test_what_can_be_taken_back_is_known_without_reading_the_file(tmp_path: Path) -> None:
    writer = audit(tmp_path)
    writer.end(writer.begin("a", None), "done", undo=["b"])
    writer.end(writer.begin("c", None), "done")
    found, _ = read_records(tmp_path)
    assert writer.ways_back == [found[0].id]


def test_hostile_text_stays_in_its_line(tmp_path: Path) -> None:
    audit(tmp_path).refused('unit stop "a\nb" \x1b[2J', "x\ny")
    entries = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [entry["phase"] for entry in entries] == ["begin", "end"]


@pytest.mark.parametrize(
    ("environ", "actor", "origin"),
    [
        ({}, "{user}", "{here}"),
        ({"SUDO_USER": "ann"}, "ann as {user}", "{here}"),
        ({"SSH_CONNECTION": "10.1.2.3 50022 10.0.0.1 22"}, "{user}", "{here} from 10.1.2.3"),
    ],
)
def test_who_and_from_where(
    environ: Mapping[str, str], actor: str, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import getpass
    import socket

    known: dict[str, Any] = {"user": getpass.getuser(), "here": socket.gethostname()}
    assert who_am_i(environ) == Who(actor.format(**known), origin.format(**known))
    assert who_am_i(environ, "laptop").actor.endswith(" (laptop)")


def test_a_key_says_what_it_is_called_in_its_public_half(tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA ann@laptop at\x1b[2J home\n")
    (tmp_path / "bare.pub").write_text("ssh-ed25519 AAAA\n")
    assert key_comment([tmp_path / "none", tmp_path / "id"]) == "ann@laptop at home"
    assert key_comment([tmp_path / "bare", tmp_path / "id"]) is None
    assert key_comment([]) is None


def test_a_line_that_another_console_is_writing_meanwhile_is_not_taken_for_a_torn_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    audit(tmp_path).refused("first", "no")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])  # half of the other's last line is there when ours opens the file

    def locked(handle: int, how: int) -> None:
        path.write_bytes(whole)  # and all of it once it is our turn

    monkeypatch.setattr("console.actions.audit_file.fcntl.flock", locked)
    audit(tmp_path).begin("second", None)
    records, problems = read_records(tmp_path)
    assert problems == []
    assert [record.line for record in records] == ["first", "second"]

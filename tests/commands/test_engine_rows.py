"""How the engine is written out, for scripts and for people."""

from __future__ import annotations

from datetime import UTC, datetime

from console.commands.rows.engine import ENGINE, EnginePicture
from console.engine.brake import Pulled
from console.engine.present import EngineRecord
from console.placement.reconcile import Condition, Phase

SINCE = datetime(2026, 11, 23, tzinfo=UTC)
PICTURE = EnginePicture(
    EngineRecord("op1/12", SINCE, embedded=True, revision=41),
    (EngineRecord("box1/7", SINCE, version="0.0.9"),),
    "f-12ab",
    Pulled("2 of 3 hosts fell silent", SINCE),
    (("h1", "live", ""), ("h2", "foreign", "is of the fleet f-99")),
    (Condition("web@.service", "web@1.service", "h1", Phase.RUNNING, ""),),
    (("web@2.service", "apart on 3"),),
)


def words(picture: EnginePicture) -> list[str]:
    """What a person reads, a line each."""
    assert ENGINE.text is not None
    return [" ".join(" ".join(cell.text.split()) for cell in line) for line in ENGINE.text(picture)]


def test_a_script_finds_who_leads_who_stands_by_and_why_hosts_are_left_alone() -> None:
    found = ENGINE.fields(PICTURE)
    assert (found["leader"], found["revision"], found["embedded"]) == ("op1/12", 41, True)
    assert found["standing_by"] == [
        {"name": "box1/7", "since": "2026-11-23T00:00:00.000000Z", "embedded": False, "version": "0.0.9"}
    ]
    assert found["hosts"] == [
        {"name": "h1", "standing": "live", "reason": None},
        {"name": "h2", "standing": "foreign", "reason": "is of the fleet f-99"},
    ]
    assert found["pending"] == [{"name": "web@2.service", "reason": "apart on 3"}]


def test_a_person_reads_that_the_engine_is_in_a_console_and_what_the_brake_waits_for() -> None:
    told = words(PICTURE)
    assert any("op1/12 leads" in line and "inside a console" in line for line in told)
    assert any("box1/7" in line and "stands by" in line and "0.0.9" in line for line in told)
    assert any("2 of 3 hosts fell silent" in line for line in told)
    assert any("h2" in line and "is of the fleet f-99" in line for line in told)


def test_without_a_leader_it_is_said_how_one_begins() -> None:
    nobody = EnginePicture(None, (), None, None, (), (), ())
    assert any("quarterdeck engine run" in line for line in words(nobody))
    assert ENGINE.fields(nobody)["revision"] is None

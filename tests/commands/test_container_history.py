"""The updates that containers have had, out of the audit and of what is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from console.actions.audit import Record
from console.actions.plan import Outcome, Result
from console.actions.successor import ASKED, BEFORE, REPLACED
from console.commands.container_history import moves_of, there
from console.model.container import Container

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def record(
    line: str, *steps: dict[str, Any], results: tuple[Result, ...] = (), outcome: str | None = "done"
) -> Record:
    return Record("a-1", NOW, "ann", "desk", line, "p-1", {"steps": list(steps)}, results, outcome)


STEP = {
    "host": "web1",
    "object": "shop",
    "verb": "update",
    "now": "registry/shop:1.0, running, healthy",
    "then": "registry/shop:1.1, sha256:bbbb; stopped first: it has the host's port 80",
}


def test_an_update_tells_when_from_what_to_what_by_whom_and_how_it_ended() -> None:
    result = Result("web1/shop", Outcome.FAILED, "its health check says unhealthy")
    (move,) = moves_of(record("container update shop --on=web1", STEP, results=(result,), outcome="failed"))
    assert (move.time, move.host, move.name, move.what) == (NOW, "web1", "shop", "update")
    assert (move.was, move.became) == ("registry/shop:1.0", "registry/shop:1.1")
    assert (move.who, move.outcome, move.detail) == ("ann", "failed", "its health check says unhealthy")


def test_a_way_back_is_told_also_where_it_was_the_undo_of_a_record() -> None:
    back = {**STEP, "verb": "roll back", "then": "registry/shop:1.0, as it was"}
    (move,) = moves_of(record("audit undo a-2", back))
    assert (move.what, move.became) == ("rollback", "registry/shop:1.0")


def test_updates_of_hosts_and_services_are_not_of_containers() -> None:
    assert not list(moves_of(record("host update --on=web1", {**STEP, "object": ""})))
    assert not list(moves_of(record("service update shop", STEP)))
    assert not list(moves_of(record("container restart shop", {**STEP, "verb": "restart"})))


def test_one_that_never_ended_says_so() -> None:
    (move,) = moves_of(record("container update shop", STEP, outcome=None))
    assert move.outcome == "not ended"


def test_a_record_that_is_none_tells_nothing() -> None:
    assert not list(moves_of(record("container update shop", "x")))  # type: ignore[arg-type]
    assert not list(moves_of(record("container update shop", {**STEP, "verb": ["update"]})))
    odd = Record("a-1", NOW, "ann", "desk", "container update shop", plan={"steps": 3})
    assert not list(moves_of(odd))


def box(name: str, **labels: str) -> Container:
    return Container(
        "web1", name, name.ljust(64, "0"), "registry/shop:1.0", "", "running", created=NOW,
        labels={key.replace("_", "."): said for key, said in labels.items()},
    )  # fmt: skip


def test_what_is_kept_is_named_with_what_it_is_kept_for() -> None:
    failed = Container(
        "web1", "shop.failed", "f" * 64, "registry/shop:1.2", "", "exited", labels={REPLACED: "x"}
    )
    rows = list(there([box("shop"), box("shop.before"), failed]))
    assert [(row.name, row.what, row.detail) for row in rows] == [
        ("shop", "there", ""),
        ("shop", "kept", "as shop.before: the one before"),
        ("shop", "kept", "as shop.failed: it did not prove itself"),
    ]


def test_a_container_of_somebody_elses_that_is_called_failed_has_a_place_of_its_own() -> None:
    (row,) = there([box("shop.failed")])
    assert (row.name, row.what) == ("shop.failed", "there")


def test_a_units_container_tells_by_its_labels_what_was_before() -> None:
    told = Container(
        "web1", "shop", "c" * 64, "registry/shop@sha256:bb", "", "running",
        labels={ASKED: "registry/shop:1.1", BEFORE: "registry/shop@sha256:aa"},
    )  # fmt: skip
    now, before = there([told])
    assert now.became == "registry/shop:1.1"
    assert (before.what, before.became) == ("kept", "registry/shop@sha256:aa")

"""What hosts and etcd say, read: marks, services one by one, and what systemd expects of us."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.engine.catalogue import Catalogue
from console.engine.inspecting import Inspected, read_inspection
from console.engine.notify import Notifier
from console.engine.services import Revision, revision_bytes
from console.errors import HostFailure
from console.placement.mark import Mark
from console.store.records import pack
from console.store.schema import Keys
from console.store.values import Entry, Event

KEYS = Keys("/quarterdeck/")


def test_a_host_says_whose_it_is_and_which_units_bear_a_mark() -> None:
    said = "/run web@1.service f-1 web@.service 3 7 launched\n/etc odd.service nonsense\nof f-1\n"
    mark = Mark("f-1", "web@.service", 3, 7, True, "/run")
    assert read_inspection(said, "h1") == Inspected("f-1", {"web@1.service": mark})
    assert read_inspection("of \n", "h1") == Inspected(None, {})
    assert read_inspection("on 8f7e-11\nof f-1\n", "h1") == Inspected("f-1", {}, "8f7e-11")
    assert read_inspection("on \nof \n", "h1") == Inspected(None, {}), "it does not say"


@pytest.mark.parametrize("said", ["", "/run web@1.service f-1 web@.service 3 7 launched\n"])
def test_half_an_answer_is_none(said: str) -> None:
    with pytest.raises(HostFailure):
        read_inspection(said, "h1")


def put(entries: dict[str, Entry], key: str, value: bytes, revision: int) -> Event:
    entries[key] = Entry(key, value, revision, revision, 1)
    return Event(key, revision, entries[key])


def test_a_service_is_read_when_it_changes_and_is_gone_with_its_key() -> None:
    base = "/quarterdeck/services/web.service"
    text = "[Service]\nExecStart=/bin/true\n"
    revision = revision_bytes(Revision(1, text, datetime.now(UTC), "me", ""))
    entries: dict[str, Entry] = {}
    catalogue = Catalogue(KEYS)
    # A record without its revision cannot be read; the revision that comes after it mends that.
    record = put(entries, base, pack({"revision": 1, "desired": "launched"}), 1)
    catalogue.take(entries, [record])
    assert catalogue.services == {}
    assert "is not there" in catalogue.problems["web.service"]
    catalogue.take(entries, [put(entries, f"{base}/rev/1", revision, 2)])
    assert catalogue.problems == {}
    assert catalogue.services["web.service"].spec.text == text
    del entries[base]
    catalogue.take(entries, [Event(base, 3, None)])
    assert (catalogue.services, catalogue.problems) == ({}, {})


@pytest.mark.parametrize(
    ("environ", "watchdog"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
    ],
)
def test_systemd_says_how_often_it_wants_a_sign_of_life(
    environ: dict[str, str], watchdog: float | None
) -> None:
    assert Notifier(environ).watchdog == watchdog

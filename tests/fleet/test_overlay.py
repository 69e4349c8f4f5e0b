"""What is said of hosts beside the fleet's file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ConfigError
from console.fleet.config import parse_config
from console.fleet.model import FleetModel
from console.fleet.overlay import (
    HostOverlay,
    change_overlay,
    labelled,
    overlaid,
    overlaid_host,
    overlay_path,
    read_overlay,
)
from console.model.config import HostConfig
from console.model.selector import Selector

SINCE = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
FILE = Path("/etc/fleet.toml")
WEB = HostConfig("web1", labels={"role": "web", "zone": "a"})


def test_nothing_said_is_the_file_itself(tmp_path: Path) -> None:
    config = parse_config('[[host]]\nname = "web1"\n', tmp_path / "fleet.toml")
    assert overlaid(config, read_overlay(tmp_path / "none.json")) is config


def test_labels_are_set_and_taken_away_over_the_files() -> None:
    said = labelled(WEB, HostOverlay(), {"role": "db", "zone": None, "team": "ops"})
    assert overlaid_host(WEB, said).labels == {"role": "db", "team": "ops"}


def test_what_the_file_says_anyway_is_not_kept() -> None:
    said = labelled(WEB, HostOverlay(), {"role": "db", "gone": None})
    assert said.labels == {"role": "db"}
    assert not labelled(WEB, said, {"role": "web"})


def test_it_is_written_and_read_back(tmp_path: Path) -> None:
    path = overlay_path(tmp_path, FILE)
    said = {"web1": HostOverlay({"role": "db", "zone": None}, SINCE), "web2": HostOverlay()}
    assert change_overlay(path, FILE, lambda _: said) == {"web1": said["web1"]}
    assert read_overlay(path) == {"web1": said["web1"]}
    assert json.loads(path.read_text())["fleet"] == str(FILE)


def test_each_fleet_file_has_its_own(tmp_path: Path) -> None:
    paths = {overlay_path(tmp_path, Path(name)) for name in ("/a/fleet.toml", "/b/fleet.toml")}
    assert len(paths) == 2


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = overlay_path(tmp_path, FILE)

    def cordon(name: str) -> None:
        change_overlay(path, FILE, lambda said: {**said, name: HostOverlay(cordoned=SINCE)})

    threads = [Thread(target=cordon, args=(f"host{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_overlay(path)) == 16


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("{", 1, "is not JSON"),
        ('{\n"hosts": {]}', 2, "is not JSON"),
        ("[]", 0, "has no table of hosts"),
        ('{"hosts": {"web1": 3}}', 0, "host web1: is not a table"),
        ('{"hosts": {"web1": {"labels": []}}}', 0, "host web1: labels is not a table"),
        ('{"hosts": {"web1": {"labels": {"a b": "c"}}}}', 0, "cannot be a label's name"),
        ('{"hosts": {"web1": {"labels": {"a": "b,c"}}}}', 0, "could not be written in a selector"),
        ('{"hosts": {"web1": {"labels": {"a": 3}}}}', 0, "host web1:"),
        ('{"hosts": {"web1": {"cordoned": true}}}', 0, "cordoned is not a time"),
        ('{"hosts": {"web1": {"cordoned": "soon"}}}', 0, "cordoned is not a time"),
        ('{"hosts": {"web1": {"drained-by": "alice"}}}', 0, "drained-by is not a table"),
        ('{"hosts": {"web1": {"drained-by": {"alice": 3}}}}', 0, "drained-by is not a time"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_place(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    path = tmp_path / "o.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_overlay(path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (path, line)
    assert says in problem.text


def test_one_that_is_wrong_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    path.write_text("{")
    with pytest.raises(ConfigError):
        change_overlay(path, FILE, lambda said: said)
    assert path.read_text() == "{"


KEYS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,10}", fullmatch=True)
LABELS = st.dictionaries(KEYS, st.none() | st.from_regex(r"[a-z*?$()\"'\\-]{1,10}", fullmatch=True))


@settings(deadline=None)  # a busy machine is no fault of it
@given(st.dictionaries(KEYS, st.text("abc", min_size=1)), LABELS, LABELS)
def test_what_undoes_a_change_of_labels_leaves_nothing_behind(
    file: dict[str, str], before: dict[str, str | None], change: dict[str, str | None]
) -> None:
    host = HostConfig("h", labels=file)
    first = labelled(host, HostOverlay(), before)
    was = overlaid_host(host, first).labels
    second = labelled(host, first, change)
    back = labelled(host, second, {key: was.get(key) for key in change})
    assert back == first
    assert overlaid_host(host, back).labels == was


async def test_a_live_view_hears_of_it_at_once() -> None:
    model = FleetModel([WEB, HostConfig("web2")])
    feed = model.feed()
    await feed.batch(pause=0)
    model.configure(overlaid_host(WEB, HostOverlay({"role": "db"}, SINCE)))
    assert (await feed.batch(pause=0)).hosts == {"web1"}
    host = model.host("web1")
    assert (host.labels["role"], host.cordoned) == ("db", SINCE)
    assert Selector.parse("role=db").matches_host(host)

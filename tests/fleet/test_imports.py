"""Appending hosts to the fleet file, whatever it holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import ConfigError
from console.fleet.config import load_config, parse_config
from console.fleet.imports import HostEntry, append_hosts

FILE = Path("fleet.toml")


def test_a_new_file_holds_the_hosts_and_nothing_else() -> None:
    entries = [
        HostEntry("web1"),
        HostEntry(
            "web2", "198.18.7.12", 2222, "core", ("~/.ssh/id",), labels={"role": "web", "group.a": "yes"}
        ),
        HostEntry("here", transport="local"),
        HostEntry("two", identity=("/a", "b c")),
    ]
    appended = append_hosts(None, entries, FILE)
    assert appended.added == ("web1", "web2", "here", "two")
    assert appended.present == appended.notes == ()
    assert appended.text == (
        "[[host]]\n"
        'name = "web1"\n'
        "\n"
        "[[host]]\n"
        'name = "web2"\n'
        'address = "198.18.7.12"\n'
        "port = 2222\n"
        'user = "core"\n'
        'identity = "~/.ssh/id"\n'
        'labels = { role = "web", "group.a" = "yes" }\n'
        "\n"
        "[[host]]\n"
        'name = "here"\n'
        'transport = "local"\n'
        "\n"
        "[[host]]\n"
        'name = "two"\n'
        'identity = ["/a", "b c"]\n'
    )


def test_what_was_written_is_a_right_fleet_file(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(append_hosts(None, [HostEntry("web1", labels={"group.a/b": 'x = "y"'})], path).text)
    (host,) = load_config(path).hosts
    assert host.name == "web1"
    assert host.labels == {"group.a/b": 'x = "y"'}


@pytest.mark.parametrize(
    "existing",
    [
        "",
        "# mine\n[fleet]\nname = 'prod'",
        "[[host]]\nname = 'old'\n[host.labels]\nrole = 'db'\n",
        "[fleet]\r\nname = 'prod'\r\n",
        "\ufeff[fleet]\nname = 'prod'\n",
        "[fleet]\nodd = nan\n",
        "a = '''\n[[host]]'''\n\n\n",
    ],
)
def test_the_existing_text_stays_as_it_is(existing: str) -> None:
    appended = append_hosts(existing, [HostEntry("web1")], FILE)
    assert appended.text.startswith(existing)
    assert appended.text.endswith('[[host]]\nname = "web1"\n')
    hosts = tomllib.loads(appended.text.removeprefix("\ufeff"))["host"]
    assert hosts[-1] == {"name": "web1"}


def test_a_name_that_is_there_already_is_left_alone_and_told() -> None:
    existing = "[[host]]\nname = 'web1'\nport = 2222\n"
    appended = append_hosts(existing, [HostEntry("web1"), HostEntry("web2"), HostEntry("web2")], FILE)
    assert appended.added == ("web2",)
    assert appended.present == ("web1", "web2")
    assert tomllib.loads(appended.text)["host"] == [{"name": "web1", "port": 2222}, {"name": "web2"}]


def test_nothing_to_add_leaves_the_text_untouched() -> None:
    existing = "[[host]]\nname = 'web1'\n# end"
    assert append_hosts(existing + "\n", [HostEntry("web1")], FILE).text == existing + "\n"


def test_a_second_host_that_is_this_machine_is_left_out() -> None:
    entries = [HostEntry("here", transport="local"), HostEntry("there", transport="local")]
    appended = append_hosts(None, entries, FILE)
    assert appended.added == ("here",)
    assert "there is left out" in appended.notes[0]
    again = append_hosts(appended.text, entries[1:], FILE)
    assert again.added == ()


@pytest.mark.parametrize(
    "existing", ["host = [ { name = 'a' } ]\n", "host = []\n", "[host]\na = 1\n", "host = [1]"]
)
def test_hosts_that_cannot_be_appended_to_are_refused(existing: str) -> None:
    with pytest.raises(ConfigError, match=r"accepted: \[\[host\]\] tables"):
        append_hosts(existing, [HostEntry("web1")], FILE)


def test_a_file_that_is_not_toml_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"fleet\.toml:2: not TOML"):
        append_hosts("[fleet]\nname = \n", [HostEntry("web1")], FILE)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ENTRIES = st.builds(
    HostEntry,
    name=TEXT,
    address=st.none() | TEXT,
    port=st.none() | st.integers(1, 65535),
    user=st.none() | TEXT,
    identity=st.lists(TEXT | st.just('"\n[[host]]\nname = "x'), max_size=2).map(tuple),
    labels=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda entry: entry.name))
def test_no_text_breaks_out_of_its_string(entries: list[HostEntry]) -> None:
    text = append_hosts("[fleet]\nname = 'prod'\n", entries, FILE).text
    data = tomllib.loads(text)
    assert data.pop("fleet") == {"name": "prod"}
    assert data == ({"host": [entry.table() for entry in entries]} if entries else {})


LIKELY = st.builds(
    HostEntry,
    name=st.from_regex(r"[a-z0-9._-]{1,4}", fullmatch=True),
    address=st.sampled_from([None, "198.18.7.1", "::1", "web1", "a b", "1.2.3", "fe80::1%eth0"]),
    port=st.sampled_from([None, 0, 1, 65535, 65536]),
    user=st.sampled_from([None, "core", "-x", "a b", "EXAMPLE\\ops"]),
    labels=st.dictionaries(
        st.sampled_from(["role", "a.b", "a b"]), st.sampled_from(["web", "a,b", "=", "ü *"])
    ),
)


@given(LIKELY)
def test_an_entry_has_a_fault_exactly_when_the_fleet_file_refuses_it(entry: HostEntry) -> None:
    text = append_hosts(None, [entry], FILE).text
    if entry.fault() is None:
        (host,) = parse_config(text, FILE).hosts
        assert (host.name, host.address, host.labels) == (entry.name, entry.address, entry.labels)
    else:
        with pytest.raises(ConfigError):
            parse_config(text, FILE)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (HostEntry("web 1"), 'name: "web 1" cannot be a name'),
        (HostEntry("web1", "a b"), 'address: "a b" is not an address'),
        (HostEntry("web1", port=0), "port: 0 is out of range"),
        (HostEntry("web1", user="-x"), 'user: "-x" cannot be a user'),
        (HostEntry("web1", identity=("/a", "a\nb")), "identity: "),
        (HostEntry("web1", labels={"a": "b,c"}), 'labels: "b,c" could not be written in a selector'),
    ],
)
def test_an_entry_knows_why_it_would_be_refused(entry: HostEntry, fault: str) -> None:
    assert (entry.fault() or "").startswith(fault)

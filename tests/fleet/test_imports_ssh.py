"""Aliases out of an OpenSSH client configuration."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from console.errors import ConfigError
from console.fleet.imports import HostEntry, Imported, from_ssh_config, load_ssh_config


def imported(text: str, files: Mapping[str, list[str]] | None = None) -> Imported:
    return from_ssh_config(textwrap.dedent(text), lambda pattern: (files or {}).get(pattern, []))


def names(text: str, files: Mapping[str, list[str]] | None = None) -> list[str]:
    return [entry.name for entry in imported(text, files).entries]


def test_an_entry_is_the_alias_and_leaves_the_rest_to_openssh() -> None:
    text = """
        Host web1
            HostName 198.18.7.11
            User core
            Port 2222
            IdentityFile ~/.ssh/id_web
            ProxyJump bastion
        """
    assert imported(text) == Imported((HostEntry("web1"),))


def test_wildcards_and_negations_are_no_hosts() -> None:
    text = """
        Host web1 web2 !web3 db-* ?x
        Host *
        Host * !bastion
        Match host web9
        """
    assert names(text) == ["web1", "web2"]


@pytest.mark.parametrize(
    "line",
    [
        "Host web1",
        "host web1",
        "HOST=web1",
        "  Host = web1",
        '\tHost "web1"',
        "Host web1 # the first",
        "Host\tweb1\r",
    ],
)
def test_a_line_may_be_spelt_in_many_ways(line: str) -> None:
    assert names(line) == ["web1"]


@pytest.mark.parametrize("line", ["# Host web1", "HostName web1", "Host", "Hosts web1", "User Host web1"])
def test_what_is_no_host_line_gives_no_host(line: str) -> None:
    assert names(line) == []


def test_an_alias_given_twice_is_one_host() -> None:
    assert names("Host b a\nHost a\n") == ["b", "a"]


def test_includes_are_followed_where_they_stand() -> None:
    files = {"conf.d/*": ["Host in1\n", "Include deeper\nHost in2\n"], "deeper": ["Host in3\n"]}
    assert names("Host a\nHost *\nInclude conf.d/* none\nHost b\n", files) == ["a", "in1", "in3", "in2", "b"]


def test_an_include_within_a_host_block_gives_only_the_hosts_that_block_applies_to() -> None:
    text = """
        Host web* !web9
            Include inner
        Host other
        """
    assert names(text, {"inner": ["Host web1 web9 db1\n"]}) == ["web1", "other"]


def test_an_include_within_a_match_block_counts() -> None:
    assert names("Host a\nMatch exec true\nInclude inner\n", {"inner": ["Host web1\n"]}) == ["a", "web1"]


def test_brackets_in_a_pattern_are_no_glob_to_openssh() -> None:
    assert names("Host web[1]*\nInclude inner\n", {"inner": ["Host web1\n"]}) == []


def test_an_include_of_itself_comes_to_an_end_and_is_told() -> None:
    result = imported("Host a\nMatch all\nInclude me\n", {"me": ["Host b\nMatch all\nInclude me\n"]})
    assert [entry.name for entry in result.entries] == ["a", "b"]
    assert result.notes == ('an Include is left out, 16 deep: "Include me"',)


def test_an_alias_that_cannot_be_a_name_is_left_out_and_told() -> None:
    result = imported("Host git@forge web1 fe80::1\n")
    assert [entry.name for entry in result.entries] == ["web1"]
    assert [note.split(":")[0] for note in result.notes] == [
        '"git@forge" is left out',
        '"fe80',
    ]


def test_a_line_whose_quotes_do_not_close_is_told() -> None:
    result = imported('Host "web1\nHost web2\n')
    assert [entry.name for entry in result.entries] == ["web2"]
    assert result.notes == ('a line is left out, its quotes do not close: "Host \\"web1"',)


def copied(text: str, files: Mapping[str, list[str]] | None = None) -> Imported:
    return from_ssh_config(textwrap.dedent(text), lambda pattern: (files or {}).get(pattern, []), copy=True)


def test_of_a_file_that_openssh_does_not_read_how_to_reach_a_host_is_copied() -> None:
    text = """
        User everyone
        Host web1 web2
            HostName %h.example.com
            Port 2222
            IdentityFile ~/.ssh/id_web
        Host web*
            User core
            Port 22
            IdentityFile "%d/.ssh/id two"
            Include more
        Host web2 !web1
            User late
        Host plain
        Host *
            IdentityFile none
        """
    keys = ("~/.ssh/id_web", "~/.ssh/id two", "/more")
    assert copied(text, {"more": ["IdentityFile /more\nHost db\nPort 1\n"]}) == Imported(
        (
            HostEntry("web1", "web1.example.com", 2222, "everyone", keys),
            HostEntry("web2", "web2.example.com", 2222, "everyone", keys),
            HostEntry("plain", user="everyone"),
        )
    )


def test_what_only_a_connection_can_judge_is_not_copied_but_match_all_is() -> None:
    text = "Host a\nMatch exec true\nUser one\nMatch all\nUser two\n"
    assert copied(text).entries == (HostEntry("a", user="two"),)


def test_what_a_copy_cannot_keep_is_told() -> None:
    result = copied("Host a\nProxyJump bastion\nProxyCommand none\nIdentityFile ~/%r\nHostName 10.0.0.%p\n")
    assert result.entries == (HostEntry("a"),)
    assert result.notes == (
        '"a": its ProxyJump stays behind; keep this host in ~/.ssh/config for that',
        '"a": "10.0.0.%p" is left out, %p is known only to OpenSSH',
        '"a": "~/%r" is left out, %r is known only to OpenSSH',
    )


def test_files_are_read_as_openssh_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / ".ssh"
    (ssh / "conf.d" / "folder").mkdir(parents=True)
    (ssh / "config").write_text("Include conf.d/* ~/.ssh/more none/*\nHost a\n")
    (ssh / "conf.d" / "20-b").write_text("Host b\n")
    (ssh / "conf.d" / "10-c").write_text("Host c\nMatch all\nInclude more\n")
    (ssh / "more").write_text("Host d\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [entry.name for entry in load_ssh_config(ssh / "config").entries] == ["c", "d", "b", "a"]


def test_only_of_openssh_s_own_file_an_entry_is_the_alias_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    for path in (tmp_path / ".ssh" / "config", tmp_path / "team"):
        path.write_text("Host a\nPort 2222\n")
    assert load_ssh_config(tmp_path / ".ssh" / "config").entries == (HostEntry("a"),)
    assert load_ssh_config(tmp_path / "team").entries == (HostEntry("a", port=2222),)


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_ssh_config(tmp_path / "config")

"""Hosts out of Ansible inventories."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from console.errors import ConfigError, Problem
from console.fleet.imports import HostEntry, Imported, from_ansible, load_ansible


def ini(text: str) -> Imported:
    return from_ansible(textwrap.dedent(text), Path("hosts.ini"))


def yml(text: str) -> Imported:
    return from_ansible(textwrap.dedent(text), Path("hosts.yml"))


def problems(text: str, name: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        from_ansible(textwrap.dedent(text), Path(name))
    return caught.value.problems


FLEET = (
    HostEntry("mail", "198.18.7.1"),
    HostEntry("web01", port=2222, user="core", labels={"group": "web", "group.prod": "yes"}),
    HostEntry("web02", port=2222, user="ops", labels={"group": "web", "group.prod": "yes"}),
    HostEntry(
        "db1",
        "198.18.7.9",
        user="root",
        identity=("~/.ssh/db",),
        labels={"group": "db", "group.prod": "yes", "group.ssd": "yes"},
    ),
)


def test_an_ini_inventory() -> None:
    text = """
        mail ansible_host=198.18.7.1

        # the front
        [web]
        web[01:02] ansible_port=2222 http_port=80
        web02 ansible_user=ops

        [db]
        ; the back
        db1 ansible_ssh_host=198.18.7.9 ansible_ssh_private_key_file="~/.ssh/db" # old

        [ssd]
        db1

        [prod:children]
        web
        db

        [db:vars]
        ansible_user = "root"
        [prod:vars]
        ansible_user=core
        ntp=a,b
        """
    assert ini(text) == Imported(FLEET)


def test_the_same_inventory_in_yaml() -> None:
    text = """
        all:
          hosts:
            mail: {ansible_host: 198.18.7.1}
          children:
            prod:
              vars: {ansible_user: core, ntp: [a, b]}
              children:
                web:
                  hosts:
                    web[01:02]: &web
                      ansible_port: 2222
                      http_port: 80
                    web02:
                      <<: *web
                      ansible_user: ops
                db:
                  vars: {ansible_user: root}
                  hosts:
                    db1:
                      ansible_ssh_host: 198.18.7.9
                      ansible_ssh_private_key_file: ~/.ssh/db
            ssd:
              hosts:
                db1:
        """
    assert yml(text) == Imported(FLEET)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[01:03].example.com", ["web01.example.com", "web02.example.com", "web03.example.com"]),
        ("web[08:11]", ["web08", "web09", "web10", "web11"]),
        ("n[0:10:5]", ["n0", "n5", "n10"]),
        ("n[:2]", ["n0", "n1", "n2"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"]),
        ("[a:b]", ["a", "b"]),
        ("plain", ["plain"]),
    ],
)
def test_a_range_stands_for_its_hosts(pattern: str, names: list[str]) -> None:
    assert [entry.name for entry in yml(f"all: {{hosts: {{'{pattern}': }}}}").entries] == names
    if not pattern.startswith("["):  # to INI, that is a section
        assert [entry.name for entry in ini(pattern).entries] == names


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("web[3:1]", "ends before it starts"),
        ("web[1:c]", "no range of numbers or letters"),
        ("web[01:003]", "not of the same length"),
        ("web[1:9:0]", "a step of 0"),
        ("web[1:999999999]", "more than 10000 hosts"),
        ("web[1:200][1:200]", "more than 10000 hosts"),
    ],
)
def test_a_range_that_makes_no_sense_is_told_with_its_line(pattern: str, why: str) -> None:
    (problem,) = problems(f"ok\n{pattern}\n", "hosts")
    assert problem.line == 2
    assert why in problem.text
    (problem,) = problems(f"all: {{hosts: {{'{pattern}': }}}}", "hosts.yaml")
    assert why in problem.text


def test_a_port_may_stand_behind_the_name() -> None:
    assert ini("web[1:2]:2222\n").entries == (HostEntry("web1", port=2222), HostEntry("web2", port=2222))


def test_all_comes_first_then_outer_groups_then_inner_ones_then_the_host() -> None:
    text = """
        [inner]
        a
        b ansible_user=own
        [outer:children]
        inner
        [inner:vars]
        ansible_port=3
        [outer:vars]
        ansible_user=outer
        ansible_port=2
        [all:vars]
        ansible_user=all
        ansible_ssh_private_key_file=/keys/all
        """
    a, b = ini(text).entries
    assert (a.user, a.port, a.identity) == ("outer", 3, ("/keys/all",))
    assert b.user == "own"


def test_the_deepest_group_is_the_group() -> None:
    text = "[top]\na\n[top:children]\nmid\n[mid]\na\n[beside]\na\n"
    (entry,) = ini(text).entries
    assert entry.labels == {"group": "mid", "group.beside": "yes", "group.top": "yes"}


def test_local_is_this_machine_and_needs_no_address() -> None:
    text = "localhost ansible_connection=local ansible_host=127.0.0.1 ansible_port=22\n"
    assert ini(text).entries == (HostEntry("localhost", transport="local"),)


def test_what_is_not_reached_by_ssh_is_left_out_and_told() -> None:
    result = ini("win1 ansible_connection=winrm\nweb1\n")
    assert result.entries == (HostEntry("web1"),)
    assert result.notes == ('win1 is left out, its connection is "winrm"',)


def test_templates_and_encrypted_values_are_left_out_and_told() -> None:
    result = yml(
        """
        all:
          hosts:
            a: {ansible_host: "{{ lookup('x') }}"}
            b:
              ansible_user: !vault |
                $ANSIBLE_VAULT;1.1;AES256
                6162
              ansible_port: http
        """
    )
    assert result.entries == (HostEntry("a"), HostEntry("b"))
    assert result.notes == (
        "a: its address is left out, a template or encrypted",
        "b: its user is left out, a template or encrypted",
        'b: its port is left out, "http" is not a number',
    )


def test_a_relative_key_file_is_told() -> None:
    result = ini("a ansible_ssh_private_key_file=keys/a\n")
    assert result.entries == (HostEntry("a", identity=("keys/a",)),)
    assert "relative to the fleet file's folder" in result.notes[0]


@pytest.mark.parametrize("name", ["a/b", "fe80::1", "[web", "x\x1b[31m"])
def test_a_host_that_cannot_be_a_name_is_left_out_and_told(name: str) -> None:
    result = ini(f"ok\n{name} ansible_port=http\n")
    assert result.entries == (HostEntry("ok"),)
    assert "is left out: name: " in result.notes[0]
    assert all(note.isprintable() for note in result.notes)


def test_a_group_that_cannot_be_a_label_is_left_out_and_told() -> None:
    result = ini(f"[{'g' * 60}]\na\n[web]\na\n[{'h' * 60}]\na\n")
    assert result.entries == (HostEntry("a", labels={"group": "g" * 60, "group.web": "yes"}),)
    assert "a label for one of its groups is left out" in result.notes[0]


def test_yaml_s_odd_words_stay_the_names_they_are() -> None:
    names = ["no", "on", "010", "1e3", "12:30", "2026-02-30"]
    result = yml("all:\n  hosts:\n" + "".join(f"    {name}:\n" for name in names))
    assert [entry.name for entry in result.entries] == ["no", "on", "010", "1e3", "12", "2026-02-30"]
    assert result.entries[4].port == 30


def test_a_tag_makes_no_object() -> None:
    result = yml("all: {hosts: {a: {ansible_user: !!python/object/apply:os.system ['true']}, b: }}")
    assert result.entries == (HostEntry("a"), HostEntry("b"))


def test_a_yaml_that_names_itself_comes_to_an_end() -> None:
    shared = "\n".join(
        f"  g{i}: &g{i} {{children: {{a{i}: *g{i - 1}, b{i}: *g{i - 1}}}}}" for i in range(1, 12)
    )
    result = yml(f"all:\n children:\n  g0: &g0 {{hosts: {{web1: }}}}\n{shared}\n")
    assert [entry.name for entry in result.entries] == ["web1"]


@pytest.mark.parametrize(
    ("text", "name", "line", "said"),
    [
        ("[web:hosting]\na\n", "hosts", 1, "accepted: [NAME], [NAME:children], [NAME:vars]"),
        ("[web:vars]\nuser\n", "hosts", 2, '"user" is not a variable; accepted: NAME=VALUE'),
        ("a b\n", "hosts", 1, '"b" is not a variable'),
        ("a 'b\n", "hosts", 1, "do not close"),
        ("#!/usr/bin/python\n", "hosts", 1, "ansible-inventory -i FILE --list --yaml"),
        ("[a:children]\nb\n[b:children]\na\n", "hosts", 0, "among its own children"),
        ("all: [a\n", "hosts.yml", 2, "not YAML: "),
        ("all: {hosts: {a: {ansible_host: {{ x }}}}}\n", "hosts.yml", 1, "not YAML: "),
        ("all: \x07\n", "hosts.yml", 0, "not YAML: "),
        ("a: " + "[" * 100_000, "hosts.yml", 0, "nested too deeply"),
        ("- a\n", "hosts.yml", 0, "the inventory: an array is not a mapping"),
        ("plugin: aws_ec2\n", "hosts.yml", 0, 'group "plugin": "aws_ec2" is not a mapping'),
        ("all: {hosts: [a]}\n", "hosts.yml", 0, 'hosts of "all": an array is not a mapping'),
        ("all: {host: {a: }}\n", "hosts.yml", 0, 'unknown key "host"; accepted: hosts, children, vars'),
        ("all: {hosts: {a: b}}\n", "hosts.yml", 0, 'host "a": "b" is not a mapping'),
    ],
)
def test_what_is_no_inventory_is_told_with_what_is_accepted(
    text: str, name: str, line: int, said: str
) -> None:
    (problem,) = problems(text, name)
    assert problem.line == line
    assert said in problem.text


def test_an_empty_inventory_has_no_hosts() -> None:
    assert ini("") == Imported(())
    assert yml("") == Imported(())


def test_a_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("web1\n")
    (tmp_path / "hosts.yaml").write_text("all: {hosts: {web1: }}\n")
    (tmp_path / "hosts.json").write_text('{"all": {"hosts": {"web1": {}}}}')
    for name in ("hosts", "hosts.yaml", "hosts.json"):
        assert load_ansible(tmp_path / name).entries == (HostEntry("web1"),)

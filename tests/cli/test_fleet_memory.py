"""The fleet's memory from the command line: two users' consoles on one real etcd."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.store.client import open_etcd
from console.store.roles import init_auth
from tests.store.cluster import Cluster, needs_etcd

pytestmark = needs_etcd

#: Nobody listens there: hosts that are never reached.
_NOBODY = "127.0.0.1"


@dataclass(frozen=True)
class Console:
    """Somebody's console: a state folder of their own, the fleet's file, the fleet's etcd."""

    folder: Path

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "console", "--config", str(self.folder / "fleet.toml"), *words],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "-o", "json", code=code).stdout)

    def hosts(self) -> dict[str, Any]:
        return {host["name"]: host for host in self.json("host", "list", "--timeout", "5s", code=4)}


def console(folder: Path, etcd: str) -> Console:
    folder.mkdir()
    host = f'[[host]]\nname = "web1"\naddress = "{_NOBODY}"\nport = 9\n'
    (folder / "fleet.toml").write_text(f'[fleet]\nname = "prod"\n[etcd]\n{etcd}\n{host}')
    return Console(folder)


@pytest.fixture
def consoles(cluster: Cluster, tmp_path: Path) -> tuple[Console, Console]:
    etcd = f"endpoints = {json.dumps(list(cluster.config().endpoints))}"
    return console(tmp_path / "alice", etcd), console(tmp_path / "bob", etcd)


async def test_what_one_says_of_hosts_the_other_goes_by_and_takes_back(
    consoles: tuple[Console, Console],
) -> None:
    alice, bob = consoles
    alice.run("host", "label", "role=web", "--on", "web1", "--yes")
    alice.run("host", "cordon", "--on", "role=web", "--yes")
    seen = bob.hosts()["web1"]
    assert (seen["labels"], seen["cordoned"]) == ({"role": "web"}, True)
    undo = bob.json("audit", "list")[-1]
    assert (undo["line"], undo["outcome"]) == ("host cordon --on=role=web", "done")
    bob.run("audit", "undo", undo["id"], "--yes")
    assert alice.hosts()["web1"]["cordoned"] is False
    lines = [record["line"] for record in alice.json("audit", "list")]
    assert lines == [
        "host label role=web --on=web1",
        "host cordon --on=role=web",
        f"audit undo {undo['id']}",
    ]


async def test_a_host_that_is_added_is_the_fleets_for_all_and_can_be_taken_out(
    consoles: tuple[Console, Console],
) -> None:
    alice, bob = consoles
    alice.run("host", "add", "web9", "role=web", "--address", _NOBODY, "--port", "9", "--yes")
    assert sorted(bob.hosts()) == ["web1", "web9"]
    assert bob.hosts()["web9"]["labels"] == {"role": "web"}
    assert bob.run(
        "host", "add", "web9", "role=web", "--address", _NOBODY, "--port", "9", "--yes"
    ).stderr == ("nothing to do\n")
    bob.run("host", "remove", "web1", "--yes", code=4)  # the file has it
    assert "take it out there" in bob.run("host", "remove", "web1", "--yes", code=4).stdout
    bob.run("host", "remove", "web9", "--yes")
    assert list(alice.hosts()) == ["web1"]


async def test_a_macro_that_is_published_runs_from_every_console(consoles: tuple[Console, Console]) -> None:
    alice, bob = consoles
    macros = alice.folder / "m"
    macros.mkdir()
    (macros / "look.toml").write_text('description = "look at it"\nsteps = ["audit list"]\n')
    done = alice.run("macro", "publish", str(macros / "look.toml"), "--yes", code=0)
    assert "macros/look" in done.stdout
    assert "look" in [macro["name"] for macro in bob.json("macro", "list")]
    bob.run("run", "look")
    bob.run("macro", "withdraw", "look", "--yes")
    assert "look" not in [macro["name"] for macro in alice.json("macro", "list")]


async def test_who_looks_after_a_trouble_is_known_to_all(consoles: tuple[Console, Console]) -> None:
    alice, bob = consoles
    alice.run("fleet", "ack", "web1", "--note", "disk is on its way", "--for", "2h", "--yes")
    said = bob.run("fleet", "status", "--timeout", "5s", code=4).stdout
    assert "looks after it" in said
    assert "disk is on its way" in said
    bob.run("fleet", "unack", "web1", "--yes")
    assert "looks after it" not in alice.run("fleet", "status", "--timeout", "5s", code=4).stdout


async def test_what_is_wrong_with_services_is_looked_after_as_what_is_wrong_with_hosts(
    consoles: tuple[Console, Console],
) -> None:
    alice, bob = consoles
    unit = alice.folder / "web.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    alice.run("service", "submit", str(unit), "--yes")
    assert "no engine" in bob.run("fleet", "status", "--timeout", "5s", code=4).stdout
    alice.run("fleet", "ack", "fleet/services", "--note", "it is being replaced", "--yes")
    said = bob.run("fleet", "status", "--timeout", "5s", code=4).stdout
    assert "it is being replaced; nothing is placed" in said
    bob.run("fleet", "ack", "nowhere/services", "--yes", code=5)


async def test_etcd_that_is_away_is_told_what_was_last_known_is_shown_and_nothing_is_said(
    consoles: tuple[Console, Console], cluster: Cluster
) -> None:
    alice, bob = consoles
    alice.run("host", "label", "role=web", "--on", "web1", "--yes")
    bob.hosts()
    await cluster.members[0].kill()
    done = bob.run("host", "list", "-o", "json", "--timeout", "5s", code=4)
    assert json.loads(done.stdout)[0]["labels"] == {"role": "web"}
    assert "as last known" in done.stderr
    done = alice.run("host", "cordon", "--on", "web1", "--yes", code=1)
    assert "etcd does not answer: connection refused" in done.stderr
    await cluster.members[0].start()
    await cluster.ready()
    assert alice.hosts()["web1"]["cordoned"] is False


async def test_status_keys_and_values_are_shown_and_go_into_a_backup_and_back(
    consoles: tuple[Console, Console], cluster: Cluster, tmp_path: Path
) -> None:
    alice, _ = consoles
    alice.run("host", "label", "role=web", "--on", "web1", "--yes")
    status = alice.json("etcd", "status")
    assert (status["state"], status["schema"], status["embedded"]) == ("live", 1, False)
    assert status["keys"] == {"audit": 1, "audit-leases": 1, "hosts": 1, "schema": 1}
    assert [member["leader"] for member in status["members"]] == [True]
    assert status["members"][0]["quota"] > 0
    (host,) = alice.json("etcd", "keys", "hosts/")
    value = alice.json("etcd", "get", "hosts/web1")
    assert json.loads(value[0]["value"]) == {"labels": {"role": "web"}}
    assert value[0]["mod_revision"] == host["mod_revision"]
    alice.run("etcd", "get", "hosts/none", code=5)
    saved = tmp_path / "saved.jsonl"
    alice.run("etcd", "backup", str(saved))
    assert saved.stat().st_mode & 0o077 == 0
    again = console(tmp_path / "again", f'endpoints = {json.dumps(list(cluster.config().endpoints))}\n'
                                        'prefix = "/other/"')  # fmt: skip
    again.run("etcd", "restore", str(saved), "--yes")
    assert again.hosts()["web1"]["labels"] == {"role": "web"}
    assert (
        "a backup goes into an empty place"
        in again.run("etcd", "restore", str(saved), "--yes", code=4).stdout
    )


async def test_a_viewer_sees_all_of_it_and_changes_none(cluster: Cluster, tmp_path: Path) -> None:
    endpoints = f"endpoints = {json.dumps(list(cluster.config().endpoints))}\n"
    passwords = tmp_path / "passwords"
    root = console(tmp_path / "root", endpoints)
    root.run("host", "label", "role=web", "--on", "web1", "--yes")
    root.run("etcd", "init-auth", "--passwords", str(passwords), "--enable", "--yes")
    assert all(file.stat().st_mode & 0o077 == 0 for file in passwords.iterdir())

    def as_user(user: str) -> Console:
        given = f'user = "{user}"\npassword_file = "{passwords / user}.password"\n'
        return console(tmp_path / f"as-{user}", endpoints + given)

    viewer, operator = as_user("viewer"), as_user("operator")
    assert viewer.hosts()["web1"]["labels"] == {"role": "web"}
    done = viewer.run("host", "cordon", "--on", "web1", "--yes", code=4)
    assert "permission denied" in done.stdout
    operator.run("host", "cordon", "--on", "web1", "--yes")
    assert viewer.hosts()["web1"]["cordoned"] is True
    nobody = console(tmp_path / "nobody", endpoints)
    assert "who we are" in nobody.run("etcd", "keys", code=3).stderr


async def test_roles_are_made_once_and_again_without_harm(cluster: Cluster, tmp_path: Path) -> None:
    async with open_etcd(cluster.config()) as etcd:
        assert await init_auth(etcd, tmp_path / "p", enable=False)
        before = {file: file.read_text() for file in (tmp_path / "p").iterdir()}
        assert not await init_auth(etcd, tmp_path / "p", enable=False)
        assert {file: file.read_text() for file in (tmp_path / "p").iterdir()} == before

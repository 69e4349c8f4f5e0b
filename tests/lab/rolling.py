"""Rollouts on atomic hosts, by the command line; what became of the hosts, the hosts say."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.fleet.config import load_config
from console.lab.lab import Lab
from console.rollouts.ledger import Ledger
from console.rollouts.rollout import Account
from console.store.client import Etcd
from console.store.schema import Keys
from tests.lab.changing import interruptible
from tests.lab.fleet.placing import Placing
from tests.lab.truth import Truth

_PREFIXES = itertools.count(1)

#: How long anything here may take at most, in seconds: a machine with ten people on it is slow.
PATIENCE_S = 400.0

#: How often etcd is looked at for how far a rollout is. Seconds.
_LOOKS_EVERY_S = 0.05

#: Options that make a rollout of the lab short.
QUICK = ("--gate=2s", "--gate-timeout=20s", "--guard=3m", "--within=2m")


@dataclass
class Rolling(Placing):
    """A fleet of atomic hosts, made anew for a test, with an etcd of its own."""

    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def of(cls, lab: Lab, endpoint: str, folder: Path) -> Rolling:
        truth = Truth(load_config(asyncio.run(lab.status()).config))
        names = tuple(host.name for host in truth.config.hosts)
        return cls(lab, truth, endpoint, f"/rolling{next(_PREFIXES)}/", folder, names)

    def release(self, version: str) -> None:
        asyncio.run(self.lab.release(version))

    # -- commands ---------------------------------------------------------------------------

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command line of ours that is not waited for; each has a state folder of its own."""
        state = self.folder / f"state-{len(self.started)}"
        argv = [sys.executable, "-m", "console.cli.main", "--config", str(self.config), *words]
        with (self.folder / f"said-{len(self.started)}").open("w") as said:
            made = subprocess.Popen(
                argv,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, "XDG_STATE_HOME": str(state)},
                preexec_fn=interruptible,
            )
        self.started.append(made)
        return made

    def ended(self, process: subprocess.Popen[str], code: int = 0) -> str:
        """The end of it, and what it printed."""
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code, (process.args, process.returncode, out, self.talk)
        assert "Traceback" not in self.talk
        return out

    def roll(self, *words: str, code: int = 0) -> str:
        """A rollout by the command line, to its end; its id."""
        out = self.ended(self.start(*words, "--yes"), code)
        return out.splitlines()[0]

    @property
    def talk(self) -> str:
        """What all of them have said."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("said-*")))

    def shown(self, identity: str = "") -> dict[str, Any]:
        """A rollout as `rollout show` tells it; the newest."""
        (found,) = json.loads(self.run("rollout", "show", *([identity] if identity else []), "-o", "json"))
        assert isinstance(found, dict)
        return found

    def results(self, identity: str) -> dict[str, str | None]:
        """How each target of a rollout ended."""
        return {target["name"]: target["result"] for target in self.shown(identity)["targets"]}

    # -- what is ----------------------------------------------------------------------------

    def version(self, host: str) -> str:
        """What runs, by its os-release."""
        return self.truth.ask(host, ". /etc/os-release; echo $VERSION_ID").strip()

    def versions(self) -> dict[str, str]:
        return {host: self.version(host) for host in self.hosts}

    def boots(self, host: str) -> list[str]:
        """The versions that it has booted, one after the other."""
        return self.truth.ask(host, "cat /var/lib/lab-app/boots").split()

    def guard(self, host: str) -> str:
        """What is left of a guard there, in names of files."""
        return self.ask(
            host, "ls -d /var/lib/quarterdeck/guard /etc/systemd/system/quarterdeck-guard* || true"
        )

    def held(self) -> list[str]:
        """The hosts for which somebody holds the reboot lock."""
        found = json.loads(self.run("lock", "status", "-o", "json"))
        return [holder["host"] for lock in found for holder in lock["holders"]]

    def drained(self, code: int = 0) -> list[str]:
        """:param code: 4 where one of the hosts does not answer."""
        found = json.loads(self.run("host", "list", "-o", "json", code=code))
        return [host["name"] for host in found if host["drained"]]

    def denied(self) -> list[str]:
        return [one["version"] for one in json.loads(self.run("denied", "list", "-o", "json"))]

    def in_stage(self, stage: str, process: subprocess.Popen[str]) -> str:
        """Wait until a target of the newest rollout is in a stage; that rollout's id.

        By etcd itself, as below: a command takes longer than some stages do.

        :param process: what drives it, and does not end before.
        """

        def reached(account: Account) -> bool:
            assert process.poll() is None, self.talk
            return any(one.stage == stage for one in account.progress.values())

        return self.newest_when(reached).rollout.id

    def newest_when(self, true: Callable[[Account], bool]) -> Account:
        """The newest rollout, once this is so of it."""

        async def do(etcd: Etcd) -> Account:
            ledger = Ledger(etcd, Keys(etcd.prefix))
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    found, _ = await ledger.accounts()
                    if found and true(found[-1]):
                        return found[-1]
                    await asyncio.sleep(_LOOKS_EVERY_S)

        return self.etcd(do)

    def most_down(self) -> int:
        """How many hosts there were at most at a time that had gone down and not come up yet.

        By their own journals: from the last word of a boot to the first of the next.
        """
        turns: list[tuple[int, int]] = []
        for host in self.hosts:
            boots = json.loads(self.ask(host, "journalctl --list-boots -o json"))
            for before, after in itertools.pairwise(sorted(boots, key=lambda boot: boot["index"])):
                turns += [(before["last_entry"], 1), (after["first_entry"], -1)]
        down = itertools.accumulate(change for _, change in sorted(turns))
        return max(down, default=0)

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        super().close()


def made_anew(lab: Lab, kinds: dict[str, int]) -> None:
    """Hosts of a lab as they are at first, all on 1.0, with 1.1 released."""
    asyncio.run(lab.down())
    asyncio.run(lab.up(kinds, exact=True))

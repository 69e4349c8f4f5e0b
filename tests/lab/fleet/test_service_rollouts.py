"""Services rolled from revision to revision on real hosts: what their hosts recorded of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.fleet.placing import Placing

#: Each life is written down with the time of the machine's clock, which the lab's hosts share.
UNIT = """[Service]
Type=notify
NotifyAccess=all
Environment=REV=%(revision)s
ExecStart=/bin/sh -c 'systemd-notify --ready; %(then)s'
ExecStartPost=/bin/sh -c 'read -r up _ </proc/uptime; echo "$up 1" >>/run/lives-%%p'
ExecStopPost=/bin/sh -c 'read -r up _ </proc/uptime; echo "$up -1" >>/run/lives-%%p'
[X-Quarterdeck]
%(policy)s
"""
#: Those of which there are six, and not what was more than them for a while.
SIX = "app@[1-6].service"
RUNS, CRASHES = "exec sleep infinity", "sleep 1; exit 3"
WITHIN = ("--within", "60s", "--gate-timeout", "60s", "--yes")


def unit(revision: int, policy: str, then: str = RUNS) -> str:
    return UNIT % {"revision": revision, "policy": policy, "then": then}


@pytest.fixture
def rolled(led: Placing) -> Iterator[Placing]:
    """A fleet with an engine that has nothing else to do, and again afterwards."""
    yield led
    led.empty()
    led.ask_all("rm -f /run/lives-*")


def file(placing: Placing, name: str, text: str) -> str:
    path = placing.folder / "units" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def revisions(placing: Placing, pattern: str) -> dict[str, str]:
    """The revision that each host has of each unit, by host and unit: what the processes themselves have."""
    pid = "systemctl show -P MainPID"
    command = (
        f"for unit in $(systemctl list-units --state=active --no-legend --plain '{pattern}' | cut -d' ' -f1);"
        f' do echo "$unit $(tr "\\0" "\\n" </proc/$({pid} "$unit")/environ | grep ^REV=)"; done'
    )
    said = placing.ask_all(command)
    return {
        f"{host} {line.split()[0]}": line.rpartition("=")[2]
        for host, lines in said.items()
        for line in lines.splitlines()
    }


def fewest(placing: Placing, service: str, since: float) -> int:
    """How many ran at the same time at the least, from some time on."""
    told = [
        (float(line.split()[0]), int(line.split()[1]))
        for lines in placing.ask_all(f"cat /run/lives-{service}").values()
        for line in lines.splitlines()
    ]
    count, least = 0, 1000
    # Of what happened at the same time, what came counts first: the clock has hundredths.
    for at, step in sorted(told, key=lambda one: (one[0], -one[1])):
        count += step
        least = min(least, count) if at > since else least
    return least


def uptime(placing: Placing) -> float:
    return float(placing.ask(placing.hosts[0], "cut -d' ' -f1 /proc/uptime"))


def targets(said: str) -> dict[str, Any]:
    """What a rollout says of itself and its targets, by name."""
    (shown,) = json.loads(said)
    return {one["name"]: one for one in shown["targets"]}


def six(placing: Placing) -> None:
    placing.submit({"app@.service": unit(1, "Replicas=6")})
    placing.until(lambda: len(placing.active("app@*")) == 6, "six run", 40)


def test_six_replicas_change_where_they_are_and_never_were_fewer(rolled: Placing) -> None:
    six(rolled)
    where, began = rolled.placed(), uptime(rolled)
    path = file(rolled, "app@.service", unit(2, "Replicas=6"))
    plan = json.loads(rolled.run("service", "update", path, "--plan", "-o", "json"))
    assert len(plan["steps"]) == 7, "one is started before any is stopped"
    rolled.run("service", "update", path, "--gate", "1s", *WITHIN, within=180)
    rolled.until(lambda: len(rolled.active("app@*")) == 6, "the spare is gone")
    assert set(revisions(rolled, "app@*").values()) == {"2"}
    assert rolled.placed() == where, "each stays on its host"
    assert fewest(rolled, "app", began) == 6

    # Back to any of them, three at a time.
    options = ("--gate", "1s", "--stop-first", "--max-unavailable", "3", *WITHIN)
    rolled.run("service", "rollback", "app", "--to", "1", *options, within=120)
    assert set(revisions(rolled, "app@*").values()) == {"1"}
    assert rolled.placed() == where


def test_a_canary_that_is_ready_and_crashes_goes_back_and_the_others_never_changed(rolled: Placing) -> None:
    six(rolled)
    before = rolled.invocations(SIX)
    path = file(rolled, "app@.service", unit(2, "Replicas=6", CRASHES))
    rolled.run("service", "update", path, "--gate", "10s", *WITHIN, code=4, within=150)
    rolled.until(lambda: len(rolled.active("app@*")) == 6, "the spare is gone")
    assert rolled.invocations(SIX) == before, "nothing of what ran was touched"

    shown = targets(rolled.run("rollout", "show", "-o", "json"))
    assert [(name, one["result"]) for name, one in shown.items() if one["stage"] != "pending"] == [
        ("app@7.service", "rolled-back")
    ]
    # It is denied; brought all the same, and without a spare, the first one goes back where it is.
    rolled.run("service", "update", path, *WITHIN, code=3)
    options = ("--allow-denied", "--stop-first", "--wave", "1,100%", "--gate", "10s", *WITHIN)
    rolled.run("service", "update", path, *options, code=4, within=150)
    rolled.until(lambda: len(rolled.active("app@*")) == 6, "it is back")
    assert set(revisions(rolled, "app@*").values()) == {"1"}
    changed = {line.split()[1] for line in rolled.invocations(SIX) - before}
    assert len(changed) == 1, "one was changed, and is as before in another life"


def test_a_text_that_systemd_refuses_is_told_of_in_its_words_and_what_runs_runs_on(rolled: Placing) -> None:
    rolled.submit({"odd@.service": unit(1, "Replicas=1")})
    rolled.until(lambda: len(rolled.active("odd@*")) == 1, "it runs")
    before = rolled.invocations("odd@1.service")
    path = file(rolled, "odd@.service", "[Service]\nType=simple\n[X-Quarterdeck]\nReplicas=1\n")
    rolled.run("service", "update", path, *WITHIN, code=4)
    (shown,) = json.loads(rolled.run("rollout", "show", "-o", "json"))
    assert "no ExecStart=" in shown["why"]
    assert "odd@.service 2 is denied" in shown["why"]
    assert rolled.invocations("odd@1.service") == before


def test_what_runs_takes_over_what_it_can_and_is_reloaded_where_it_can_be(rolled: Placing) -> None:
    reloads = "ExecReload=/bin/sh -c 'echo reloaded >>/run/lives-calm-reloads'\n[X-Quarterdeck]"
    text = unit(1, "Replicas=3").replace("[X-Quarterdeck]", reloads)
    rolled.submit({"calm@.service": text})
    rolled.until(lambda: len(rolled.active("calm@*")) == 3, "three run")
    before = rolled.invocations("calm@*")
    path = file(rolled, "calm@.service", f"{text}Memory=64M\n")
    rolled.run("service", "update", path, "--gate", "1s", *WITHIN)
    assert rolled.invocations("calm@*") == before, "none was stopped"
    (limits,) = {
        rolled.ask(host, f"systemctl show -P MemoryHigh {name}").strip()
        for name, there in rolled.active("calm@*").items()
        for host in there
    }
    assert limits == str(128 << 20)
    assert sum(said.count("reloaded") for said in rolled.ask_all("cat /run/lives-calm-reloads").values()) == 3


def test_one_on_every_host_changes_host_by_host_and_is_taken_back(rolled: Placing) -> None:
    rolled.submit({"every.service": unit(1, "Global=yes")})
    rolled.until(lambda: len(rolled.active("every.service").get("every.service", ())) == 3, "on each host")
    began = uptime(rolled)
    path = file(rolled, "every.service", unit(2, "Global=yes"))
    rolled.run("service", "update", path, "--gate", "1s", *WITHIN)
    assert list(revisions(rolled, "every.service").values()) == ["2", "2", "2"]
    assert fewest(rolled, "every", began) == 2
    (shown,) = json.loads(rolled.run("rollout", "show", "-o", "json"))
    rolled.run("rollout", "undo", shown["id"], "--gate", "1s", *WITHIN)
    assert list(revisions(rolled, "every.service").values()) == ["1", "1", "1"]


@pytest.mark.full
def test_a_rollout_whose_driver_and_engine_are_killed_is_carried_on_by_the_next_engine(
    rolled: Placing,
) -> None:
    six(rolled)
    where = rolled.placed()
    path = file(rolled, "app@.service", unit(2, "Replicas=6"))
    line = ("--config", str(rolled.config), "service", "update", path, "--gate", "2s", *WITHIN)
    console = subprocess.Popen(
        [sys.executable, "-m", "console.cli.main", *line],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": str(rolled.folder / "state-killed")},
    )
    try:
        rolled.until(lambda: "2" in revisions(rolled, "app@*").values(), "it is on its way", 60)
    finally:
        console.send_signal(signal.SIGKILL)
        console.wait()
    rolled.engines[-1].kill()
    rolled.leading()

    def states() -> set[str]:
        return {one["state"] for one in json.loads(rolled.run("rollout", "list", "-o", "json"))[-1:]}

    rolled.until(lambda: states() == {"done"}, "another engine has carried it on", 120)
    rolled.until(lambda: len(rolled.active("app@*")) == 6, "the spare is gone")
    assert set(revisions(rolled, "app@*").values()) == {"2"}
    assert rolled.placed() == where

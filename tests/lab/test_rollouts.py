"""Rollouts of real hosts: a good version, one that does not work, one that nobody reaches, and faults."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from console.lab.lab import Lab
from console.rollouts.rollout import Account
from tests.lab.conftest import lab_of
from tests.lab.rolling import PATIENCE_S, QUICK, Rolling, made_anew

#: The stages in which a driver is killed, in their order: all that a good update goes through.
STAGES = ("look", "drain", "stage", "lock", "arm", "boot", "return", "gate", "confirm", "undrain", "release")


#: Waits until a host that has just booted is as it will be: what fails there by design has failed.
SETTLED = """
for i in $(seq 300); do
  [ "$(systemctl is-failed crashloop.service)" = failed ] &&
    [ "$(systemctl show -P NRestarts flapping.service)" -gt 0 ] && exit
  sleep 0.1
done
exit 1
"""

#: Has sshd start in the first version alone.
ONLY_IN_1_0 = """
mkdir -p /etc/systemd/system/ssh.service.d
cat >/etc/systemd/system/ssh.service.d/only.conf <<"end"
[Service]
ExecCondition=/bin/grep -qx VERSION_ID=1.0 /etc/os-release
end
"""


@pytest.fixture(scope="module")
def atomic() -> Iterator[Lab]:
    with lab_of({"atomic": 2}, "rollouts-") as made:
        yield made


@contextmanager
def rolling_on(lab: Lab, endpoint: str, folder: Path, kinds: dict[str, int]) -> Iterator[Rolling]:
    made_anew(lab, kinds)
    made = Rolling.of(lab, endpoint, folder)
    try:
        for host in made.hosts:
            made.truth.ask(host, SETTLED)
        yield made
    finally:
        made.close()


@pytest.fixture
def two(atomic: Lab, endpoint: str, tmp_path: Path) -> Iterator[Rolling]:
    """Two hosts on 1.0."""
    with rolling_on(atomic, endpoint, tmp_path, {"atomic": 2}) as made:
        yield made


@pytest.fixture
def four(atomic: Lab, endpoint: str, tmp_path: Path) -> Iterator[Rolling]:
    """Four hosts on 1.0."""
    with rolling_on(atomic, endpoint, tmp_path, {"atomic": 4}) as made:
        yield made


def test_a_good_version_goes_over_the_hosts_and_a_bad_one_ends_at_the_first(two: Rolling) -> None:
    two.run("lock", "set-max", "default", "2", "--yes")
    good = two.roll("host", "update", "--to=1.1", "--on=*", "--max-unavailable=1", *QUICK)
    assert two.versions() == {"atomic1": "1.1", "atomic2": "1.1"}
    assert two.most_down() == 1
    assert two.results(good) == {"atomic1": "done", "atomic2": "done"}
    assert (two.held(), two.drained()) == ([], [])
    assert two.guard("atomic1") == ""

    two.release("1.2")
    bad = two.roll("host", "update", "--to=1.2", "--on=*", "--wave=1,100%", *QUICK, code=4)
    assert two.versions() == {"atomic1": "1.1", "atomic2": "1.1"}
    assert two.boots("atomic1") == ["1.0", "1.1", "1.2", "1.1"]
    assert two.boots("atomic2") == ["1.0", "1.1"], "the others never left 1.1"
    shown = two.shown(bad)
    assert (shown["state"], shown["why"]) == ("halted", "atomic1: lab-app.service failed; 1.2 is denied")
    assert two.results(bad) == {"atomic1": "rolled-back", "atomic2": None}
    assert (two.denied(), two.held(), two.drained()) == (["1.2"], [], [])
    assert two.guard("atomic1") == ""

    two.run("host", "update", "--to=1.2", "--on=*", "--yes", code=3)
    assert len(json.loads(two.run("rollout", "list", "-o", "json"))) == 2, "what is refused is not written"


@pytest.mark.full
def test_a_host_that_nobody_reaches_is_brought_back_by_its_guard(two: Rolling) -> None:
    two.release("1.3")
    halted = two.roll(
        *("host", "update", "--to=1.3", "--on=atomic1", "--guard=10s"),
        *("--gate=2s", "--gate-timeout=20s", "--within=4m"),
        code=4,
    )
    assert two.boots("atomic1") == ["1.0", "1.3", "1.0"]
    (target,) = two.shown(halted)["targets"]
    assert (target["result"], target["failed"]) == (
        "rolled-back",
        "it is back on 1.0: its guard took it back",
    )
    assert (two.denied(), two.held()) == (["1.3"], [])
    assert two.guard("atomic1") == ""


@pytest.mark.full
def test_four_hosts_go_one_by_one_under_a_placed_service_and_an_undo_takes_all_back(four: Rolling) -> None:
    four.leading()
    spec = "[Service]\nExecStart=/bin/sleep infinity\n[X-Quarterdeck]\nReplicas=3\nApart=self\n"
    four.submit({"site@.service": spec})
    four.until(lambda: len(four.active("site@*")) == 3, "three instances run", 60)
    least = [3]

    def count() -> int:
        """Of the instances those that run, on the hosts that answer."""
        running = 0
        for host in four.hosts:
            try:
                said = four.truth.ask(
                    host, "systemctl list-units --state=active --plain --no-legend 'site@*'"
                )
            except AssertionError:
                continue  # it reboots
            running += len(said.splitlines())
        return running

    update = four.start("host", "update", "--to=1.1", "--on=*", "--max-unavailable=1", *QUICK, "--yes")
    while update.poll() is None:
        least.append(count())
    identity = four.ended(update).splitlines()[0]
    assert set(four.versions().values()) == {"1.1"}
    assert four.most_down() == 1
    assert min(least) >= 2, "never under replicas - 1"

    four.roll("rollout", "undo", identity, "--max-unavailable=2", *QUICK[:2])
    assert set(four.versions().values()) == {"1.0"}
    assert four.shown()["undoes"] == identity


# -- faults ---------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("stage", ["stage", "return", "gate"])
def test_a_power_cut_ends_in_a_stated_state(two: Rolling, stage: str) -> None:
    """While staging, rebooting, in the gate: the host is switched on again, and gets to 1.1 all the same."""
    if stage == "stage":
        two.ask(
            "atomic1", "mkdir -p /etc/lab; tc qdisc add dev host0 root netem delay 50ms 2>/dev/null || true"
        )
    words = ("--gate=10s", "--gate-timeout=3m", "--guard=6m", "--within=3m")
    update = two.start("host", "update", "--to=1.1", "--on=atomic1", *words, "--yes")
    identity = two.in_stage(stage, update)
    asyncio.run(two.lab.kill("atomic1"))
    asyncio.run(two.lab.start("atomic1"))
    two.ended(update)
    assert two.version("atomic1") == "1.1"
    assert two.results(identity) == {"atomic1": "done"}
    assert (two.held(), two.drained(), two.guard("atomic1")) == ([], [], "")


@pytest.mark.full
def test_a_host_that_is_off_the_network_in_its_gate_has_to_be_well_for_as_long_again(two: Rolling) -> None:
    words = ("--gate=8s", "--gate-timeout=3m", "--guard=6m", "--within=3m")
    update = two.start("host", "update", "--to=1.1", "--on=atomic1", *words, "--yes")
    identity = two.in_stage("gate", update)
    asyncio.run(two.lab.cut("atomic1"))
    two.until(
        lambda: "does not answer" in (two.shown(identity)["targets"][0]["waiting"] or ""), "it is missed", 60
    )
    asyncio.run(two.lab.heal("atomic1"))
    two.ended(update)
    assert two.boots("atomic1") == ["1.0", "1.1"]


@pytest.mark.full
def test_a_host_that_never_comes_back_is_lost_and_keeps_its_slot(two: Rolling) -> None:
    words = ("--gate=2s", "--gate-timeout=5s", "--guard=5s", "--within=8s")
    update = two.start("host", "update", "--to=1.1", "--on=*", *words, "--yes")
    identity = two.in_stage("return", update)
    asyncio.run(two.lab.kill("atomic1"))
    two.ended(update, code=4)
    shown = two.shown(identity)
    assert (shown["state"], two.results(identity)) == ("halted", {"atomic1": "lost", "atomic2": None})
    assert (two.held(), two.denied()) == (["atomic1"], ["1.1"])
    assert two.drained(code=4) == ["atomic1"]
    assert two.version("atomic2") == "1.0"


@pytest.mark.full
def test_another_goes_on_from_each_stage_in_which_a_driver_was_killed(two: Rolling) -> None:
    """One update of one host, and a driver a stage: each is killed in it, and the next one takes over."""
    words = ("--gate=4s", "--gate-timeout=2m", "--guard=8m", "--within=3m")
    driver = two.start("host", "update", "--to=1.1", "--on=atomic1", *words, "--yes")
    identity = two.in_stage("stage", driver)
    reached: list[str] = []
    for stage in STAGES:
        if reached and STAGES.index(stage) <= STAGES.index(reached[-1]):
            continue  # short ones were over before anybody could look
        (target,) = two.newest_when(partial(_at_least, stage)).progress.values()
        if target.end is not None:
            break
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        reached.append(target.stage)
        driver = two.start("rollout", "resume", identity, "--yes")
    two.ended(driver)
    assert {"stage", "return", "gate"} <= set(reached), reached
    assert two.boots("atomic1") == ["1.0", "1.1"], "it was rebooted once"
    assert two.results(identity) == {"atomic1": "done"}
    assert (two.held(), two.drained(), two.guard("atomic1")) == ([], [], "")


def _at_least(stage: str, account: Account) -> bool:
    """Whether the only target has come so far, or ended."""
    found = account.progress.values()
    return any(one.end is not None or STAGES.index(one.stage) >= STAGES.index(stage) for one in found)


@pytest.mark.full
def test_an_engine_carries_out_what_nobody_waits_for_and_another_when_that_is_killed(two: Rolling) -> None:
    first = two.leading()
    second = two.engine()
    identity = two.roll("host", "update", "--to=1.1", "--on=atomic1", *QUICK, "--no-wait")
    two.until(lambda: two.shown(identity)["driver"] is not None, "an engine drives it", 60)
    two.newest_when(partial(_at_least, "stage"))
    first.kill()
    two.until(
        lambda: two.shown(identity)["state"] == "done", "the other engine has carried it on", PATIENCE_S
    )
    assert second.process.poll() is None
    assert two.boots("atomic1") == ["1.0", "1.1"]


@pytest.mark.full
def test_ctrl_c_ends_the_driving_and_not_the_rollout(two: Rolling) -> None:
    update = two.start("host", "update", "--to=1.1", "--on=atomic1", *QUICK, "--yes")
    identity = two.in_stage("stage", update)
    update.send_signal(signal.SIGINT)
    two.ended(update, code=130)
    assert f"rollout resume {identity}" in two.talk
    assert two.shown(identity)["state"] == "running"
    two.ended(two.start("rollout", "abort", identity, "--yes"))
    assert two.shown(identity)["state"] == "aborted"
    assert two.version("atomic1") == "1.0"
    assert (two.held(), two.drained(), two.guard("atomic1")) == ([], [], "")


# -- other updaters -------------------------------------------------------------------------


@pytest.mark.full
def test_the_guards_of_other_updaters_bring_back_hosts_that_nobody_reaches(
    atomic: Lab, endpoint: str, tmp_path: Path
) -> None:
    kinds = {"rpm-ostree": 1, "bootc": 1, "update-engine": 1}
    with rolling_on(atomic, endpoint, tmp_path, kinds) as there:
        there.run("lock", "set-max", "default", "3", "--yes")
        for host in there.hosts:
            there.ask(host, ONLY_IN_1_0)
        halted = there.roll(
            *("host", "update", "--on=*", "--guard=10s", "--gate=2s", "--gate-timeout=20s", "--within=4m"),
            code=4,
        )
        for target in there.shown(halted)["targets"]:
            assert (target["result"], target["failed"]) == (
                "rolled-back",
                "it is back on 1.0: its guard took it back",
            )
        for host in there.hosts:
            assert there.boots(host) == ["1.0", "1.1", "1.0"]
            assert there.guard(host) == ""
        assert (there.denied(), there.held(), there.drained()) == (["1.1"], [], [])


@pytest.mark.full
def test_other_updaters_are_updated_and_rolled_back_the_same_way(
    atomic: Lab, endpoint: str, tmp_path: Path
) -> None:
    kinds = {"rpm-ostree": 1, "bootc": 1, "update-engine": 1}
    with rolling_on(atomic, endpoint, tmp_path, kinds) as there:
        there.run("lock", "set-max", "default", "3", "--yes")
        named = [host for host in there.hosts if "engine" not in host]
        there.roll("host", "update", "--to=1.1", f"--on={','.join(named)}", *QUICK)
        there.roll("host", "update", "--on=update-engine1", *QUICK)
        assert set(there.versions().values()) == {"1.1"}
        there.roll("host", "rollback", "--on=*", *QUICK[:2])
        assert set(there.versions().values()) == {"1.0"}

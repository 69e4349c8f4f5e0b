"""`ostree admin status` of the versions there are, and of hosts that lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.model.deployment import Deployment
from console.updates.ostree_status import parse_status

DATA = Path(__file__).with_name("fixtures") / "ostree"
FIXTURES = sorted(path.name for path in DATA.iterdir())


def told(name: str) -> list[str]:
    """Each deployment of a fixture as its version and what is true of it."""
    lines = []
    marks = ("booted", "next", "staged", "locked", "rollback", "pinned")
    for deployment in parse_status((DATA / name).read_text()):
        words = [mark for mark in marks if getattr(deployment, mark)]
        lines.append(" ".join([deployment.version or "?", *words, deployment.unlocked or ""]).strip())
    return lines


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("2025.2-staged.txt", ["1.2 next staged", "1.0 booted", "1.1 rollback"]),
        ("2025.2-pending.txt", ["1.1 next", "1.0 booted"]),
        ("2025.2-pinned-unlocked.txt", ["1.1 booted next pinned hotfix", "1.0 rollback", "?"]),
        ("2025.2-locked.txt", ["1.1 staged locked", "1.0 booted next"]),
        ("2025.4-staged.json", ["1.1 staged locked", "1.0 booted next pinned development"]),
        ("2022.7-booted.txt", ["40.2 booted next", "40.1 rollback pinned"]),
        ("2022.7-not-booted.txt", ["40.2 next", "40.1 pinned"]),
    ],
)
def test_each_deployment_is_what_the_host_says_of_it(name: str, lines: list[str]) -> None:
    assert told(name) == lines


def test_a_deployment_has_an_id_a_checksum_and_an_origin_where_it_has_one() -> None:
    booted, rollback, kept = parse_status((DATA / "2025.2-pinned-unlocked.txt").read_text())
    assert booted.checksum is not None
    assert booted.id == f"lab-{booted.checksum}.0"
    assert (booted.origin, rollback.origin, kept.origin) == ("lab:lab/os", None, None)


def test_what_is_new_in_the_json_is_kept() -> None:
    _, booted = parse_status((DATA / "2025.4-staged.json").read_text())
    assert booted.id == f"lab-{'a' * 64}.1"
    assert booted.extra == {"soft-reboot-target": "true"}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"deployments": 3}',
        '{"deployments": [{"checksum": "../../etc", "serial": 0}]}',
        '{"deployments": [{"checksum": 7, "serial": []}]}',
        '{"deployments": ' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
)
def test_json_that_is_not_ostrees_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ostree's status"):
        parse_status(text)


def test_two_deployments_of_one_commit_are_told_apart() -> None:
    heading = f"lab {'a' * 64}"
    first, second = parse_status(f"* {heading}.1\n  {heading}.0 (rollback)\n")
    assert first.checksum == second.checksum
    assert first.id != second.id


def test_no_deployments_is_an_answer_and_nothing_is_none() -> None:
    assert parse_status("No deployments.\n") == ()
    for text in ("", "\n\n", "error: loading sysroot: Permission denied\n", "    Version: 1\n"):
        with pytest.raises(ValueError, match="ostree's status"):
            parse_status(text)


def test_what_a_host_says_cannot_act_on_a_terminal_and_is_bounded() -> None:
    text = f"* lab {'a' * 64}.0\n    Version: \x1b]0;owned\x07{'9' * 5000}\n"
    (deployment,) = parse_status(text)
    assert deployment.version is not None
    assert deployment.version.startswith("999")
    assert len(deployment.version) <= 200
    assert len(parse_status("".join(f"  lab {'a' * 64}.{n}\n" for n in range(5000)))) == 64


@given(st.sampled_from(FIXTURES), st.text(max_size=60), st.integers(0, 400))
def test_damage_is_a_value_error_or_some_other_deployments(name: str, damage: str, at: int) -> None:
    whole = (DATA / name).read_text()
    try:
        found = parse_status(whole[:at] + damage + whole[at + len(damage) :])
    except ValueError:
        return
    assert all(isinstance(deployment, Deployment) for deployment in found)

"""What another text of a unit asks of what runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.placement.spec import Spec, parse_spec
from console.placement.unit_change import UnitChange, Way, change_of

UNIT = "[Unit]\nDescription=Web\n[Service]\nExecStart=/bin/sleep 1\n"
RELOADS = f"{UNIT}ExecReload=/bin/kill -HUP $MAINPID\n"


def spec(text: str, name: str = "web@.service") -> Spec:
    return parse_spec(text, Path(name))


def change(before: str, after: str) -> UnitChange:
    return change_of(spec(before), spec(after))


@pytest.mark.parametrize(
    ("before", "after", "way", "settings"),
    [
        (UNIT, UNIT, Way.WRITE, ()),
        (UNIT, f"# a comment\n{UNIT}\n", Way.WRITE, ()),
        (UNIT, UNIT.replace("Web", "Shop"), Way.WRITE, ("Unit.Description",)),
        (UNIT, f"{UNIT}[Install]\nWantedBy=multi-user.target\n", Way.WRITE, ("Install.WantedBy",)),
        (UNIT, UNIT.replace("sleep 1", "sleep 2"), Way.RESTART, ("Service.ExecStart",)),
        (UNIT, f"{UNIT}Environment=A=1\n", Way.RESTART, ("Service.Environment",)),
        (UNIT, f"{UNIT}[Unit]\nBindsTo=db.service\n", Way.RESTART, ("Unit.BindsTo",)),
        # What a running unit takes over, and whether it is told.
        (UNIT, f"{UNIT}Restart=always\n", Way.WRITE, ("Service.Restart",)),
        (RELOADS, f"{RELOADS}Restart=always\n", Way.RELOAD, ("Service.Restart",)),
        (RELOADS, f"{RELOADS}Environment=A=1\n", Way.RESTART, ("Service.Environment",)),
        (RELOADS, RELOADS.replace("Web", "Shop"), Way.WRITE, ("Unit.Description",)),
        # What [X-Quarterdeck] says reaches systemd by the drop-in alone.
        (UNIT, f"{UNIT}[X-Quarterdeck]\nReplicas=3\n", Way.WRITE, ()),
        (
            f"{RELOADS}[X-Quarterdeck]\nMemory=1G\n",
            f"{RELOADS}[X-Quarterdeck]\nMemory=2G\n",
            Way.RELOAD,
            ("Service.MemoryHigh", "Service.MemoryLow"),
        ),
        (
            f"{UNIT}[X-Quarterdeck]\nReplicas=1\n",
            f"{UNIT}[X-Quarterdeck]\nReplicas=1\nUnitService.Nice=5\n",
            Way.RESTART,
            ("Service.Nice",),
        ),
        # From /run to /etc.
        (UNIT, f"{UNIT}[X-Quarterdeck]\nBoot=yes\n", Way.RESTART, ()),
    ],
)
def test_what_a_change_of_a_unit_asks_of_what_runs(
    before: str, after: str, way: Way, settings: tuple[str, ...]
) -> None:
    found = change(before, after)
    assert (found.way, found.settings) == (way, settings)


def test_what_is_said_otherwise_of_where_it_may_be_is_named() -> None:
    before = f"{UNIT}[X-Quarterdeck]\nReplicas=2\nRequire=zone=a\n"
    after = f"{UNIT}[X-Quarterdeck]\nReplicas=3\nRequire=zone=b\nQoS=best-effort\n"
    assert change(before, after).placing == ("replicas", "require")


_LINES = st.sampled_from(
    ["ExecStart=/bin/true", "Environment=A=1", "Restart=always", "Nice=5", "ExecReload=/bin/true", "# no"]
)


@given(st.lists(_LINES, max_size=5), st.lists(_LINES, max_size=5))
def test_a_change_and_its_way_back_concern_the_same_settings_and_none_concerns_nothing(
    some: list[str], others: list[str]
) -> None:
    texts = ["\n".join(["[Service]", "Type=simple", *lines, ""]) for lines in (some, others)]
    there, back = change(*texts), change(*reversed(texts))
    assert there.settings == back.settings
    assert change(texts[0], texts[0]) == UnitChange(Way.WRITE)
    # A reload is what one of the two may lack; a restart never is.
    assert (there.way is Way.RESTART) == (back.way is Way.RESTART)

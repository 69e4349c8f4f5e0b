"""docs/fleet.md and the tests of fleet's scenarios say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"\| (\d+) \| (\w+) \| (same|changed|not applicable) \|(?: (.*))? \|")

#: What fleet called them, from its sources (functional/*_test.go), in the order of the files.
_FLEETS = """
KnownHostsVerification FleetctlWithEnv DynamicClusterNewMemberUnitMigration DynamicClusterMemberReboot
SingleNodeConnectivityLoss ClientVersionFlag ClientVersionHelpOutput ClientHelpFlag InstallUnit MachinesList
MachinesListBadNextPageToken MachinesPatchAddModify MachinesPatchDelete MachinesPatchBad
TemplatesWithSpecifiersInMetadata NodeShutdown DetectMachineId ScheduleMachineOf ScheduleConflicts
ScheduleOneWayConflict ScheduleMultipleConflicts ScheduleReplace ScheduleCircularReplace
ScheduleConditionMachineID ScheduleGlobalUnits ScheduleGlobalConflicts ReconfigureServer Shutdown
ShutdownVsMonitor SystemdUnitFlow TunnelScheduleBatchUnits UnitRunnable UnitSubmit UnitLoad UnitStart
UnitSubmitReplace UnitLoadReplace UnitStartReplace UnitRestart UnitSSHActions UnitCat UnitStatus
ListUnitFilesOrder
"""


def rows() -> list[tuple[int, str, str, str]]:
    found = map(_ROW.fullmatch, (_ROOT / "docs/fleet.md").read_text().splitlines())
    return [(int(row[1]), row[2], row[3], row[4] or "") for row in found if row]


def plain(name: str) -> str:
    return name.replace("_", "").lower()


def test_the_table_has_each_of_fleets_tests_once_and_says_what_is_changed() -> None:
    assert [(number, name) for number, name, *_ in rows()] == list(enumerate(_FLEETS.split(), 1))
    assert not [row for row in rows() if row[2] != "same" and not row[3]]


def test_each_that_has_a_meaning_here_is_a_test_of_its_number_and_name() -> None:
    tests = [
        node.name.removeprefix("test_").partition("_")
        for file in (_ROOT / "tests/lab/fleet").glob("test_own_*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    wanted = [(number, plain(name)) for number, name, here, _ in rows() if here != "not applicable"]
    assert sorted((int(number), plain(name)) for number, _, name in tests) == wanted

"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# A machine that does other things too is no fault of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

#: Set in CI: the lab's tests must have run, and none of them may have been skipped.
REQUIRE_LAB = "QUARTERDECK_REQUIRE_LAB"

_ran: dict[str, int] = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "lab" in report.keywords and (report.when == "call" or report.skipped):
        _ran[report.outcome] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workerinput"):
        return  # one of several that run side by side: who started them counts
    if os.environ.get(REQUIRE_LAB) and (_ran["skipped"] or not _ran["passed"]):
        print(f"\nthe lab's tests did not all run: {_ran}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _no_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What whoever runs the tests has set for their own fleet does not count here."""
    monkeypatch.delenv("QUARTERDECK_CONFIG", raising=False)
    monkeypatch.delenv("QUARTERDECK_READ_ONLY", raising=False)

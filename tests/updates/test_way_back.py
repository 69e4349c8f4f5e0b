"""How a host goes back by itself: what each driver tells its guard, and a shell runs of OSTree's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from console.model.deployment import Deployment, UpdateStatus
from console.updates.bootc import Bootc
from console.updates.driver import UpdateDriver
from console.updates.ostree import Ostree
from console.updates.rpm_ostree import RpmOstree
from console.updates.update_engine import UpdateEngine

OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64


def one(checksum: str, **more: object) -> Deployment:
    return Deployment(f"lab-{checksum}.0", checksum, **more)  # type: ignore[arg-type]


BOOTED = one(OLD, version="1.0", booted=True)
STAGED = UpdateStatus((one(NEW, version="1.1", staged=True, next=True), BOOTED))
IN_PLACE = UpdateStatus((one(NEW, version="1.1", next=True), BOOTED))
NOTHING = UpdateStatus((one(OLD, booted=True, next=True),))


@pytest.mark.parametrize("driver", [Ostree(), RpmOstree(), Bootc()], ids=lambda driver: driver.driver)
def test_what_is_staged_takes_over_the_running_etc_and_what_is_in_place_has_its_own(
    driver: UpdateDriver,
) -> None:
    staged, in_place = driver.way_back(STAGED), driver.way_back(IN_PLACE)
    assert staged is not None
    assert staged.etc == "/etc"
    assert in_place is not None
    assert in_place.etc == f"/sysroot/ostree/deploy/lab/deploy/{NEW}.0/etc"
    assert driver.way_back(NOTHING) is None, "there is nothing to go back from"


def test_update_engine_prefers_the_partition_that_runs_and_gives_it_a_try() -> None:
    slots = (
        Deployment("/dev/vda4", next=True, version="2"),
        Deployment("/dev/vda3", booted=True, version="1", extra={"successful": "yes"}),
    )
    way = UpdateEngine().way_back(UpdateStatus(slots))
    assert way is not None
    assert (way.here, way.back, way.etc) == ("rootdev -s /usr", "cgpt prioritize /dev/vda3", "/etc")
    unknown = UpdateStatus((Deployment("booted", booted=True, next=True),))
    assert UpdateEngine().way_back(unknown) is None


STATUS = f"""\
* lab {NEW}.0
    Version: 1.1
    origin refspec: lab:lab/os
  lab {OTHER}.0 (rollback)
    Version: 0.9
  lab {OLD}.0
    Version: 1.0
    Pinned: yes
"""


def run_back(tmp_path: Path, status: str) -> tuple[int, list[str]]:
    """Run what the guard runs with an `ostree` that says `status`; its code, and what it was told to do."""
    told = tmp_path / "told"
    fake = tmp_path / "ostree"
    fake.write_text(
        "#!/bin/sh\n"
        f'case "$*" in "admin status") cat {tmp_path / "status"};; "admin --help") echo set-default;;'
        f' *) echo "$*" >>{told};; esac\n'
    )
    fake.chmod(0o755)
    (tmp_path / "status").write_text(status)
    way = Ostree().way_back(STAGED)
    assert way is not None
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", f"( {way.back} ) || exit 1"], env=environ, check=False, timeout=20)
    return done.returncode, told.read_text().splitlines() if told.exists() else []


def test_the_version_before_is_found_by_its_name_wherever_it_is_by_then(tmp_path: Path) -> None:
    assert run_back(tmp_path, STATUS) == (0, ["admin set-default 2"])


def test_what_somebody_has_staged_meanwhile_goes_first(tmp_path: Path) -> None:
    code, told = run_back(tmp_path, f"  lab {OTHER}.1 (staged)\n{STATUS}")
    assert code == 0
    assert told[0] == "admin undeploy 0"


def test_where_the_version_before_is_gone_the_guard_fails_and_does_not_reboot(tmp_path: Path) -> None:
    assert run_back(tmp_path, f"* lab {NEW}.0\n") == (1, [])

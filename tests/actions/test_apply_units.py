"""What is sent to a host for a change of many units, and what its answer is taken for."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest

from console.actions.apply_units import Applied, UnitFiles, UnitWork, packed, read_answer
from console.errors import HostFailure

FILES = UnitFiles(
    "/run", "[Service]\r\nExecStart=a\n[Install]\n", "[Service]\n", "f s 1 1 launched", True, "w@.s"
)


def test_the_tar_has_a_line_for_each_unit_and_its_files_byte_for_byte() -> None:
    work = (
        UnitWork("w@1.service", FILES, "start"),
        UnitWork("old.service", job="stop"),
        UnitWork("gone.service", remove=True),
    )
    with tarfile.open(fileobj=io.BytesIO(packed(work))) as tar:
        read = {one.name: tar.extractfile(one).read().decode() for one in tar}  # type: ignore[union-attr]
    assert read == {
        "marks/w@1.service": "f s 1 1 launched\n",
        "units/w@1.service": FILES.text,
        "drops/w@1.service": "[Service]\n",
        "work": "w@1.service write start /run w@.s yes yes\n"
        "old.service keep stop - - no no\n"
        "gone.service remove - - - no no\n",
    }
    assert [one.verb for one in work] == ["write and start", "stop", "remove"]


def test_an_answer_that_is_whole_says_what_was_refused_and_why() -> None:
    said = (
        "refused a.service /etc/x is there, and is not this fleet's\n"
        "said Failed to start b.service: Unit b.service has a bad unit file setting.\n"
        "said See system logs and 'systemctl status b.service' for details.\n"
        "refused b.service b.service: Service has no ExecStart=.\n"
        "end\n"
    )
    assert read_answer(said, "h1") == Applied(
        {
            "a.service": "/etc/x is there, and is not this fleet's",
            "b.service": "Unit b.service has a bad unit file setting. b.service: Service has no ExecStart=.",
        }
    )


def test_who_is_turned_away_is_told_by_whom() -> None:
    assert read_answer("foreign f-2\n", "h1") == Applied({}, foreign="f-2")
    assert read_answer("superseded 12\n", "h1") == Applied({}, superseded=12)


@pytest.mark.parametrize(("said", "words"), [("fault disk full\n", "disk full"), ("", "sh: not found")])
def test_an_answer_without_an_end_is_a_failure(said: str, words: str) -> None:
    with pytest.raises(HostFailure, match=words):
        read_answer(said, "h1", "sh: not found")


def test_what_a_host_says_is_made_safe_to_show() -> None:
    assert read_answer("refused a \x1b[31mred\x07\nend\n", "h1").refused == {"a": "red·"}


def test_the_line_that_reads_the_script_leaves_the_rest_of_its_input() -> None:
    from console.actions.host_script import LOADER

    script = b'echo "$1"; cat\n'
    argv = ("sh", "-c", LOADER, "x", str(len(script)), "f-1")
    done = subprocess.run(argv, input=script + b"\0tar" * 40_000, capture_output=True, check=True)
    assert done.stdout == b"f-1\n" + b"\0tar" * 40_000

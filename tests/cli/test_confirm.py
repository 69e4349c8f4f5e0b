"""The question before a write, at a terminal of the test's own."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from console.actions.plan import Plan, Step

PLAN = Plan(
    "unit stop db --on=h", (Step("h", "db.service", "stop", "active", "inactive", cast("Any", None)),)
)

#: Asks in a session whose terminal is ours; its exit code is the answer.
ASK = """
import asyncio, sys
from tests.cli.test_confirm import PLAN
from console.cli.confirm import confirm
from console.commands.confirm import Challenge
sys.stdin.readline()
sys.exit(0 if asyncio.run(confirm(PLAN, Challenge("stop h/db.service: y", "y"))) else 3)
"""


@pytest.mark.parametrize(("early", "late", "code"), [(b"y\n", b"no\n", 3), (b"no\n", b"y\n", 0)])
async def test_what_was_typed_before_the_question_is_no_answer_to_it(
    early: bytes, late: bytes, code: int
) -> None:
    ours, theirs = pty.openpty()
    root = Path(__file__).parents[2]
    start = "import fcntl, termios, os; os.setsid(); fcntl.ioctl(2, termios.TIOCSCTTY, 0)\n"
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", start + ASK),
        cwd=root,
        stdin=asyncio.subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, early)
    assert asking.stdin is not None
    asking.stdin.write(b"\n")
    asking.stdin.close()
    said = b""
    while b"anything else: no" not in said:
        said += await asyncio.to_thread(os.read, ours, 4096)
    os.write(ours, late)
    assert await asyncio.wait_for(asking.wait(), 30) == code
    os.close(ours)

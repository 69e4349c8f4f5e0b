"""Search and context in a large journal: seconds to the first result.

The journals are synthetic, one host's, made by systemd-journal-remote: a million lines, or as many as
`QUARTERDECK_BENCH_LINES` says (ten million are 3 GB, and take an hour to make). They are read as a host's
journal is, by its journalctl. The alternative is `journalctl -r -g` itself.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from console.hosts.journalctl import Journalctl
from console.model.log import LogQuery, LogRecord
from tests.hosts.journal_files import BOOT, JOURNALCTL, REMOTE, Asking, machine_id

_LINES = int(os.environ.get("QUARTERDECK_BENCH_LINES", "1000000"))
_AT_ONCE = 5000
#: Found in every line, and in one of a thousand.
_COMMON, _RARE = "upstream", "500 12ms"
_AROUND = 50


def run() -> dict[str, object]:
    """Seconds to the first line found, common or rare, and to a whole context."""
    if JOURNALCTL is None or not REMOTE.exists():
        return {}
    with tempfile.TemporaryDirectory(prefix="bench-search-") as place:
        folder = Path(place)
        (folder / "bin").mkdir()
        tool = folder / "bin" / "journalctl"
        tool.write_text(f'#!/bin/sh\nexec {JOURNALCTL} -D {folder}/journal "$@"\n')
        tool.chmod(0o755)
        _write(folder / "journal")
        path = os.environ["PATH"]
        os.environ["PATH"] = f"{folder}/bin:{path}"
        try:
            return {"lines": _LINES, **asyncio.run(_measured()), **_alternative()}
        finally:
            os.environ["PATH"] = path


def _write(folder: Path) -> None:
    folder.mkdir()
    with subprocess.Popen(
        [REMOTE, "-o", folder / "system.journal", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as writer:
        assert writer.stdin is not None
        about = f"_BOOT_ID={BOOT}\n_MACHINE_ID={machine_id()}\nPRIORITY=6\n_COMM=web\n_UID=0\n"
        began = int(time.time() * 1_000_000) - _LINES * 1000
        for start in range(0, _LINES, _AT_ONCE):
            writer.stdin.write(
                "".join(
                    f"__REALTIME_TIMESTAMP={began + n * 1000}\n__MONOTONIC_TIMESTAMP={n * 1000}\n{about}"
                    f"MESSAGE=GET /orders/{n} {500 if n % 1000 == 7 else 200} 12ms upstream=10.0.3.7\n"
                    f"_SYSTEMD_UNIT=web@{n % 50}.service\n\n"
                    for n in range(start, min(start + _AT_ONCE, _LINES))
                ).encode()
            )


async def _measured() -> dict[str, object]:
    transport = Asking()
    began = time.perf_counter()
    journal = await Journalctl.open(transport)
    opened = time.perf_counter() - began
    took: dict[str, object] = {"the journal is opened, s": opened}
    for name, text in (("in every line", _COMMON), ("in one of 1,000", _RARE)):
        began = time.perf_counter()
        line = await _first(journal, text)
        took[f"search, first line of a text {name}, s"] = time.perf_counter() - began
    began = time.perf_counter()
    query = LogQuery(lines=_AROUND + 1)
    before = [r async for r in journal.found(query, backwards=True, cursor=line.cursor)]
    after = [r async for r in journal.found(query, cursor=line.cursor)]
    took[f"context, {_AROUND} lines before and after, s"] = time.perf_counter() - began
    assert len(before) == _AROUND + 1
    assert after[0].cursor == before[0].cursor == line.cursor
    return took


async def _first(journal: Journalctl, text: str) -> LogRecord:
    async with aclosing(journal.found(LogQuery(grep=text), backwards=True)) as found:
        async for record in found:
            return record
    raise AssertionError(f"nothing holds {text}")


def _alternative() -> dict[str, object]:
    began = time.perf_counter()
    argv = ["journalctl", "-q", "--no-pager", "-r", "-n1", "-o", "cat", "-g", _RARE]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return {"alternative: journalctl -r -g, in one of 1,000, s": time.perf_counter() - began}


def main() -> None:
    for name, value in run().items():
        print(f"{name:<60} {value}")


if __name__ == "__main__":
    main()

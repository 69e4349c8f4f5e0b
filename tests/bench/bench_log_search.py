"""Search and context in a large journal: seconds to the first result.

The journal is synthetic, one host's, made by systemd-journal-remote, which begins a new file as journald
does: a million lines, or as many as `QUARTERDECK_BENCH_LINES` says (ten million are 3 GB). It is read as a
host's journal is, by its journalctl. Found are a text of every line, one of one line in a thousand, and words
of which each is in one line only: in the newest tenth, in the middle and in the oldest tenth. The
alternative is `journalctl -r -g` for the same words, in the same run.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from console.hosts.journal_search import JournalSearch
from console.hosts.journalctl import Journalctl
from console.model.log import LogQuery, LogRecord
from tests.hosts.journal_files import BOOT, JOURNALCTL, REMOTE, Asking, machine_id

_LINES = int(os.environ.get("QUARTERDECK_BENCH_LINES", "1000000"))
#: Lines of one writer, and written at once.
_BY_ONE, _AT_ONCE = 400_000, 5000
#: What is looked for, and where it is found first.
_TEXTS = {"upstream": "in every line", "500 12ms": "in one of 1,000"}
#: Words of one line each, by how much of the journal is newer than it.
_WORDS = {"needle-new": 0.05, "needle-middle": 0.5, "needle-old": 0.95}
_AROUND = 50


def run() -> dict[str, object]:
    """Seconds to the first line found, wherever it is, and to a whole context."""
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
            return {"lines": _LINES, **asyncio.run(_measured()), **_alternatives()}
        finally:
            os.environ["PATH"] = path


def _write(folder: Path) -> None:
    folder.mkdir()
    words = {_LINES - 1 - int(_LINES * newer): word for word, newer in _WORDS.items()}
    about = f"_BOOT_ID={BOOT}\n_MACHINE_ID={machine_id()}\nPRIORITY=6\n_COMM=web\n_UID=0\n"
    began = int(time.time() * 1_000_000) - _LINES * 1000

    def entry(n: int) -> str:
        return (
            f"__REALTIME_TIMESTAMP={began + n * 1000}\n__MONOTONIC_TIMESTAMP={n * 1000}\n{about}"
            f"MESSAGE=GET /orders/{n} {500 if n % 1000 == 7 else 200} 12ms upstream=10.0.3.7"
            f" {words.get(n, '')}\n_SYSTEMD_UNIT=web@{n % 50}.service\n\n"
        )

    for first in range(0, _LINES, _BY_ONE):
        file = folder / f"system@{first:08}.journal"
        with subprocess.Popen(
            [REMOTE, "-o", file, "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as writer:
            assert writer.stdin is not None
            last = min(first + _BY_ONE, _LINES)
            for start in range(first, last, _AT_ONCE):
                writer.stdin.write("".join(map(entry, range(start, min(start + _AT_ONCE, last)))).encode())


async def _measured() -> dict[str, object]:
    transport = Asking()
    began = time.perf_counter()
    journal = await Journalctl.open(transport)
    took: dict[str, object] = {"the journal is opened, s": time.perf_counter() - began}
    for text, where in _TEXTS.items():
        began = time.perf_counter()
        line = await _first(journal, text)
        took[f"search, first line of a text {where}, s"] = time.perf_counter() - began
    for word, newer in _WORDS.items():
        began = time.perf_counter()
        await _first(journal, word)
        took[f"search, one line, {newer:.0%} of the lines are newer, s"] = time.perf_counter() - began
    began = time.perf_counter()
    query = LogQuery(lines=_AROUND + 1)
    before = [r async for r in journal.found(query, backwards=True, cursor=line.cursor)]
    after = [r async for r in journal.found(query, cursor=line.cursor)]
    took[f"context, {_AROUND} lines before and after, s"] = time.perf_counter() - began
    assert len(before) == _AROUND + 1
    assert after[0].cursor == before[0].cursor == line.cursor
    return took


async def _first(journal: Journalctl, text: str) -> LogRecord:
    async with aclosing(JournalSearch(journal, LogQuery(grep=text)).found()) as found:
        async for record in found:
            return record
    raise AssertionError(f"nothing holds {text}")


def _alternatives() -> dict[str, object]:
    took: dict[str, object] = {}
    for word, newer in _WORDS.items():
        began = time.perf_counter()
        argv = ["journalctl", "-q", "--no-pager", "-r", "-n1", "-o", "cat", "-g", word]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        took[f"alternative: journalctl -r -n1 -g, {newer:.0%} newer, s"] = time.perf_counter() - began
    return took


def main() -> None:
    for name, value in run().items():
        print(f"{name:<60} {value}")


if __name__ == "__main__":
    main()

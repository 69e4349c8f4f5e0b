"""A console of its own process that uses the embedded etcd in the folder of its argument.

It says each thing as a line on stdout: `ready ENDPOINT` first, then an answer to each line on stdin:
`restart` → `restarted True` or `restarted False`. The end of stdin lets it leave.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from console.store.embedded import embedded


async def main(folder: Path) -> None:
    async with embedded(folder, report=lambda text: print("told", text, flush=True)) as etcd:
        print("ready", *etcd.config.endpoints, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            assert line == "restart\n"
            print("restarted", await etcd.restart_if_dead(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

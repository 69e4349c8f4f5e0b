"""What gRPC does to the programs that we start while a channel to etcd is open."""

from __future__ import annotations

import subprocess
import sys

_STARTS = """
import asyncio
from console.store import wire

async def main():
    channel = wire.aio.insecure_channel("127.0.0.1:1")
    channel.get_state(try_to_connect=True)
    codes = set()
    for _ in range(150):
        child = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: None)
        codes.add(await child.wait())
    await channel.close()
    print(codes)

asyncio.run(main())
"""


def test_a_program_that_is_started_by_a_fork_is_never_ended_by_grpcs_threads() -> None:
    done = subprocess.run([sys.executable, "-c", _STARTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{0}"

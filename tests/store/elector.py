"""A process that acts while it holds a claim, and says what it does: a line each time, to stdout.

python -m tests.store.elector KEY NAME TTL ENDPOINT…

`acts N`: its N-th write, which compares its claim, was done; `refused N`: it was not; with `held` or `stale`,
as its own clock had it. It writes whatever that says, as one does that was stopped between the question and
the write.
"""

from __future__ import annotations

import asyncio
import sys

from console.errors import StoreError
from console.model.config import EtcdConfig
from console.store.claim import claimed
from console.store.client import open_etcd
from console.store.values import Put


async def main(leader: str, name: str, ttl: int, endpoints: tuple[str, ...]) -> None:
    async with open_etcd(EtcdConfig(endpoints)) as etcd:
        while True:
            try:
                async with claimed(etcd, leader, name.encode(), ttl) as claim:
                    print(f"claims {claim.revision}", flush=True)
                    number = 0
                    while not claim.lease.lost.is_set():
                        number += 1
                        act = Put(f"{leader}/act", f"{name} {claim.revision} {number}".encode())
                        held = claim.holds()
                        done = (await etcd.write([act], [claim.guard])).done
                        print(
                            f"{'acts' if done else 'refused'} {number} {'held' if held else 'stale'}",
                            flush=True,
                        )
                        await asyncio.sleep(0.01)
                    print("lost", flush=True)
            except StoreError as error:
                print(f"fails {error}", flush=True)


if __name__ == "__main__":
    leader, name, ttl, *endpoints = sys.argv[1:]
    asyncio.run(main(leader, name, int(ttl), tuple(endpoints)))

"""A process that acts while it holds a claim, and says what it does: a line each time, to stdout.

python -m tests.store.elector KEY NAME TTL ENDPOINT…

`acts N`: its N-th write, which compares its claim, was done; `refused N`: it was not; with `held` or `stale`,
as its own clock had it. It writes until it is refused, whatever its clock says, as one does that was stopped
between the question and the write.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from console.errors import StoreError
from console.model.config import EtcdConfig
from console.store.claim import Claim, claimed
from console.store.client import Etcd, open_etcd
from console.store.values import Put


async def main(leader: str, name: str, ttl: int, endpoints: tuple[str, ...]) -> None:
    async with open_etcd(EtcdConfig(endpoints)) as etcd:
        while True:
            async with claimed(etcd, leader, name.encode(), ttl) as claim:
                print(f"claims {claim.revision}", flush=True)
                await _act(etcd, claim, f"{leader}/act", name)


async def _act(etcd: Etcd, claim: Claim, key: str, name: str) -> None:
    """Write until it is refused, whatever else speaks against it."""
    for number in count():
        held = "held" if claim.holds() else "stale"
        act = Put(key, f"{name} {claim.revision} {number}".encode())
        try:
            done = (await etcd.write([act], [claim.guard])).done
        except StoreError as error:
            print(f"fails {number} {error}", flush=True)  # it was stopped for longer than a write may take
            continue
        print(f"{'acts' if done else 'refused'} {number} {held}", flush=True)
        if not done:
            return
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    leader, name, ttl, *endpoints = sys.argv[1:]
    asyncio.run(main(leader, name, int(ttl), tuple(endpoints)))

"""One process of simulated hosts: `python -m console.lab.sim.worker`.

Its first line on stdin says which hosts; it answers with one line of their addresses and host keys once all
of them listen. A second line starts their lives: churn, and the script of faults. Each line after that is a
fault for now. It ends when stdin does, which happens at the latest when whoever started it ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import asyncssh

from console.lab.sim.agenda import Agenda
from console.lab.sim.churn import Churn
from console.lab.sim.machine import Machine
from console.lab.sim.pace import hasten
from console.lab.sim.script import Fault, befall
from console.lab.sim.sshd import Sshd

#: Actions done before others on the loop have their turn.
_AT_ONCE = 200


class Clockwork:
    """Runs an agenda on the loop's clock.

    :param began: Unix time at which the agenda's clock stood at 0.
    :param pace: how many times as fast as the machine's that clock goes.
    """

    def __init__(self, began: float, pace: float = 1.0) -> None:
        loop = asyncio.get_running_loop()
        self._zero = loop.time() - pace * (time.time() - began)
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self.agenda = Agenda(lambda: loop.time() - self._zero)
        self.agenda.sooner = self._wind

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self.agenda.due
        self._timer = None if due is None else self._loop.call_at(due + self._zero, self._strike)

    def _strike(self) -> None:
        self._timer = None
        self.agenda.run(self._loop.time() - self._zero, _AT_ONCE)
        self._wind()

    def stop(self) -> None:
        self.agenda.sooner = None
        if self._timer is not None:
            self._timer.cancel()


class Worker:
    """The hosts of one process.

    :param order: the first line from whoever started us; see `fleet.py`.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        if order["pace"] != 1:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, asyncio.SelectorEventLoop)
            hasten(loop, order["pace"])
        self._clock = Clockwork(order["began"], order["pace"])
        self._keys: dict[tuple[str, int], asyncssh.SSHKey] = {}
        self._faults = 0
        self.machines: list[Machine] = []
        self._servers: list[Sshd] = []

    async def start(self) -> list[list[Any]]:
        """Have every host listen: [address, port, host key] of each."""
        order = self._order
        trusted = asyncssh.import_public_key(order["trusted"]).public_data
        said = []
        for number, name, address, port in order["own"]:
            machine = Machine(
                name, number, self._clock.agenda,
                seed=order["seed"], began=order["began"], sizes=(order["units"], order["containers"]),
                kind=order["system"], speed=order["speed"],
            )  # fmt: skip
            sshd = Sshd(machine, (address, port), self._key, trusted)
            await sshd.start()
            self.machines.append(machine)
            self._servers.append(sshd)
            public = self._key(machine).export_public_key().decode().split()
            said.append([address, port, " ".join(public[:2])])
        return said

    def live(self) -> None:
        """From now on things happen by themselves."""
        order, agenda = self._order, self._clock.agenda
        if order["churn"]:
            for machine in self.machines:
                Churn(machine, order["churn"] / len(order["names"]), agenda.after)
        for entry in order["script"]:
            self.befall(entry)

    def befall(self, entry: dict[str, Any]) -> None:
        """Have a fault happen at its time from now."""
        order, agenda = self._order, self._clock.agenda
        fault = Fault(**entry)
        self._faults += 1
        mine = {machine.name: machine for machine in self.machines}
        for name in sorted(fault.chosen(order["names"], order["seed"], self._faults) & mine.keys()):
            agenda.after(fault.at, _befalls(mine[name], fault, agenda))

    async def close(self) -> None:
        self._clock.stop()
        await asyncio.gather(*(server.close() for server in self._servers))

    def _key(self, machine: Machine) -> asyncssh.SSHKey:
        """The key that a host has now; made when it is first wanted."""
        wanted = (machine.name, machine.line.key)
        if wanted not in self._keys:
            self._keys[wanted] = asyncssh.generate_private_key("ssh-ed25519")
        return self._keys[wanted]


def _befalls(machine: Machine, fault: Fault, agenda: Agenda) -> Callable[[], None]:
    return lambda: befall(machine, fault, agenda.after)


async def serve(reader: asyncio.StreamReader, write: Callable[[bytes], object]) -> None:
    """Be a worker for whoever is at the other end of these."""
    line = await reader.readline()
    if not line:
        return
    worker = Worker(json.loads(line))
    try:
        try:
            said: dict[str, Any] = {"ready": await worker.start()}
        except OSError as error:
            said = {"problem": str(error)}
        write(json.dumps(said).encode() + b"\n")
        if await reader.readline():
            worker.live()
            # What is there now stays: the collector need not look at it again and again.
            gc.freeze()
            while line := await reader.readline():
                worker.befall(json.loads(line))
    finally:
        await worker.close()


async def _main() -> None:
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    await serve(reader, write)


if __name__ == "__main__":
    asyncio.run(_main())

"""The product's scripts that a host's root runs in one call, as operations of the simulated machine.

    argv ──▶ sh, which reads a script of $1 bytes …      stdin ──▶ … the script, and what it works on

The scripts are the product's own (`actions/apply_units.sh`, `actions/wind_lease.sh`) and are not run here:
what they do and say is done in their stead. `tests/sim/contract_units.py` and `contract_leases.py` hold the
two together, by the same changes on a real host and on this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.lab.sim import lease_work, unit_work
from console.lab.sim.machine import Machine
from console.lab.sim.wire import Out

#: Does a script's work: told its words, what follows it, and where its lines go once it has ended.
Work = Callable[[Machine, Sequence[str], bytes, Callable[[Sequence[str]], None]], None]
#: What a script is known by, and how many words it takes.
_SCRIPTS: tuple[tuple[bytes, int, Work], ...] = (
    (b"# Has a host's unit files and jobs be as an engine wants them", 2, unit_work.work),
    (b"# Has a host's lease hold until a moment of its own clock", 4, lease_work.work),
)
_WORDS_BEFORE = 5  # sh -c LOADER NAME SIZE


def asked(argv: Sequence[str]) -> bool:
    """Whether a command line is one that reads its script first."""
    return tuple(argv[:2]) == ("sh", "-c") and len(argv) > _WORDS_BEFORE and 'head -c "$1"' in argv[2]


class RootScript:
    """The command that runs one; see `Service`."""

    def __init__(self, machine: Machine, argv: Sequence[str], out: Out, *, root: bool) -> None:
        self._machine = machine
        self._size = int(argv[_WORDS_BEFORE - 1])
        self._words = argv[_WORDS_BEFORE:]
        self._out = out
        self._root = root
        self._said = bytearray()

    def received(self, data: bytes) -> None:
        self._said += data

    def finished(self) -> None:
        script, rest = bytes(self._said[: self._size]), bytes(self._said[self._size :])
        for opening, words, work in _SCRIPTS:
            if script.startswith(opening) and len(self._words) == words:
                if self._root:
                    work(self._machine, self._words, rest, self._end)
                else:
                    self._end(["fault cannot write below /run and /etc"])
                return
        self._out.complain(b"sh: 1: this script is not simulated\n")
        self._out.end(127)

    def closed(self) -> None:
        """What was not said to its end is not done."""

    def _end(self, lines: Sequence[str]) -> None:
        self._out.write("".join(f"{line}\n" for line in lines).encode())
        self._out.end()

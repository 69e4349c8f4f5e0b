"""Journals of three hosts as one log: lines a second, CPU a line, and how soon a line is there.

The alternative is what there is without the console, in the same run: `journalctl -f` over ssh for each
host, its output counted and thrown away. Both read the same lines from the same place on.

The limit is what one host can bring at all: `journalctl -o export` of eight fields through ssh to /dev/null.
"""

from __future__ import annotations

import asyncio
import resource
import shlex
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from console.fleet.fleet import Fleet, open_fleet
from console.fleet.follow import Slow
from console.hosts.journal_argv import follow
from console.hosts.links import Links
from console.model.config import FleetConfig
from console.model.log import Bookmark, LogQuery, LogRecord
from console.model.state import State
from console.model.wants import Wants
from tests.bench.labs import lab_config
from tests.lab.truth import Truth

_LINES = 30_000
_TAG = "bench-follow"
_WRITE = (
    f"seq -f 'GET /api/v1/orders/%.0f 200 12ms upstream=10.0.3.7' {_LINES} |"
    f" sudo systemd-run -q --pipe --wait -p LogRateLimitIntervalSec=0 systemd-cat -t {_TAG}"
)
_NEWEST = "journalctl -q --no-pager -n1 -o export | sed -n 's/^__CURSOR=//p'"
_MESSAGE, _PIECE = b"\nMESSAGE=GET", 65536
_WITHIN_S = 60.0
_EIGHT = (
    *("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "_PID"),
    *("_SYSTEMD_UNIT", "_UID", "_COMM", "CONTAINER_NAME"),
)
_QUERY = LogQuery(identifiers=(_TAG,))
#: Lines far enough apart that each is an idle journal's.
_SAMPLES = 15
_SLOWLY = f"sleep 2; for i in $(seq {_SAMPLES + 2}); do logger -t {_TAG} $i; sleep 0.7; done"


@dataclass(frozen=True)
class _Ran:
    """:param wall, cpu: seconds, the latter of the client's processes.
    :param busy: the part of one processor that the client took from the first line to nine tenths of them:
        not while it connects, nor while it waits for a host that has no more to say.
    """

    wall: float
    cpu: float
    busy: float = 0.0


def run() -> dict[str, object]:
    """Lines a second and microseconds of the client's CPU a line, then how late a live line is."""
    config = lab_config()
    if config is None:
        return {}
    truth = Truth(config)
    hosts = [host.name for host in config.hosts][:3]
    places = {host: truth.ask(host, _NEWEST).strip() for host in hosts}
    with ThreadPoolExecutor(len(hosts)) as side_by_side:
        list(side_by_side.map(lambda host: truth.ask(host, _WRITE), hosts))
    lines = len(hosts) * _LINES
    ours = asyncio.run(_merged(config, places))
    first = dict(list(places.items())[:1])
    limit = _limit(truth, *next(iter(first.items())))
    single = asyncio.run(_merged(config, first))
    plain = asyncio.run(_plain(truth, places))
    alone = asyncio.run(_live(config, truth, hosts[:1]))
    together = asyncio.run(_live(config, truth, hosts))
    plain_late = _live_plain(truth, hosts[0])
    return {
        f"merged from {len(hosts)} hosts, lines/s": round(lines / ours.wall),
        "merged, client CPU us/line": ours.cpu / lines * 1e6,
        "merged, share of one processor while lines come": round(ours.busy, 2),
        "alternative: ssh journalctl -f, lines/s": round(lines / plain.wall),
        "alternative: ssh, client CPU us/line": plain.cpu / lines * 1e6,
        "ratio of lines/s": round(plain.wall / ours.wall, 2),
        "limit: one host's export of 8 fields to /dev/null, lines/s": round(_LINES / limit),
        "one host to the model, lines/s": round(_LINES / single.wall),
        "one host, share of the limit": round(limit / single.wall, 2),
        "one host, live line is there after, s, median": statistics.median(alone),
        "merged, live line is there after, s, median": statistics.median(together),
        "alternative: ssh journalctl -f, s, median": statistics.median(plain_late),
    }


async def _merged(config: FleetConfig, places: Mapping[str, str]) -> _Ran:
    """All lines of all hosts through the console, to the last one: none is missing, none comes twice."""
    async with _opened(config, list(places)) as fleet:
        began, cpu = time.perf_counter(), time.process_time()
        count, lines = 0, len(places) * _LINES
        first: tuple[float, float] | None = None
        busy = 0.0
        numbers = dict.fromkeys(places, 0)
        resume = {host: Bookmark(cursor) for host, cursor in places.items()}
        async with fleet.follow_journal(list(places), _QUERY, slow=Slow.WAIT, resume=resume) as tail:
            async with asyncio.timeout(_WITHIN_S):
                while count < lines:
                    for item in (await tail.batch(0)).records:
                        assert isinstance(item, LogRecord), item
                        numbers[item.host] += 1
                        assert item.message.startswith(f"GET /api/v1/orders/{numbers[item.host]} "), item
                        count += 1
                    now = (time.perf_counter(), time.process_time())
                    first = first or now
                    if count < lines * 0.9 and now > first:
                        busy = (now[1] - first[1]) / (now[0] - first[0])
        return _Ran(time.perf_counter() - began, time.process_time() - cpu, busy)


async def _plain(truth: Truth, places: Mapping[str, str]) -> _Ran:
    """The same lines by an ssh for each host, side by side, counted here by their messages."""

    async def one(host: str, cursor: str) -> None:
        argv = [*truth.argv(host), shlex.join(follow(_QUERY, machine_id=None, cursor=cursor))]
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        count, rest = 0, b""
        try:
            while count < _LINES and (data := await process.stdout.read(_PIECE)):
                count += (rest + data).count(_MESSAGE)
                rest = data[1 - len(_MESSAGE) :]
        finally:
            process.terminate()
            await process.wait()
        assert count >= _LINES, (host, count)

    began, cpu = time.perf_counter(), _children() + time.process_time()
    async with asyncio.timeout(_WITHIN_S), asyncio.TaskGroup() as group:
        for host, cursor in places.items():
            group.create_task(one(host, cursor))
    return _Ran(time.perf_counter() - began, _children() + time.process_time() - cpu)


def _limit(truth: Truth, host: str, cursor: str) -> float:
    """Seconds that one host's journalctl and one ssh take for the lines, with nobody who reads them."""
    argv = ["journalctl", "-q", "--no-pager", "-o", "export", f"--output-fields={','.join(_EIGHT)}"]
    argv += [f"--cursor={cursor}", f"SYSLOG_IDENTIFIER={_TAG}"]
    began = time.perf_counter()
    subprocess.run([*truth.argv(host), shlex.join(argv)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _live(config: FleetConfig, truth: Truth, hosts: Sequence[str]) -> list[float]:
    """Seconds from when the first host dated a line to when it is handed over, of lines far apart."""
    late: list[float] = []
    async with (
        _opened(config, hosts) as fleet,
        fleet.follow_journal(hosts, LogQuery(identifiers=(_TAG,), lines=0)) as tail,
    ):
        while any(status.state is not State.LIVE for status in tail.statuses.values()):
            await tail.batch(0)
        writing = await asyncio.create_subprocess_exec(*truth.argv(hosts[0]), _SLOWLY)
        while len(late) < _SAMPLES:
            items = (await tail.batch(0)).records
            late += [time.time() - item.time.timestamp() for item in items]
        await writing.wait()
    return late


def _live_plain(truth: Truth, host: str) -> list[float]:
    """The same by ssh and `journalctl -f`."""
    late: list[float] = []
    argv = [*truth.argv(host), f"journalctl -q -f -n 0 -t {_TAG} -o short-unix --since=now"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as reading:
        assert reading.stdout is not None
        writing = subprocess.Popen([*truth.argv(host), _SLOWLY])
        for line in reading.stdout:
            late.append(time.time() - float(line.split(maxsplit=1)[0]))
            if len(late) == _SAMPLES:
                break
        reading.terminate()
        writing.wait()
    return late


@asynccontextmanager
async def _opened(config: FleetConfig, hosts: Sequence[str]) -> AsyncIterator[Fleet]:
    """Connected to the hosts, with nothing read."""
    chosen = [host for host in config.hosts if host.name in hosts]
    wants = Wants(units=False, containers=False, os=False)
    async with open_fleet(chosen, wants, Links()) as fleet:
        missing = await fleet.settled(30)
        assert not missing, missing
        yield fleet


def main() -> None:
    for name, value in run().items():
        print(f"{name:<60} {value}")


if __name__ == "__main__":
    main()

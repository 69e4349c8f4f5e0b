"""What real hosts lose of their own logs is told to whoever follows a part of it, with its bounds."""

from __future__ import annotations

import asyncio

import pytest

from console.hosts.journal_follow import JournalSource
from console.lab.lab import Lab
from console.model.log import Gap, LogQuery, LogRecord
from tests.hosts.journal_files import following
from tests.lab.journal_host import host_of


@pytest.mark.parametrize("query", [LogQuery(identifiers=("noisy",)), LogQuery(priority=5)])
async def test_what_the_rate_limit_swallowed_is_told_through_a_filter_and_between_its_neighbours(
    lab: Lab, query: LogQuery
) -> None:
    host = await host_of(lab, "plain1")
    unit = f"noisy{query.priority or ''}"  # journald counts by unit, also what another test was denied
    limit = "-p LogRateLimitIntervalSec=2s -p LogRateLimitBurst=5 -p SyslogIdentifier=noisy"
    script = 'n=0; while sleep 0.02; do n=$((n + 1)); echo "<5>$n"; done'
    async with host.connected() as transport, following(JournalSource("plain1", query), transport) as heard:
        await host.root(f"systemd-run --quiet --unit={unit} {limit} sh -c '{script}'")
        try:
            await heard.until(lambda h: any(isinstance(item, Gap) for item in h.items[:-1]))
        finally:
            await host.root(f"systemctl stop {unit}.service")
    items = [i for i in heard.items if isinstance(i, Gap) or i.identifier == "noisy"]
    at = next(at for at, item in enumerate(items) if isinstance(item, Gap))
    before, gap, after = items[at - 1 : at + 2]
    assert isinstance(before, LogRecord)
    assert isinstance(gap, Gap)
    assert isinstance(after, LogRecord)
    assert gap.after == before.cursor
    assert int(after.message) == int(before.message) + (gap.count or 0) + 1


async def test_docker_numbers_a_containers_lines_so_that_those_journald_dropped_are_missed(lab: Lab) -> None:
    """All containers share docker.service's rate limit; the numbers say whose lines it took."""
    host = await host_of(lab, "docker1")
    dropin = "/run/systemd/system/docker.service.d/limit.conf"
    await host.root(
        f"mkdir -p $(dirname {dropin}); printf '[Service]\\nLogRateLimitIntervalSec=2s\\n"
        f"LogRateLimitBurst=20\\n' > {dropin}; systemctl daemon-reload; systemctl restart docker"
    )
    image = (await asyncio.to_thread(host.truth.ask, "docker1", "docker image ls -q | head -n1")).strip()
    script = "n=0; while sleep 0.02; do n=$((n + 1)); echo $n; done"
    source = JournalSource("docker1", LogQuery(containers=("noisy",)))
    try:
        async with host.connected() as transport, following(source, transport) as heard:
            await host.root(f"docker run -d --rm --name noisy --log-driver journald {image} sh -c '{script}'")
            await heard.until(
                lambda h: any(isinstance(i, Gap) and "numbered" in i.reason for i in h.items[:-1]), timeout=40
            )
    finally:
        await host.root(
            f"docker kill noisy; rm -f {dropin}; systemctl daemon-reload; systemctl restart docker"
        )
    lines = [i for i in heard.items if isinstance(i, LogRecord) or "numbered" in i.reason]
    at = next(at for at, item in enumerate(lines) if isinstance(item, Gap))
    before, gap, after = lines[at - 1 : at + 2]
    assert isinstance(before, LogRecord)
    assert isinstance(gap, Gap)
    assert isinstance(after, LogRecord)
    assert (gap.after, gap.before) == (before.cursor, after.cursor)
    assert gap.count == int(after.message) - int(before.message) - 1

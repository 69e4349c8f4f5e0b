"""Following real journals through everything that happens to them: each line once, or a counted gap."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.hosts.journal_cursor import Place
from console.hosts.journal_follow import JournalSource
from console.lab.lab import Lab
from console.model.log import Bookmark, Gap, LogQuery, LogRecord
from tests.hosts.journal_files import Heard, following, journal_files, needs_journal_tools
from tests.lab.journal_host import JournalHost, host_of, kept, message, whole


@pytest.fixture
async def host(lab: Lab) -> JournalHost:
    return await host_of(lab, "plain1")


def lines(heard: Heard, identifier: str) -> list[str]:
    """The messages of one program, in the order in which they came, doubles included."""
    return [i.message for i in heard.items if isinstance(i, LogRecord) and i.identifier == identifier]


def gaps(heard: Heard) -> list[Gap]:
    return [item for item in heard.items if isinstance(item, Gap)]


async def equals_journalctl(host: JournalHost, heard: Heard, *matches: str) -> None:
    """From the first record on, what was heard is what the host's journalctl has, entry by entry.

    Cursors change when journald moves entries between files, so boot and times say which is which.
    """
    records = [item for item in heard.items if isinstance(item, LogRecord)]
    ours = [(r.boot_id, r.monotonic_us, int(r.time.timestamp() * 1_000_000), whole(r)) for r in records]
    said = await host.says("-m", f"--cursor={records[0].cursor}", *matches)
    theirs = [
        (s["_BOOT_ID"], int(s["__MONOTONIC_TIMESTAMP"]), int(s["__REALTIME_TIMESTAMP"]), message(s))
        for s in said
    ]
    theirs = theirs[: theirs.index(ours[-1]) + 1]
    assert [x for x in theirs if x not in set(ours)] == [], "lost"
    assert [x for x in ours if x not in set(theirs)] == [], "not in the host's journal"
    assert ours == theirs


NUMBERED = """systemd-run --quiet --unit={0} sh -c '
i=0; while [ $i -lt {1} ]; do i=$((i+1)); echo $i; [ $((i % 50)) -ne 0 ] || sleep 0.05; done; echo done'"""


async def test_nothing_is_lost_or_doubled_while_journald_and_the_connection_come_and_go(
    host: JournalHost,
) -> None:
    source = JournalSource("plain1")
    async with kept(host, source) as heard:
        await host.root(NUMBERED.format("numbered", 6000))
        for trouble in (
            "journalctl --rotate",
            "systemctl restart systemd-journald",
            "ss -K dst 0/0 sport = 22 >/dev/null 2>&1; true",
            "systemctl kill --signal=KILL systemd-journald",
            "journalctl --relinquish-var",
            "systemctl restart ssh; for p in $(pidof sshd-session); do kill -9 $p; done 2>/dev/null; true",
            "journalctl --flush",
            "journalctl --rotate",
        ):
            await asyncio.sleep(0.5)
            await host.root(trouble)
        await heard.until(lambda h: "done" in lines(h, "sh"), timeout=60)
        await equals_journalctl(host, heard)
    numbers = [line for line in lines(heard, "sh") if line.isdigit()]
    assert numbers == [str(i) for i in range(1, 6001)]
    assert gaps(heard) == []


async def test_the_last_words_before_a_reboot_and_the_first_after_it_are_heard(breakable: Lab) -> None:
    host = await host_of(breakable, "plain1")
    await host.root(
        "printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n"
        'ExecStop=/bin/sh -c "for i in 1 2 3 4 5 6 7 8 9; do echo last word $i; done"\\n\''
        " > /run/systemd/system/lastwords.service; systemctl daemon-reload; systemctl start lastwords"
    )
    async with kept(host, JournalSource("plain1")) as heard:
        await host.write("here", "before")
        await heard.until(lambda h: "before" in h.messages)
        old = next(i.boot_id for i in heard.items if isinstance(i, LogRecord))
        await host.root("systemctl reboot")
        await heard.until(
            lambda h: any(isinstance(i, LogRecord) and i.boot_id != old for i in h.items), timeout=60
        )
        await host.write("here", "after")
        await heard.until(lambda h: "after" in h.messages)
        await equals_journalctl(host, heard)
    assert [m for m in heard.messages if m.startswith("last word")] == [
        f"last word {i}" for i in range(1, 10)
    ]
    assert "Journal stopped" in heard.messages
    assert gaps(heard) == []


async def test_what_was_vacuumed_while_nobody_read_is_a_gap_with_its_exact_size(host: JournalHost) -> None:
    source = JournalSource("plain1")
    async with host.connected() as transport, following(source, transport) as heard:
        await host.write("here", "before")
        await heard.until(lambda h: "before" in h.messages)
    left = source.bookmark()
    last = Place.of(left.cursor) if left else None
    await host.root("seq 300 | systemd-cat -t lost; journalctl --rotate; journalctl -q --vacuum-files=1")
    await host.write("here", "after")
    async with host.connected() as transport, following(source, transport, heard):
        await heard.until(lambda h: "after" in h.messages)
    first = (await host.says("-n", "all"))[0]
    (gap,) = gaps(heard)
    assert last is not None
    assert gap.after == source_cursor(heard, gap)
    assert gap.before == first["__CURSOR"]
    assert gap.count == int(first["__SEQNUM"]) - last.seqnum - 1
    assert gap.count >= 300
    await equals_journalctl_after(host, heard, gap)


def source_cursor(heard: Heard, gap: Gap) -> str:
    """The cursor of the record before the gap."""
    before = heard.items[heard.items.index(gap) - 1]
    assert isinstance(before, LogRecord)
    return before.cursor


async def equals_journalctl_after(host: JournalHost, heard: Heard, gap: Gap) -> None:
    rest = Heard()
    rest.items = heard.items[heard.items.index(gap) + 1 :]
    await equals_journalctl(host, rest)


async def test_a_filter_that_matched_nothing_before_hears_a_burst_from_its_first_line(
    host: JournalHost,
) -> None:
    for query in (
        LogQuery(identifiers=("burst",)),
        LogQuery(units=("burst*",)),
        LogQuery(units=("burst.service",)),
    ):
        async with (
            host.connected() as transport,
            following(JournalSource("plain1", query), transport) as heard,
        ):
            await host.root("systemd-run --quiet --wait --unit=burst -p SyslogIdentifier=burst seq 3000")
            await heard.until(lambda h: "3000" in h.messages)
            await host.root("journalctl --rotate; journalctl -q --vacuum-files=1")
        assert lines(heard, "burst") == [str(i) for i in range(1, 3001)], query
        assert gaps(heard) == []


async def test_after_a_change_of_filter_nothing_is_lost_and_no_gap_is_shown(host: JournalHost) -> None:
    everything = JournalSource("plain1")
    async with host.connected() as transport:
        async with following(everything, transport) as heard:
            await host.write("other", "a line that the new filter does not match")
            await heard.until(lambda h: lines(h, "other") != [])
        await host.write("narrow", *map(str, range(100)))
        left = everything.bookmark()
        assert left is not None
        query = LogQuery(identifiers=("narrow",))
        narrow = JournalSource("plain1", query, resume=Bookmark(left.cursor))
        async with following(narrow, transport) as heard:
            await heard.until(lambda h: "99" in h.messages)
    assert heard.messages == [str(i) for i in range(100)]


async def test_with_a_filter_a_vacuum_of_lines_long_heard_is_no_gap(
    host: JournalHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.hosts.journal_follow._SURELY_HEARD_S", 1.0)
    source = JournalSource("plain1", LogQuery(identifiers=("rare",)))
    async with host.connected() as transport:
        async with following(source, transport) as heard:
            await host.write("rare", "one")
            await heard.until(lambda h: "one" in h.messages)
            await host.root("journalctl --rotate; journalctl -q --vacuum-files=1")
            await host.write("other", "while we listen")
            await asyncio.sleep(3)  # as long as it takes for that to be surely heard
        await host.write("rare", "two")
        async with following(source, transport, heard):
            await heard.until(lambda h: "two" in h.messages)
    assert heard.messages == ["one", "two"]


async def test_what_the_rate_limit_swallowed_is_a_gap_with_its_count(host: JournalHost) -> None:
    def counted(heard: Heard) -> list[int | Gap]:
        """What the unit counted, and what was swallowed of it, in the order in which it came."""
        return [
            item if isinstance(item, Gap) else int(item.message)
            for item in heard.items
            if isinstance(item, Gap) or (item.identifier == "sh" and item.message.isdigit())
        ]

    def resumed(heard: Heard) -> bool:
        return any(isinstance(item, Gap) for item in counted(heard)[:-1])

    async with host.connected() as transport, following(JournalSource("plain1"), transport) as heard:
        limit = "-p LogRateLimitIntervalSec=2s -p LogRateLimitBurst=5"
        # It never falls silent: journald forgets what it swallowed of a unit whose time is up, when
        # another one speaks first (journald-rate-limit.c, journal_ratelimit_vacuum).
        script = "n=0; while sleep 0.02; do n=$((n + 1)); echo $n; done"
        await host.root(f"systemd-run --quiet --unit=noisy {limit} sh -c '{script}'")
        try:
            await heard.until(resumed)
        finally:
            await host.root("systemctl stop noisy.service")
    found = counted(heard)
    at = next(at for at, item in enumerate(found) if isinstance(item, Gap))
    before, gap, after = found[:at], found[at], found[at + 1]
    assert isinstance(gap, Gap)
    assert "noisy.service" in gap.reason
    assert before == list(range(1, len(before) + 1))
    assert after == len(before) + (gap.count or 0) + 1


@needs_journal_tools
async def test_another_machines_journal_on_the_host_is_not_this_hosts(
    host: JournalHost, tmp_path: Path
) -> None:
    """journalctl -m shows journals that were sent or bound to a host; they are not its own."""
    foreign = "f0" * 16
    with journal_files(tmp_path) as files:
        files.pass_time(3610)  # as new as anything here
        files.write(*(f"foreign {i}" for i in range(20)), machine=foreign)
        file = files.close_file()
    async with host.connected() as transport, following(JournalSource("plain1"), transport) as heard:
        await host.root(f"mkdir -p /var/log/journal/{foreign}")
        try:
            await host.put(file, f"/var/log/journal/{foreign}/system.journal")
            assert [s["MESSAGE"] for s in await host.says("-m", "-n1", f"_MACHINE_ID={foreign}")] == [
                "foreign 19"
            ]
            await host.write("here", *map(str, range(100)))
            await heard.until(lambda h: "99" in h.messages)
            await equals_journalctl(host, heard, f"_MACHINE_ID={await host.machine_id()}")
        finally:
            await host.root(f"rm -r /var/log/journal/{foreign}")
    assert gaps(heard) == []
    assert not [message for message in heard.messages if message.startswith("foreign")]


async def test_a_network_cut_for_a_while_loses_nothing(breakable: Lab) -> None:
    host = await host_of(breakable, "plain1")
    async with kept(host, JournalSource("plain1")) as heard:
        await host.write("cut", "before")
        await heard.until(lambda h: "before" in h.messages)
        await breakable.cut("plain1")
        await host.write("cut", *map(str, range(200)))
        await asyncio.sleep(20)  # until the console has noticed and given the connection up
        await breakable.heal("plain1")
        await heard.until(lambda h: "199" in h.messages, timeout=60)
        await equals_journalctl(host, heard)
    assert lines(heard, "cut") == ["before", *map(str, range(200))]
    assert gaps(heard) == []

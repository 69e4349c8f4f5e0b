"""A look back into real journals: what we read is what journalctl on the host prints."""

from __future__ import annotations

import pytest

from console.errors import AccessRefused
from console.lab.lab import Lab
from console.model.log import LogQuery
from tests.lab.journal_host import JournalHost, host_of, message, whole


@pytest.fixture
async def host(lab: Lab) -> JournalHost:
    return await host_of(lab, "docker1")


@pytest.mark.parametrize("name", ["docker1", "podman1", "plain1"])
async def test_the_last_thousand_lines_are_those_of_journalctl(lab: Lab, name: str) -> None:
    host = await host_of(lab, name)
    await host.root("for i in $(seq 1000); do echo filler $i; done | systemd-cat -t filler")
    records = await host.read(LogQuery(lines=1000))
    said = await host.says(f"--cursor={records[0].cursor}", "-n1000", "--until=now")
    # Lines written since we looked push the first ones out of journalctl's count, never ours.
    assert len(records) == 1000
    assert [r.cursor for r in records] == [s["__CURSOR"] for s in said]
    for record, entry in zip(records, said, strict=True):
        assert whole(record) == message(entry)
        assert int(record.time.timestamp() * 1_000_000) == int(entry["__REALTIME_TIMESTAMP"])
        assert (record.monotonic_us, record.boot_id) == (
            int(entry["__MONOTONIC_TIMESTAMP"]),
            entry["_BOOT_ID"],
        )
        assert str(record.seqnum) == entry["__SEQNUM"]
        assert record.seqnum_id == entry["__SEQNUM_ID"]
        assert record.identifier == entry.get("SYSLOG_IDENTIFIER", entry.get("_COMM"))
        assert record.priority == (int(entry["PRIORITY"]) if "PRIORITY" in entry else None)
        assert record.container == entry.get("CONTAINER_NAME")
        assert record.pid == (int(entry["_PID"]) if "_PID" in entry else None)


@pytest.mark.parametrize(
    ("query", "options"),
    [
        (LogQuery(units=("chatty.service",)), ["-u", "chatty.service"]),
        (LogQuery(units=("ssh.service", "web@*")), ["-u", "ssh.service", "-u", "web@*"]),
        (LogQuery(identifiers=("urgent",), priority=3), ["SYSLOG_IDENTIFIER=urgent", "-p3"]),
        (LogQuery(boot="0", identifiers=("systemd",)), ["-b", "SYSLOG_IDENTIFIER=systemd"]),
        (LogQuery(since=3600, units=("flapping.service",)), ["--since=-1h", "-u", "flapping.service"]),
        (LogQuery(units=("-.mount", "-.slice")), ["-u", "-.mount", "-u", "-.slice"]),
    ],
)
async def test_a_query_finds_what_journalctl_finds(
    host: JournalHost, query: LogQuery, options: list[str]
) -> None:
    await host.root(
        "for p in err info crit; do echo $p | systemd-cat -t urgent -p $p; done; journalctl --sync"
    )
    records = await host.read(query)
    said = await host.says(*options)
    # The host goes on logging between the two looks; the older look is the beginning of the younger.
    assert [r.cursor for r in records] == [s["__CURSOR"] for s in said][: len(records)]
    assert len(records) > 0.8 * len(said)


async def test_every_unit_is_the_one_journalctl_finds_the_line_under(host: JournalHost) -> None:
    units = ("api.service", "db.service", "flapping.service", "web@1.service", "chatty.service")
    for unit in units:
        records = await host.read(LogQuery(units=(unit,)))
        assert records
        assert {record.unit for record in records} == {unit}


ODD_LINES = r"""
native() { { printf 'SYSLOG_IDENTIFIER=odd\nMESSAGE='; cat; echo; } | logger --journald; }
printf '\033[31mred\033[0m' | native
printf 'caf\351\nTAG=a\nTAG=b' | native
head -c 1048576 /dev/zero | tr '\0' x | native
head -c 2000000 /dev/zero | tr '\0' '\377' | native
printf '\033]0;title\007text\n' | systemd-cat -t odd
journalctl --sync
"""


async def test_bytes_escapes_and_a_megabyte_line_come_whole(host: JournalHost) -> None:
    await host.root(ODD_LINES)
    records = (await host.read(LogQuery(identifiers=("odd",))))[-5:]
    wanted = [message(entry) for entry in await host.says("SYSLOG_IDENTIFIER=odd")][-5:]
    assert [len(m) for m in wanted] == [12, 4, 1048576, 2000000, 14]
    assert [whole(r) for r in records] == [m[: 1024 * 1024] for m in wanted]
    assert [r.cut for r in records] == [False, False, False, True, False]
    unknown = "\N{REPLACEMENT CHARACTER}"
    shown = ["red", "caf" + unknown, "x" * 8, unknown * 8, "␛]0;titl"]
    assert [r.message[:8] for r in records] == shown


@pytest.mark.parametrize("own", [False, True])
async def test_a_user_without_the_group_is_refused_and_sees_nothing(host: JournalHost, own: bool) -> None:
    """Also when there are a few entries of their own that journalctl would show."""
    if own:
        await host.root("setpriv --reuid=guest --clear-groups logger mine; journalctl --sync")
    with pytest.raises(AccessRefused, match="systemd-journal"):
        await host.read(LogQuery(lines=5), user="guest")


async def test_a_user_without_the_group_reads_through_sudo_where_it_is_allowed(host: JournalHost) -> None:
    await host.root(
        "echo 'guest ALL=(root) NOPASSWD: /usr/bin/journalctl, /usr/bin/true' > /etc/sudoers.d/guest"
    )
    try:
        records = await host.read(LogQuery(lines=50), user="guest")
        assert len(records) == 50
        assert {"init.scope", "chatty.service"} & {record.unit for record in records}
    finally:
        await host.root("rm /etc/sudoers.d/guest")


@pytest.mark.parametrize("name", ["docker1", "podman1"])
async def test_a_containers_line_is_believed_and_a_claim_is_marked(lab: Lab, name: str) -> None:
    host = await host_of(lab, name)
    engine = name.rstrip("1")
    await host.root(
        f"{engine} rm -f spoken >/dev/null 2>&1; image=$({engine} images -q | head -1);"
        f"{engine} run --rm --name spoken --log-driver=journald $image echo its own words"
    )
    lie = r"MESSAGE=a lie\nCONTAINER_NAME=spoken\nCONTAINER_ID_FULL=abcdef\n"
    as_guest = "setpriv --reuid=guest --clear-groups"
    await host.root(f"printf '{lie}' | {as_guest} logger --journald; journalctl --sync")
    records = await host.read(LogQuery(containers=("spoken",)))
    trust = {r.message: r.trusted for r in records if r.message in ("its own words", "a lie")}
    assert trust == {"its own words": True, "a lie": False}


@pytest.mark.parametrize("name", ["docker1", "podman1"])
async def test_a_containers_line_that_its_engine_cut_is_one_line_again(lab: Lab, name: str) -> None:
    host = await host_of(lab, name)
    engine = name.rstrip("1")
    words = 'n=0; while [ $n -lt 6000 ]; do printf "word%05d" $n; n=$((n+1)); done; echo; echo short'
    await host.root(
        f"{engine} rm -f longwinded >/dev/null 2>&1; image=$({engine} images -q | head -1);"
        f"{engine} run --rm --name longwinded --log-driver=journald $image sh -c '{words}'; journalctl --sync"
    )
    parts = await host.says("CONTAINER_NAME=longwinded")
    assert len(parts) > 3, "the engine cut nothing"
    long, short = [r for r in await host.read(LogQuery(containers=("longwinded",))) if r.trusted]
    assert whole(long).decode() == "".join(f"word{n:05}" for n in range(6000))
    assert not long.cut
    assert short.message == "short"


async def test_what_a_line_does_to_a_terminal_is_spelled_out_and_who_sent_it_is_known(lab: Lab) -> None:
    host = await host_of(lab, "plain1")
    attack = r"\033]0;owned\007\033[2Jgone\033[31mred"
    await host.root(
        f"printf '{attack}\\n' | setpriv --reuid=guest --clear-groups logger -t attack; journalctl --sync"
    )
    record = (await host.read(LogQuery(identifiers=("attack",))))[-1]
    assert record.message == "␛]0;owned␇␛[2Jgonered"
    assert record.user == "guest"
    assert record.machine_id == await host.machine_id()

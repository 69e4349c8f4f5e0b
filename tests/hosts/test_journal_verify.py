"""What `journalctl --verify` says of a file, and the real thing on sealed and on changed files."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.errors import HostFailure
from console.hosts.journal_verify import JournalFile, Verdict, Verified, is_key, judge, verify
from console.hosts.transport import Completed
from tests.hosts.journal_files import BOOT, REMOTE, Asking, journal_files, needs_journal_tools

PATH = "/var/log/journal/" + "a1" * 16 + "/system@1-2-3.journal"
FILE = JournalFile(PATH, 8388608)
VALIDATED = (
    f"PASS: {PATH}\n=> Validated from Fri 2026-11-27 14:12:36 UTC to Fri 2026-11-27 14:12:56 UTC,"
    " final 1min 2.5s entries not sealed.\n"
)
CORRUPT = (
    "3b0270: Invalid hash (91c8e94aadf616a6 vs. f3329b186b2d2fe0)\n"
    f"File corruption detected at {PATH}:3b0270 (of 8388608 bytes, 46%).\nFAIL: {PATH} (Bad message)\n"
)


def said(text: str, code: int = 0) -> Verified | None:
    return judge("web1", FILE, Completed(("sh",), code, b"", text.encode()))


def test_a_sealed_file_passes_with_the_time_its_seals_vouch_for_and_the_tail_they_do_not() -> None:
    found = said(VALIDATED)
    assert found is not None
    assert found.verdict is Verdict.PASS
    assert found.sealed_from == datetime(2026, 11, 27, 14, 12, 36, tzinfo=UTC)
    assert found.sealed_until == datetime(2026, 11, 27, 14, 12, 56, tzinfo=UTC)
    assert found.unsealed_s == 62.5


def test_a_file_that_was_changed_fails_with_the_place() -> None:
    found = said(CORRUPT, 1)
    assert found is not None
    assert (found.verdict, found.offset) == (Verdict.FAIL, 0x3B0270)
    assert found.detail == "Invalid hash (91c8e94aadf616a6 vs. f3329b186b2d2fe0)"


@pytest.mark.parametrize(
    ("text", "code", "verdict"),
    [
        (f"PASS: {PATH}\n", 0, Verdict.UNSEALED),
        (f"PASS: {PATH}\n=> No sealing yet, 5s of entries not sealed.\n", 0, Verdict.PASS),
        (f"FAIL: {PATH} (Required key not available)\n", 1, Verdict.NO_KEY),
        (f"1f0: Tag failed verification\nFAIL: {PATH} (Bad message)\n", 1, Verdict.FAIL),
    ],
)
def test_every_other_word_has_its_verdict(text: str, code: int, verdict: Verdict) -> None:
    found = said(text, code)
    assert found is not None
    assert found.verdict is verdict


def test_a_file_that_was_vacuumed_meanwhile_is_no_finding_and_silence_is_no_pass() -> None:
    assert said("Failed to open journal file: No such file or directory\n", 1) is None
    with pytest.raises(HostFailure, match="Failed to parse seed"):
        said("Failed to parse seed.\n", 1)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("05717c-9c98b7-99a276-21878b/ab427fb-989680", True),
        ("05717c-9c98b7-99a276-21878b", False),
        ("$(reboot)/1-2", False),
        ("", False),
    ],
)
def test_a_key_has_its_form(text: str, good: bool) -> None:
    assert is_key(text) is good


# -- the real thing ----------------------------------------------------------------------------

_SETUP = """\
mount -t tmpfs tmpfs /var/log && machine=$(cat /etc/machine-id) && mkdir -p /var/log/journal/$machine &&
journalctl --setup-keys --interval=10s 2>/dev/null > "$1/key" &&
{remote} --seal=yes -o /var/log/journal/$machine/sealed.journal - 2>/dev/null &&
cp /var/log/journal/$machine/sealed.journal "$1/sealed.journal"
"""


@pytest.fixture(scope="module", name="sealed")
def fixture_sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `sealed.journal` and its `key`, made in a mount namespace of its own."""
    folder = tmp_path_factory.mktemp("sealed")
    now = int(time.time() + 60) * 1_000_000  # no seal is older than its key
    entries = "".join(entry(now + n * 10_000, f"line {n}") for n in range(3000))
    argv = ["unshare", "-m", "sh", "-c", _SETUP.format(remote=REMOTE), "sh", str(folder)]
    made = subprocess.run(argv, input=entries.encode(), capture_output=True)
    if made.returncode != 0:
        pytest.skip(f"no sealed journal can be made here: {made.stderr.decode()[-200:]}")
    return folder


def entry(time_us: int, message: str) -> str:
    return (
        f"__REALTIME_TIMESTAMP={time_us}\n__MONOTONIC_TIMESTAMP={time_us}\n_BOOT_ID={BOOT}\n"
        f"MESSAGE={message}\n\n"
    )


async def verdict(file: Path, key: str | None) -> Verified:
    (found,) = [one async for one in verify(Asking(), [JournalFile(str(file), 1)], key)]
    return found


def changed(file: Path, name: str) -> Path:
    """A copy of a journal file in which one letter of one message is another."""
    data = bytearray(file.read_bytes())
    data[data.index(b"MESSAGE=line 777") + 13] ^= 1
    copy = file.with_name(name)
    copy.write_bytes(data)
    return copy


@needs_journal_tools
async def test_a_sealed_journal_passes_with_its_key_only(sealed: Path) -> None:
    key = (sealed / "key").read_text().strip()
    wrong = key.translate(str.maketrans("0123456789abcdef", "123456789abcdef0", "")).split("/")[0]
    right, none, other = await asyncio.gather(
        verdict(sealed / "sealed.journal", key),
        verdict(sealed / "sealed.journal", None),
        verdict(sealed / "sealed.journal", f"{wrong}/{key.partition('/')[2]}"),
    )
    assert right.verdict is Verdict.PASS
    assert right.sealed_until is not None
    assert none.verdict is Verdict.NO_KEY
    assert other.verdict is Verdict.FAIL
    assert "seal is not this key's" in (other.detail or "")


@needs_journal_tools
async def test_one_changed_letter_of_a_sealed_journal_fails_with_its_place(sealed: Path) -> None:
    key = (sealed / "key").read_text().strip()
    file = changed(sealed / "sealed.journal", "tampered.journal")
    found = await verdict(file, key)
    assert found.verdict is Verdict.FAIL
    assert found.offset is not None
    assert abs(found.offset - file.read_bytes().index(b"MESSAGE=line 776")) < 4096


@needs_journal_tools
async def test_a_journal_that_was_never_sealed_is_whole_and_says_so_with_or_without_a_key(
    tmp_path: Path, sealed: Path
) -> None:
    with journal_files(tmp_path) as files:
        files.write("x")
        file = files.close_file()
    for key in (None, (sealed / "key").read_text().strip()):
        assert (await verdict(file, key)).verdict is Verdict.UNSEALED


async def test_the_key_is_on_no_command_line() -> None:
    key = "05717c-9c98b7-99a276-21878b/ab427fb-989680"
    asked: list[tuple[Sequence[str], bytes]] = []

    class Watching(Asking):
        async def run(self, argv: Sequence[str], **more: object) -> Completed:
            asked.append((argv, more["stdin"]))  # type: ignore[arg-type]
            return Completed(tuple(argv), 0, b"", VALIDATED.encode())

    found = [one async for one in verify(Watching(), [FILE], key)]
    assert [one.verdict for one in found] == [Verdict.PASS]
    assert key not in " ".join(asked[0][0])
    assert key.encode() in asked[0][1]

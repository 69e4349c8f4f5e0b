"""What journalctl says of journal files by their headers, and the order of the lines in them. Pure.

`journalctl --header` prints the header of every file that it reads (journal-file.c,
journal_file_print_header): how many entries are in it, and the sequence numbers and times of the first one
and the last.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

_NUMBER = re.compile(
    rb"^(Entry objects|Head sequential number|Tail sequential number): ([0-9]{1,20})\b", re.MULTILINE
)
_TIME = re.compile(
    rb"^(Head realtime timestamp|Tail realtime timestamp): .{0,80}\(([0-9a-f]{1,16})\)$", re.MULTILINE
)
_NUMBERS_ID = re.compile(rb"^Sequential number ID: ([0-9a-f]{32})$", re.MULTILINE)
_BEGIN = re.compile(rb"^File path: ", re.MULTILINE)
#: The end of the year 9999, beyond which there are no times.
_LATEST_US = 253_402_300_799_999_999


@dataclass(frozen=True, slots=True)
class FileHeader:
    """One journal file. Times in microseconds since the epoch, by the host's clock.

    :param entries: how many there are in it, at least one.
    :param numbers_id: what the sequence numbers count; those of two files compare if it is the same.
    """

    entries: int
    first_us: int
    last_us: int
    first_number: int = 0
    last_number: int = 0
    numbers_id: str = ""


def headers(text: bytes) -> list[FileHeader] | None:
    """The files that have entries; None if one of them is not described as it should be."""
    found: list[FileHeader] = []
    for block in _BEGIN.split(text)[1:]:
        numbers = {name: int(value) for name, value in _NUMBER.findall(block)}
        times = {name: int(value, 16) for name, value in _TIME.findall(block)}
        numbers_id = _NUMBERS_ID.search(block)
        if numbers.get(b"Entry objects") == 0:
            continue  # an empty file has no times
        if len(numbers) != 3 or len(times) != 2 or numbers_id is None or max(times.values()) > _LATEST_US:
            return None
        found.append(
            FileHeader(
                numbers[b"Entry objects"],
                times[b"Head realtime timestamp"],
                times[b"Tail realtime timestamp"],
                numbers[b"Head sequential number"],
                numbers[b"Tail sequential number"],
                numbers_id[1].decode(),
            )
        )
    return found


def in_order_of_time(files: Iterable[FileHeader]) -> bool:
    """Whether the order of the entries in these files is that of their times.

    It is, but where the clock was set back: within a file it always is, as journald begins another one
    then (journald-server.c, write_to_journal); so what was numbered before a file began must not be
    younger than what is in it.
    """

    def numbers_id(file: FileHeader) -> str:
        return file.numbers_id

    return all(_in_order(list(same)) for _, same in groupby(sorted(files, key=numbers_id), key=numbers_id))


def _in_order(files: Sequence[FileHeader]) -> bool:
    before = deque(sorted(files, key=lambda file: file.last_number))
    newest_us = 0
    for file in sorted(files, key=lambda file: file.first_number):
        while before and before[0].last_number < file.first_number:
            newest_us = max(newest_us, before.popleft().last_us)
        if file.last_us < file.first_us or file.first_us < newest_us:
            return False
    return True

"""Everything that can go wrong in a way the user should read, in one small tree.

    QuarterdeckError            message, host, cause, what to do
    ├── UsageError              the line cannot be understood                       exit 2
    ├── ConfigError             a file of the user's is wrong: file, line, reason   exit 1
    ├── Refused                 we will not: read-only, locked, nobody to confirm   exit 3
    ├── NothingSelected         the selection is empty                              exit 5
    ├── Incomplete              not every target of a write came out as intended    exit 4
    ├── RemoteExit              what was run on a host ended with a code: ours too  as it is
    ├── HostError               one host, one cause                                 exit 4
    │   ├── Unreachable         no answer from the network, or the connection went
    │   ├── AccessRefused       the host (or our check of its key) says no
    │   ├── Absent              what was asked for is not on this host
    │   └── HostFailure         it is there and broken, or says what we cannot read
    ├── LabError                the lab on this machine cannot do it                exit 1
    └── InternalError           a fault of ours                                     exit 1

Each carries the host it is about, the cause in the words of whoever said no, and
what the reader can do next. `str(error)` is the one line a person is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

_E = TypeVar("_E", bound=BaseException)


class QuarterdeckError(Exception):
    """Base of the tree.

    :param message: what failed, one line, no trailing stop.
    :param host: the host's name in the fleet, where one is concerned.
    :param hint: what to do next, an imperative half-sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, host: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.host}: " if self.host else ""
        todo = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{todo}"


class UsageError(QuarterdeckError):
    """A command line that cannot be understood; the message names the word."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file the user wrote. `line` counts from 1; 0 means the file as a whole."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class ConfigError(QuarterdeckError):
    """A configuration file is wrong; `problems` holds every fault found, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Refused(QuarterdeckError):
    """The core will not do it, and says why."""

    exit_code = 3


class NothingSelected(QuarterdeckError):
    """The selection matched nothing."""

    exit_code = 5


class Incomplete(QuarterdeckError):
    """Not every target came out as intended; each was told of by itself."""

    exit_code = 4


class RemoteExit(QuarterdeckError):
    """What a person ran on a host has spoken for itself and ended; its exit code becomes ours."""

    def __init__(self, code: int, *, host: str) -> None:
        super().__init__(f"exit code {code}", host=host)
        self.code = code


class HostError(QuarterdeckError):
    """Something about one host; the subclasses are conditions a caller acts on."""

    exit_code = 4


class Unreachable(HostError):
    """The network gave no answer, or the connection was lost."""


class AccessRefused(HostError):
    """Authentication, authorisation or the check of the host's key said no."""


class Absent(HostError):
    """What was asked for does not exist on this host."""


class HostFailure(HostError):
    """It exists and is broken, or answers with something that cannot be read."""


class StoreError(QuarterdeckError):
    """etcd, the fleet's memory, cannot do it."""


class StoreUnreachable(StoreError):
    """No member answers, or those that answer have no quorum. Nothing was written."""


class StoreRefused(StoreError):
    """etcd knows who we are, or does not, and says no."""

    exit_code = 3


class FateUnknown(StoreError):
    """A write was on its way when the answer to it was lost: it was done, or not, or may still be.

    Nothing repeats it by itself: whoever wrote reads what is there now (`store/guarded.py`).
    """


class Conflict(StoreError):
    """Somebody else has changed what a write was based on; nothing was written."""


class LabError(QuarterdeckError):
    """The lab on this machine cannot do what was asked."""


class InternalError(QuarterdeckError):
    """A fault of Quarterdeck's own; a report is written, the user gets one line."""


def first_of(errors: BaseExceptionGroup[_E]) -> _E:
    """The one that speaks for all, of several tasks that ended for one cause."""
    first = errors.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first

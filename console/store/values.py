"""What goes to etcd and comes from it, as values: keys, events, comparisons, operations."""

from __future__ import annotations

from dataclasses import dataclass

#: etcd takes no more operations in one transaction (its `--max-txn-ops`).
OPERATIONS = 128


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and what it holds.

    :param created: the revision at which the key came to be, which no other life of it shares.
    :param modified: the revision of its last change.
    :param version: changes since it came to be, from 1.
    :param lease: the lease that it ends with; 0: none.
    """

    key: str
    value: bytes
    created: int
    modified: int
    version: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one key at one revision. `entry` is what it is now, None where it was deleted."""

    key: str
    revision: int
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What stood under some keys at one revision, in the order of the keys."""

    entries: tuple[Entry, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Span:
    """One key (`end` None), or all keys from `key` to before `end`."""

    key: str
    end: str | None = None

    @classmethod
    def under(cls, prefix: str) -> Span:
        """All keys that begin with `prefix`, which is not empty and ends in an ASCII character."""
        return cls(prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))

    def __contains__(self, key: str) -> bool:
        return key == self.key if self.end is None else self.key <= key < self.end


@dataclass(frozen=True, slots=True)
class Put:
    """Have `key` hold `value`; with a lease, until that ends."""

    key: str
    value: bytes
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Have no such key, or none of these keys."""

    span: Span


@dataclass(frozen=True, slots=True)
class Touch:
    """Have `key`, which there has to be, as it is, but changed at this revision."""

    key: str


Operation = Put | Delete | Touch


@dataclass(frozen=True, slots=True)
class Unchanged:
    """`key` was last changed at revision `modified`; 0: there is no such key."""

    key: str
    modified: int


@dataclass(frozen=True, slots=True)
class SameLife:
    """`key` still is the one that came to be at revision `created`: what a fencing token compares."""

    key: str
    created: int


Guard = Unchanged | SameLife


@dataclass(frozen=True, slots=True)
class Written:
    """The answer to a transaction: whether its guards held, so that it was done, and at which revision."""

    done: bool
    revision: int

"""Which object reads which source: one line for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from console.hosts.engine_threads import EngineThreads
from console.hosts.source import FACTS_EVERY_S, SourceRun
from console.model.config import HostConfig
from console.model.log import Bookmark, LogQuery
from console.model.state import Source
from console.model.wants import Wants

if TYPE_CHECKING:
    from console.hosts.journal_follow import JournalSource
    from console.hosts.osfacts import AlsoRead


def make_sources(
    config: HostConfig,
    wants: Wants,
    threads: EngineThreads,
    also: AlsoRead | None = None,
    *,
    facts_every: float = FACTS_EVERY_S,
) -> dict[Source, SourceRun]:
    """The wanted sources of one host. Each is imported when it is first wanted.

    :param also: what the `os` source reads beside its own facts.
    :param facts_every: seconds between two of its readings.
    """
    sources: dict[Source, SourceRun] = {}
    if wants.units:
        from console.hosts.units import UnitsSource

        sources[Source.UNITS] = UnitsSource(config.name, details=wants.details)
    if wants.containers:
        from console.hosts.containers import ContainersSource

        sources[Source.CONTAINERS] = ContainersSource(config.name, threads)
    if wants.journal is not None:
        sources[Source.JOURNAL] = journal_source(config, wants.journal)
    if wants.os:
        from console.hosts.osfacts import OsSource

        sources[Source.OS] = OsSource(config.name, interval=facts_every, also=also)
    return sources


def journal_source(
    config: HostConfig,
    query: LogQuery,
    resume: Bookmark | None = None,
    room: Callable[[], Awaitable[None]] | None = None,
) -> JournalSource:
    """What follows a host's journal.

    :param resume, room: see `JournalSource`.
    :raises UsageError: the query cannot be followed.
    """
    if config.transport == "local":
        from console.hosts.journal_local import LocalJournalSource, local_reader_available

        if local_reader_available():
            return LocalJournalSource(config.name, query, resume=resume, room=room)
    from console.hosts.journal_follow import JournalSource

    return JournalSource(config.name, query, resume=resume, room=room)

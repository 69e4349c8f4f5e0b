"""Reads one docker or podman daemon: what it is, its containers, what it says of each.

The daemon says in `/_ping` what it is and which API it speaks; the newest version both sides know is
used from then on. A batch of questions is pipelined. One container that hangs the daemon's answer
(a lock held by a stuck shim) holds up those behind it on the connection, so after
`ANSWER_TIMEOUT` it counts as silent and the rest is asked again on a new one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path

from console.errors import AccessRefused, HostFailure
from console.hosts.engine_http import Answer, Connection, DaemonGone, NotHttp
from console.model.text import clean

#: The newest Engine API this was tried against (docker 26; podman 5 says 1.41).
NEWEST_API = (1, 45)
OLDEST_API = (1, 24)

LIST_LIMIT = 16 * 1024 * 1024
INSPECT_LIMIT = 4 * 1024 * 1024
_PING_LIMIT = 4096
ANSWER_TIMEOUT = 5.0
LIST_TIMEOUT = 30.0
#: This many silent questions in a batch, and the daemon as a whole counts as hung.
_SILENT_MOST = 3
#: Questions on their way at once.
_WINDOW = 64


@dataclass(frozen=True, slots=True)
class Daemon:
    """What answered. `kind` is docker or podman; `clock` its own time, in Unix seconds."""

    kind: str
    api: str
    clock: int | None


@dataclass(frozen=True, slots=True)
class Inspections:
    """What became of a batch of ids. An id in neither got no readable answer."""

    found: dict[str, object] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()


class EngineReader:
    """Asks one daemon; keeps one connection open between questions, one batch at a time.

    :param path: a unix socket on this machine that stands for the daemon's.
    :param patience: seconds to wait for one answer.
    """

    def __init__(self, host: str, path: Path, patience: float = ANSWER_TIMEOUT) -> None:
        self.host = host
        self.path = path
        self._patience = patience
        self.daemon = Daemon("docker", "1.24", None)
        self._connection: Connection | None = None
        self._asking = asyncio.Lock()

    async def greet(self) -> Daemon:
        """Find out what listens there; first of all calls.

        :raises HostFailure: nothing, or nothing we can talk to.
        """
        answer = await self._ask("/_ping", _PING_LIMIT, self._patience)
        self.daemon = self._known(answer)
        return self.daemon

    async def ping(self) -> None:
        """:raises HostFailure: the daemon does not answer."""
        await self._ask("/_ping", _PING_LIMIT, self._patience)

    async def containers(self) -> Sequence[object]:
        """`GET /containers/json?all=1`, unread.

        :raises HostFailure: the daemon does not answer, or with something else than a list.
        """
        answer = await self._ask(f"/v{self.daemon.api}/containers/json?all=1", LIST_LIMIT, LIST_TIMEOUT)
        found = self._json(answer)
        if not isinstance(found, list):
            raise self._fault("answers with something else than a list of containers")
        return found

    async def inspect(self, ids: Iterable[str]) -> Inspections:
        """`GET /containers/{id}/json` for each."""
        return await self._each(f"/v{self.daemon.api}/containers/{{}}/json", ids)

    async def images(self, ids: Iterable[str]) -> Inspections:
        """`GET /images/{id}/json` for each."""
        return await self._each(f"/v{self.daemon.api}/images/{{}}/json", ids)

    def close(self) -> None:
        """Drop the connection, and with it what is being asked."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- questions ----------------------------------------------------------------------------

    async def _each(self, target: str, ids: Iterable[str]) -> Inspections:
        ids = tuple(ids)
        answers = await self._ask_all([target.format(each) for each in ids], INSPECT_LIMIT, self._patience)
        found: dict[str, object] = {}
        gone: set[str] = set()
        for each, answer in zip(ids, answers, strict=True):
            if answer is None:
                continue
            if answer.head.status == 200:
                found[each] = self._json(answer)
            elif answer.head.status == 404:
                gone.add(each)
        return Inspections(found, frozenset(gone))

    async def _ask(self, target: str, limit: int, timeout: float) -> Answer:
        [answer] = await self._ask_all([target], limit, timeout)
        if answer is None:
            raise self._fault(f"has not answered for {timeout:.0f} s")
        if answer.head.status == 200:
            return answer
        reason = f"says {answer.head.status} {message_of(answer.body)}".rstrip()
        if answer.head.status in (401, 403):
            raise AccessRefused(f"{self.daemon.kind} {reason}", host=self.host)
        raise self._fault(reason)

    async def _ask_all(self, targets: Sequence[str], limit: int, timeout: float) -> list[Answer | None]:
        """An answer each, in order; None for one that did not come in time."""
        answers: list[Answer | None] = []
        async with self._asking:
            while len(answers) < len(targets):
                before = len(answers)
                batch = targets[before : before + _WINDOW]
                reused = self._connection is not None
                try:
                    await self._ask_batch(batch, answers, limit, timeout)
                    if answers[before:] and answers[-1] is None and len(answers) < len(targets):
                        await self._see_that_it_answers(timeout)
                except DaemonGone as error:
                    self.close()
                    # A connection that lay idle may have been closed by the other side meanwhile.
                    if len(answers) == before and not reused:
                        raise self._fault(f"gives no answer: {clean(str(error), 200)}") from error
                except NotHttp as error:
                    self.close()
                    raise self._fault(f"sends {clean(str(error), 200)}") from error
                except BaseException:
                    self.close()  # answers on their way would be taken for those of the next question
                    raise
                if len(targets) > 1 and answers.count(None) >= _SILENT_MOST:
                    raise self._fault(f"has not answered {_SILENT_MOST} times for {timeout:.0f} s")
        return answers

    async def _see_that_it_answers(self, timeout: float) -> None:
        """A thing that is asked about may hang, or the daemon: then nothing more need be waited for.

        :raises HostFailure: it does not answer.
        """
        answers: list[Answer | None] = []
        await self._ask_batch(["/_ping"], answers, _PING_LIMIT, timeout)
        if answers == [None]:
            raise self._fault(f"has not answered for {timeout:.0f} s")

    async def _ask_batch(
        self, batch: Sequence[str], answers: list[Answer | None], limit: int, timeout: float
    ) -> None:
        """Add answers for the batch's first targets: all, or up to where the connection ended."""
        if self._connection is None:
            self._connection = await Connection.open(self.path)
        connection = self._connection
        connection.ask(batch)
        for _ in batch:
            try:
                async with asyncio.timeout(timeout):
                    answer = await connection.answer(limit)
            except TimeoutError:
                answers.append(None)
                self.close()
                return
            answers.append(answer)
            if answer.head.closes:
                self.close()
                return

    # -- answers ------------------------------------------------------------------------------

    def _known(self, ping: Answer) -> Daemon:
        headers = ping.head.headers
        podman = "libpod-api-version" in headers or headers.get("server", "").startswith("Libpod/")
        spoken = _version(headers.get("api-version", ""))
        if spoken is None:
            raise self._fault("does not say which API it speaks; is it docker or podman?")
        if spoken < OLDEST_API:
            raise self._fault(f"speaks API {_dotted(spoken)}; the oldest known here is {_dotted(OLDEST_API)}")
        clock = None
        with suppress(ValueError, OverflowError):
            clock = int(parsedate_to_datetime(headers.get("date", "")).timestamp())
        return Daemon("podman" if podman else "docker", _dotted(min(spoken, NEWEST_API)), clock)

    def _json(self, answer: Answer) -> object:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._fault("answers with something that is not JSON") from error

    def _fault(self, what: str) -> HostFailure:
        return HostFailure(f"{self.daemon.kind} {what}", host=self.host)


def _version(text: str) -> tuple[int, int] | None:
    major, _, minor = text.partition(".")
    if major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit() and len(text) < 8:
        return int(major), int(minor)
    return None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def message_of(body: bytes) -> str:
    """The reason in a refusal's body, `{"message": "…"}`, safe to show."""
    with suppress(ValueError, RecursionError):
        found = json.loads(body[:8192])
        if isinstance(found, dict) and isinstance(found.get("message"), str):
            return clean(found["message"], 300)
    return clean(body[:300].decode("utf-8", "replace"), 300)

"""Secrets that must be typed: asked once, kept in memory only, never shown."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Secret:
    """A typed secret that neither `str`, `repr` nor a traceback gives away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(****)"


class Ask(Protocol):
    """How a face asks its user; None means there is nobody to ask, or they declined."""

    async def __call__(self, question: str) -> Secret | None: ...


class Keyring:
    """Asks each question at most once in this process, one question at a time.

    :param ask: None for `--batch` and for anything without a terminal: nothing is ever asked.
    """

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._answers: dict[str, Secret | None] = {}
        self._one = asyncio.Lock()

    @property
    def interactive(self) -> bool:
        return self._ask is not None

    async def secret(self, question: str, *, fresh: bool = False) -> Secret | None:
        """The answer to `question`.

        :param fresh: for one-time codes: ask anew and remember nothing.
        """
        if self._ask is None:
            return None
        async with self._one:
            if fresh:
                return await self._ask(question)
            if question not in self._answers:
                self._answers[question] = await self._ask(question)
            return self._answers[question]

    def forget(self, question: str) -> None:
        """The answer was wrong; the next one who needs it asks again."""
        self._answers.pop(question, None)

"""Who is asked what, and until when."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from console.fleet.fleet import Fleet
from console.hosts.secrets import Secret
from console.tui.questions import Questions


class Hosts:
    """A fleet whose hosts have all said what they have to say."""

    async def settled(self, timeout: float) -> list[Any]:
        return []


async def test_the_screen_waits_for_the_answer_to_an_open_question_and_then_nobody_is_asked() -> None:
    asked: list[str] = []
    typed = asyncio.Event()

    async def ask(question: str) -> Secret:
        asked.append(question)
        await typed.wait()
        return Secret("open sesame")

    questions = Questions(ask)
    first = asyncio.create_task(questions("passphrase"))
    await asyncio.sleep(0)
    settling = asyncio.create_task(questions.settle(cast("Fleet", Hosts()), 0))
    done, _ = await asyncio.wait([settling], timeout=0.05)
    assert not done
    typed.set()
    await settling
    answer = await first
    assert answer is not None
    assert await questions("a second factor") is None
    assert asked == ["passphrase"]

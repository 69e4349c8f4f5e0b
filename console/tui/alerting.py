"""Tells a person who does not look at the screen that something has failed: bell, OSC 9, or a program."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from console.commands.alerts import Alerts, in_words
from console.commands.picture import Trouble
from console.commands.troubles import TroubleBoard
from console.model.text import clean

if TYPE_CHECKING:
    from console.model.config import WatchConfig

#: Seconds between two looks, and those for which a program may run.
_EVERY_S, _WITHIN_S = 1.0, 10.0
_SHOWN = 200


class Alerting:
    """Looks at a board of its own, so that it knows of troubles whatever view is shown.

    :param write: takes what goes to the terminal as it is.
    :param told: takes why the program could not be run.
    """

    def __init__(
        self,
        config: WatchConfig,
        board: TroubleBoard,
        write: Callable[[str], None],
        told: Callable[[str], None],
    ) -> None:
        self._config = config
        self._board = board
        self._write = write
        self._told = told
        self._alerts = Alerts(time.monotonic())
        self._hosts: set[str] = set()
        board.renew()

    def changed(self, hosts: Collection[str]) -> None:
        """Something on these hosts is another."""
        self._hosts.update(hosts)

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            hosts, self._hosts = self._hosts, set()
            self._board.update(hosts)
            news = self._alerts.look(self._board.troubles(), time.monotonic())
            if news:
                self._ring(news)
                if self._config.alert_command:
                    await self._call(news)

    def _ring(self, news: list[Trouble]) -> None:
        if "osc9" in self._config.alert:
            self._write(f"\x1b]9;{clean(in_words(news), _SHOWN)}\x07")
        if "bell" in self._config.alert:
            self._write("\a")

    async def _call(self, news: Iterable[Trouble]) -> None:
        """Run the program once for each, one after the other; what it is about is in its environment."""
        for one in news:
            about = {"QD_HOST": one.host, "QD_WHAT": one.what, "QD_HOW": one.how.text, "QD_WHY": one.why}
            environ = os.environ | {name: clean(value, 1000) for name, value in about.items()}
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._config.alert_command,
                    env=environ,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                )
            except OSError as error:
                self._told(f"alert_command: {self._config.alert_command[0]}: {error.strerror}")
                return
            try:
                async with asyncio.timeout(_WITHIN_S):
                    code = await process.wait()
            except TimeoutError:
                self._told(f"alert_command: not ended within {_WITHIN_S:g} s, and ended")
                code = 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if code:
                self._told(f"alert_command: {self._config.alert_command[0]} ended with {code}")

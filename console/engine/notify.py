"""What systemd is told of an engine that it started: sd_notify(3), through systemd-python where that is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping


class Notifier:
    """Tells systemd; nobody else hears it.

    :param environ: says whether somebody listens (`NOTIFY_SOCKET`), and how often (`WATCHDOG_USEC`).
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._listens = "NOTIFY_SOCKET" in environ
        every = environ.get("WATCHDOG_USEC", "")
        #: Seconds within which a sign of life is expected; None: none is.
        self.watchdog = int(every) / 1e6 if every.isascii() and every.isdigit() and int(every) else None

    def __call__(self, state: str) -> None:
        if not self._listens:
            return
        try:
            from systemd import daemon
        except ImportError:
            return  # an extra; then the unit has to be Type=exec
        daemon.notify(state)

    def status(self, text: str) -> None:
        """What it is doing; and that it does."""
        self(f"READY=1\nSTATUS={text}")

    async def live(self) -> None:
        """Give signs of life for as long as the event loop goes round, until cancelled."""
        while self.watchdog is not None:
            self("WATCHDOG=1")
            await asyncio.sleep(self.watchdog / 2)

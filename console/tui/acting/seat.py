"""The terminal, lent to a shell on a host for as long as that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App, SuspendNotSupported

from console.errors import UsageError

if TYPE_CHECKING:
    from console.commands.interactive import Seat
    from console.hosts.terminal import RemoteTerminal, Size


class LentSeat:
    """`Seat` of the terminal that the app is drawn on. The fleet is watched on meanwhile, and not drawn.

    :param seat: the terminal as it is without the app.
    """

    def __init__(self, app: App[int], seat: Seat) -> None:
        self._app = app
        self._seat = seat

    @property
    def term(self) -> str:
        return self._seat.term

    def size(self) -> Size:
        return self._seat.size()

    async def join(self, remote: RemoteTerminal) -> int:
        """See `Seat`. :raises UsageError: this terminal cannot be lent."""
        code, fault = 0, None
        try:
            # What is painted meanwhile would be painted over the shell.
            with self._app.batch_update(), self._app.suspend():
                try:
                    code = await self._seat.join(remote)
                except BaseException as error:
                    fault = error
        except SuspendNotSupported:
            raise UsageError("this terminal cannot be lent to a shell") from None
        if fault is not None:
            raise fault
        return code

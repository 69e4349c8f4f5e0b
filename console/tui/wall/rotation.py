"""Which page is on the wall: they take turns, and what has turned red takes the turn of all others. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from console.commands.wall import Page


class Rotation:
    """Holds whose turn it is.

    A page that does not fit is shown part by part, each for a turn of its own. While any page is red, only
    those that are have turns; one that turns red has it at once.

    :param pages: in the order of their turns; at least one.
    :param stay: seconds a turn.
    """

    def __init__(self, pages: Sequence[Page], stay: float, now: float) -> None:
        self._pages = tuple(pages)
        self._stay = stay
        self._since = now
        self._red: frozenset[Page] = frozenset()
        self.page, self.part = self._pages[0], 0

    def look(self, now: float, parts: Mapping[Page, int], red: Collection[Page]) -> None:
        """Settle whose turn it is.

        :param now: of a clock that never goes back, in seconds.
        :param parts: how many parts each page has; one of none is left out, as long as another has some.
        :param red: pages on which something is wrong.
        """
        there = [page for page in self._pages if parts.get(page, 0)] or list(self._pages[:1])
        turns = [page for page in there if page in red] or there
        new = next((page for page in turns if page in red and page not in self._red), None)
        self._red = frozenset(red).intersection(there)
        if new is not None and new is not self.page:
            self._turn(new, 0, now)
        elif self.page not in turns:
            self._turn(turns[0], 0, now)
        elif self.part >= max(1, parts.get(self.page, 0)):
            self._turn(self.page, 0, now)
        elif now - self._since >= self._stay:
            if self.part + 1 < parts.get(self.page, 0):
                self._turn(self.page, self.part + 1, now)
            else:
                self._turn(turns[(turns.index(self.page) + 1) % len(turns)], 0, now)

    @property
    def held(self) -> bool:
        """Whether the turns are those of red pages alone."""
        return bool(self._red)

    def left(self, now: float) -> float:
        """Seconds until the turn is over."""
        return max(0.0, self._stay - (now - self._since))

    def _turn(self, page: Page, part: int, now: float) -> None:
        self.page, self.part, self._since = page, part, now

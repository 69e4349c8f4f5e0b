"""How a host is asked for signs of life, and how soon it is noticed that there are none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Asked of a connection that has said nothing for a while.

    :param every: seconds between two questions.
    :param unanswered: so many may stay without an answer; at the next the connection is given up.
    """

    every: float
    unanswered: int

    @property
    def noticed_s(self) -> float:
        """Seconds of silence after which a connection is given up."""
        return self.every * (self.unanswered + 1)


#: One question in twelve seconds is enough, as TCP repeats it; of five hundred hosts at rest they are a
#: tenth of all work.
USUAL = Keepalive(6.0, 1)

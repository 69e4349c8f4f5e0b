"""A host's clock against ours. Pure."""

from __future__ import annotations

import re

#: An offset less certain than this, in seconds, is no offset.
_CERTAIN_S = 5.0
_CLOCK = re.compile(r"([0-9]{1,12})(?:\.([0-9]{9}))?")


def clock_offset(clocks: str, sent_at: float, received_at: float) -> float | None:
    """The host's clock minus ours in seconds, from what `date +%s.%N` said at a script's start and end.

    A clock that counts seconds only (busybox) is half a second on at the mean.

    :param clocks: the two readings, with whatever between them.
    :param sent_at, received_at: our time before and after, seconds since the epoch.
    :return: None if it cannot be told to within some seconds.
    """
    times = [
        int(seconds) + (int(nanoseconds) / 1e9 if nanoseconds else 0.5)
        for seconds, nanoseconds in _CLOCK.findall(clocks)
    ]
    if len(times) != 2 or times[1] < times[0]:
        return None
    on_the_way = (received_at - sent_at) - (times[1] - times[0])
    if on_the_way / 2 > _CERTAIN_S:
        return None
    return ((times[0] - sent_at) + (times[1] - received_at)) / 2

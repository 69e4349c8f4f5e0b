"""Python's cyclic garbage collector, kept from stopping the screen.

A full collection looks at every object there is: a hundred thousand log records and rows take it
longer than a key may wait. What lives long here (rows, records, widgets, styles) is freed by its
reference count, so the full collection finds next to nothing.
"""

from __future__ import annotations

import gc

#: New objects until the young are looked at, young collections until the middle-aged are, and of those
#: until all are. A collection takes about a millisecond a thousand objects where they live on, as a log's
#: records do: so few at a time, and all of them as good as never, for `calm` does it.
_THRESHOLDS = (1_500, 5, 1_000_000)


def calm() -> None:
    """Collect now, and leave what is alive out of later collections.

    To be called when the terminal has started, and again now and then while nobody waits: it takes
    as long as there are objects made since the last time.
    """
    gc.set_threshold(*_THRESHOLDS)
    gc.collect()
    gc.freeze()

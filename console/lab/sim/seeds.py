"""Everything random comes from the seed and a name: the same ones give the same numbers, in any order."""

from __future__ import annotations

import hashlib
import random


def number(*names: object) -> int:
    """64 bits that these names always have."""
    return int(digest(*names)[:16], 16)


def digest(*names: object) -> str:
    """64 hex digits that these names always have: ids of containers, images, boots and commits."""
    return hashlib.sha256("\x1f".join(map(str, names)).encode()).hexdigest()


def dice(*names: object) -> random.Random:
    """A source of random numbers that begins the same for the same names."""
    return random.Random(number(*names))

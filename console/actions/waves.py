"""How far each wave of a change goes. Pure."""

from __future__ import annotations


def wave_ends(words: tuple[str, ...], count: int) -> tuple[int, ...]:
    """How many of `count` targets are done by the end of each wave: shares rounded up, rising, all last.

    :param words: numbers of targets, or shares of them: `1`, `25%`, `100%`.
    """
    ends: list[int] = []
    for word in words:
        end = -(-int(word[:-1]) * count // 100) if word.endswith("%") else int(word)
        end = min(end, count)
        if end > (ends[-1] if ends else 0):
            ends.append(end)
    if count and (not ends or ends[-1] < count):
        ends.append(count)
    return tuple(ends)

"""Keys to actions: the table with what `[keys]` says, for Textual, for the line of hints and for help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rich.cells import cell_len
from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode

from console.errors import ConfigError, Problem
from console.fleet.config_values import shown
from console.model.config import KeySetting
from console.tui.actions import ACTIONS, BY_ID, Action, Place, at
from console.tui.keynames import OddKey, is_typed, key_name, textual_key


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys of every action, as `keynames` calls them."""

    keys: Mapping[str, tuple[str, ...]]

    def of(self, action: Action) -> tuple[str, ...]:
        return self.keys[action.id]


class Hint(NamedTuple):
    """One entry of the line of hints."""

    key: str
    label: str


def resolve(settings: Mapping[str, KeySetting], path: Path) -> Keymap:
    """The table with what `[keys]` says.

    :param path: the file that the settings stand in.
    :raises ConfigError: actions that do not exist, keys that are none, and keys that would mean two
        things at once, each with its line.
    """
    problems: list[Problem] = []
    keys = {action.id: action.keys for action in ACTIONS}
    for name, setting in settings.items():
        action = BY_ID.get(name)
        if action is None:
            problems.append(Problem(path, setting.line, _unknown(name)))
            continue
        try:
            keys[name] = _named(action, setting.keys)
        except OddKey as error:
            problems.append(Problem(path, setting.line, f"[keys] {name}: {error}"))
    problems.extend(_clashes(keys, settings, path))
    if problems:
        raise ConfigError(tuple(sorted(problems, key=lambda problem: problem.line)))
    return Keymap(keys)


def bindings(place: Place, keymap: Keymap) -> list[Binding]:
    """What Textual is to bind in `place`, each under its action's id."""
    return [
        Binding(
            textual_key(key),
            action.action,
            action.help,
            show=False,
            key_display=key,
            id=action.id,
            priority=action.everywhere,
        )
        for action in at(place)
        for key in keymap.of(action)
    ]


def bind(node: DOMNode, place: Place, keymap: Keymap, *, keep: bool = False) -> None:
    """Give `node` the keys of `place`, instead of those it was made with.

    :param keep: its other keys stay, as an input line's that move and delete.
    """
    # Textual has no other way to bind for one node what is known when it is made and not before; its
    # own keymaps can neither unbind a key nor be told of a clash before it is pressed.
    ours = BindingsMap(bindings(place, keymap))
    if keep:
        ours = BindingsMap.from_keys(node._bindings.key_to_bindings | ours.key_to_bindings)
    node._bindings = ours


def hints(place: Place, width: int, keymap: Keymap) -> list[Hint]:
    """The hints that fit `width` columns as `key label`, two blanks between them; the most useful first."""
    found = list(at(place))
    if place not in (Place.APP, Place.FILTER):
        found.extend(at(Place.APP))
    ranked = sorted((action for action in found if action.hint is not None), key=lambda a: a.hint or 0)
    chosen: list[Hint] = []
    left = width
    for label, group in groupby(ranked, key=lambda action: action.label):
        keys = [keymap.of(action)[0] for action in group if keymap.of(action)]
        if not keys:
            continue
        hint = Hint(_together(keys), label)
        left -= cell_len(hint.key) + 1 + cell_len(hint.label) + (2 if chosen else 0)
        if left < 0:
            break
        chosen.append(hint)
    return chosen


def help_for(place: Place, keymap: Keymap) -> list[tuple[str, list[tuple[str, str]]]]:
    """What `?` shows: for `place` first and then for everywhere, a heading, and keys with what they do."""
    places = [place] if place in (Place.APP, Place.FILTER) else [place, Place.APP]
    return [
        (
            str(where),
            [(" ".join(keymap.of(action)), action.help) for action in at(where) if keymap.of(action)],
        )
        for where in places
    ]


def _together(keys: Sequence[str]) -> str:
    """Keys of one hint: `0-6` where they count up, else each."""
    if len(keys) > 2 and all(key.isdigit() for key in keys):
        numbers = [int(key) for key in keys]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{keys[0]}-{keys[-1]}"
    if all(len(key) == 1 for key in keys):
        return "".join(keys)
    return "/".join(keys)


def _named(action: Action, keys: Sequence[str]) -> tuple[str, ...]:
    """The keys of a setting, each once. :raises OddKey: one is none, or would be typed instead."""
    names = tuple(dict.fromkeys(key_name(key) for key in keys))
    if Place.FILTER in action.places and (typed := [name for name in names if is_typed(name)]):
        raise OddKey(f'"{typed[0]}" is typed into the filter')
    return names


def _unknown(name: str) -> str:
    near = get_close_matches(name, BY_ID, 1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    areas = ", ".join(dict.fromkeys(f"{action.id.partition('.')[0]}.…" for action in ACTIONS))
    return f"[keys]: there is no action {shown(name)}{guess}; accepted: those in docs/keys.md, {areas}"


def _meet(one: Action, other: Action) -> bool:
    """Whether a key could mean either."""
    if not set(one.places).isdisjoint(other.places):
        return True
    # What is typed goes to the filter before anything else sees it.
    both = {*one.places, *other.places}
    return Place.APP in both and Place.FILTER not in both


def _clashes(
    keys: Mapping[str, tuple[str, ...]], settings: Mapping[str, KeySetting], path: Path
) -> Iterator[Problem]:
    by_key: dict[str, list[Action]] = {}
    for action in ACTIONS:
        for key in keys[action.id]:
            for other in by_key.setdefault(key, []):
                if _meet(action, other):
                    yield _clash(key, action, other, settings, path)
            by_key[key].append(action)


def _clash(key: str, one: Action, other: Action, settings: Mapping[str, KeySetting], path: Path) -> Problem:
    """The problem of two actions with one key, at the later of their lines."""
    lines = {action.id: settings[action.id].line for action in (one, other) if action.id in settings}
    first, second = sorted((one, other), key=lambda action: lines.get(action.id, 0))
    has = f"{path}:{lines[first.id]} gives it to {first.id}" if first.id in lines else f"{first.id} has it"
    where = "everywhere" if Place.APP in (*one.places, *other.places) else "in the same place"
    return Problem(
        path,
        lines.get(second.id, 0),
        f'[keys] {second.id}: "{key}" is taken, {has}, {where}; '
        f'accepted: another key, or another (or "") for {first.id}',
    )

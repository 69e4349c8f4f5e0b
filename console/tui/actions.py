"""The one table of what a key can do in the terminal, and the keys that do it.

Every named action is a line of `ACTIONS`: the bindings of the app and of its widgets, the line of
hints, the help on `?`, `[keys]` in the fleet file and `docs/keys.md` are all made from it
(`console/tui/keys.py`). None of them changes anything on a host: what does is a command, and is planned
and confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import NamedTuple


class Place(StrEnum):
    """Where the keyboard is. The keys of APP hold in all other places as well, but for FILTER."""

    APP = "Everywhere"
    LIST = "In a list"
    MAP = "On the map"
    FIELD = "In a rollout"
    DETAIL = "In a page, or the detail beside a list"
    LOG = "In a log"
    FILTER = "While a filter is typed"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that keys can do.

    :param id: `area.verb`: how `[keys]` names it; it is the id of its Textual binding.
    :param keys: its keys unless `[keys]` says others, as `keynames` calls them.
    :param action: Textual's action, with where it is looked for: `app.`, `screen.` or `focused.`.
    :param label: for the line of hints. Neighbours with the same label are one hint.
    :param help: one sentence.
    :param places: where it holds.
    :param hint: how early in the line of hints; None: not in it.
    :param everywhere: also above a dialog that takes all other keys.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    places: tuple[Place, ...]
    hint: int | None = None
    everywhere: bool = False


class Since(NamedTuple):
    """How far back a log reaches; `span` None: as far as there is any."""

    label: str
    span: timedelta | None


#: What `screen.since(n)` means, by n.
SINCE = (
    Since("all", None),
    Since("1m", timedelta(minutes=1)),
    Since("5m", timedelta(minutes=5)),
    Since("15m", timedelta(minutes=15)),
    Since("1h", timedelta(hours=1)),
    Since("6h", timedelta(hours=6)),
    Since("24h", timedelta(hours=24)),
)


def _action(
    places: tuple[Place, ...],
    id: str,  # noqa: A002
    keys: str,
    action: str,
    hint: int | None,
    label: str,
    text: str,
    *,
    everywhere: bool = False,
) -> Action:
    return Action(id, tuple(keys.split()), action, label, text, places, hint, everywhere)


_app = partial(_action, (Place.APP,))
_row = partial(_action, (Place.LIST, Place.MAP, Place.FIELD, Place.DETAIL))
_list = partial(_action, (Place.LIST,))
_map = partial(_action, (Place.MAP,))
_field = partial(_action, (Place.FIELD,))
_detail = partial(_action, (Place.DETAIL,))
_log = partial(_action, (Place.LOG,))
_filter = partial(_action, (Place.FILTER,))

_MOVES = {
    "down": ("j down", "One {} down."),
    "up": ("k up", "One {} up."),
    "page_down": ("pgdn ctrl+f", "One page down."),
    "page_up": ("pgup ctrl+b", "One page up."),
    "half_down": ("ctrl+d", "Half a page down."),
    "half_up": ("ctrl+u", "Half a page up."),
    "top": ("g home", "To the first {}."),
    "bottom": ("G end", "To the last {}."),
    "left": ("left", "To the left."),
    "right": ("right", "To the right."),
}


def _moves(place: Place, area: str, what: str, *others: str, **called: str) -> Iterator[Action]:
    """What scrolls: the same keys in every place.

    :param others: verbs that the place's widget calls by the same name.
    :param called: what it calls those that it has by another.
    """
    verbs = {verb: verb for verb in others} | called
    for verb, (keys, text) in _MOVES.items():
        if verb in verbs:
            label = verb.replace("_", " ")
            yield _action(
                (place,), f"{area}.{verb}", keys, f"focused.{verbs[verb]}", None, label, text.format(what)
            )


def _since() -> Iterable[Action]:
    for n, (label, span) in enumerate(SINCE):
        text = "All that the hosts have kept." if span is None else f"The last {label}."
        yield _log(f"log.since_{n}", str(n), f"screen.since({n})", 8, "since", text)


ACTIONS: tuple[Action, ...] = (
    _app("app.help", "? f1", "screen.help", 5, "keys", "Show the keys that work where you are."),
    _app("app.filter", "/", "screen.filter", 3, "filter", "Show only what holds a text."),
    _app(
        "app.palette",
        "ctrl+p",
        "app.command_palette",
        20,
        "find",
        "Find a screen, a host, a unit, a container or a service.",
    ),
    _app(
        "app.command", ":", "screen.command", 22, "command", "Type a command: any line that scripts can say."
    ),
    _app(
        "app.act",
        "a",
        "screen.act",
        3,
        "actions",
        "What can be done to what is marked, or to what the cursor is on; each has a plan first.",
    ),
    _app(
        "app.escape",
        "esc",
        "screen.escape",
        4,
        "back",
        "Take back one thing: what is marked, then the filter, then the way here.",
    ),
    _app("app.leave", "q", "screen.leave", 28, "leave", "Leave this view; from the first one, quit."),
    _app("app.quit", "ctrl+q ctrl+c", "app.quit", None, "quit", "Quit, from anywhere.", everywhere=True),
    _app("app.back", "[", "screen.back", 40, "history", "To the view before this one."),
    _app("app.forward", "]", "screen.forward", 40, "history", "To the view that was left with `[`."),
    _app("app.next_pane", "tab", "screen.next_pane", 36, "pane", "To the next pane."),
    _app(
        "app.previous_pane", "shift+tab", "app.focus_previous", None, "previous pane", "To the pane before."
    ),
    _app("app.detail", "d", "screen.toggle_detail", 34, "detail", "Show or hide the detail."),
    _app(
        "app.log_beside",
        "B",
        "screen.toggle_log",
        35,
        "log beside",
        "The log of what the cursor is on beside the list, as it comes, or its detail again.",
    ),
    _app(
        "app.refresh", "ctrl+r", "screen.refresh", 44, "connect", "Connect again, now, to what is not live."
    ),
    _app(
        "app.copy",
        "y",
        "screen.copy",
        42,
        "copy",
        "Copy what is selected with the mouse, or what is marked, or what the cursor is on.",
    ),
    _app("go.watch", "W f2", "screen.go('watch')", 30, "views", "What is wrong now."),
    _app("go.hosts", "H f3", "screen.go('hosts')", 30, "views", "The hosts."),
    _app("go.units", "U f4", "screen.go('units')", 30, "views", "The units of all hosts."),
    _app("go.containers", "C f5", "screen.go('containers')", 30, "views", "The containers of all hosts."),
    _app(
        "go.images", "I", "screen.go('images')", 30, "views", "What runs where, by image; and what is behind."
    ),
    _app("go.logs", "L f6", "screen.go('logs')", 30, "views", "The journals of all hosts, merged."),
    _app("go.services", "P f10", "screen.go('services')", 30, "views", "The services: placed, and why not."),
    _app("go.updates", "O f11", "screen.go('updates')", 30, "views", "The hosts by the systems they boot."),
    _app("go.rollouts", "R f12", "screen.go('rollouts')", 30, "views", "What is carried out in waves."),
    _app("go.audit", "A f7", "screen.go('audit')", 30, "views", "What was done, by all consoles."),
    _app("go.map", "M f8", "screen.go('map')", 30, "views", "Every host as one sign, by how it is."),
    _app("go.etcd", "E f9", "screen.go('etcd')", 30, "views", "etcd: its members, and the fleet's keys."),
    _list("row.open", "enter", "screen.open", 1, "open", "Go into what the cursor is on."),
    _row("row.logs", "l", "screen.logs", 2, "log", "Its log."),
    _row(
        "row.properties",
        "i",
        "screen.ask('properties')",
        6,
        "inspect",
        "All that is known of it: a unit's properties, a container as docker or podman tells it.",
    ),
    _row(
        "row.file",
        "v",
        "screen.ask('file')",
        7,
        "file",
        "A unit's file, with its drop-ins; a service's unit file.",
    ),
    _row("row.units", "u", "screen.host('units')", 8, "units", "The units of its host."),
    _row("row.containers", "o", "screen.host('containers')", 9, "containers", "The containers of its host."),
    _row(
        "row.dependencies",
        "D",
        "screen.ask('dependencies')",
        10,
        "dependencies",
        "What a unit needs, and what needs it.",
    ),
    _row(
        "row.before",
        "b",
        "screen.ask('before')",
        10,
        "before",
        "What happened before on its host: units, containers, boots, and what was done from consoles.",
    ),
    _row(
        "row.stats",
        "t",
        "screen.ask('stats')",
        11,
        "use",
        "The processor time and memory that a container uses.",
    ),
    _row(
        "row.revisions",
        "r",
        "screen.ask('revisions')",
        14,
        "revisions",
        "The revisions of a service, each with what it changed.",
    ),
    *_moves(
        Place.LIST,
        "list",
        "row",
        "page_down",
        "page_up",
        "half_down",
        "half_up",
        "top",
        "bottom",
        down="cursor_down",
        up="cursor_up",
    ),
    *_moves(Place.MAP, "map", "row", "down", "up", "top", "bottom", "left", "right"),
    _map("map.open", "enter", "screen.open", 1, "open", "The units of the host."),
    _map(
        "map.next_bad",
        "n",
        "focused.next_bad",
        12,
        "ailing",
        "To the next host that ails.",
    ),
    _field("field.open", "enter", "screen.open", 1, "open", "The page of the host."),
    _field(
        "field.brake", "p", "screen.brake", 2, "pause", "Pause the rollout, or resume it: has a plan first."
    ),
    *_moves(
        Place.FIELD,
        "field",
        "row",
        "page_down",
        "page_up",
        "top",
        "bottom",
        "left",
        "right",
        "down",
        "up",
    ),
    _field("field.next_bad", "n", "focused.next_busy", 12, "next", "To the next host under way, or failed."),
    _list("list.mark", "space", "focused.mark", 16, "mark", "Mark the row, or unmark it."),
    _list(
        "list.mark_range",
        "V",
        "focused.mark_range",
        None,
        "mark",
        "Mark all rows from the last one that was marked to this one.",
    ),
    _list("list.mark_all", "*", "focused.mark_all", None, "mark all", "Mark every row that is shown."),
    _list("list.clear_marks", "\\", "focused.clear_marks", None, "unmark", "Unmark every row."),
    _list("list.sort", "s", "focused.sort_next", 18, "sort", "Sort by the next column."),
    _list("list.reverse", "S", "focused.sort_reverse", 18, "sort", "Sort the other way round."),
    _list("list.columns", "c", "screen.columns", 38, "columns", "Choose the columns."),
    # Of any Textual widget that scrolls.
    *_moves(
        Place.DETAIL,
        "detail",
        "line",
        "page_down",
        "page_up",
        down="scroll_down",
        up="scroll_up",
        top="scroll_home",
        bottom="scroll_end",
        left="scroll_left",
        right="scroll_right",
    ),
    _detail("detail.search", "s", "screen.search", 12, "search", "Search for a text in a page."),
    _detail("detail.next", "n", "focused.search_next", 13, "next", "To the next line found."),
    _detail("detail.previous", "N", "focused.search_previous", 13, "next", "To the line found before."),
    *_moves(Place.LOG, "log", "line", *_MOVES),
    _log(
        "log.follow",
        "f",
        "focused.toggle_follow",
        1,
        "follow",
        "Stay with the newest line, or stand still; nothing is lost meanwhile.",
    ),
    _log(
        "log.search", "s", "screen.search", 2, "search", "Search for a text, with the lines around it kept."
    ),
    _log("log.next", "n", "focused.search_next", 7, "next", "To the next line found."),
    _log("log.previous", "N", "focused.search_previous", 7, "next", "To the line found before."),
    *_since(),
    _log("log.wrap", "w", "focused.toggle_wrap", 9, "wrap", "Break long lines, or cut them."),
    _log(
        "log.time",
        "t",
        "focused.toggle_time",
        10,
        "times",
        "Times in UTC, with their dates, local, since the line before, or none.",
    ),
    _log("log.color", "c", "focused.toggle_color", 11, "colour", "Colour messages by host, or by priority."),
    _log("log.error", "{", "focused.error_previous", 6, "error", "To the error or gap before."),
    _log("log.error_next", "}", "focused.error_next", 6, "error", "To the next error or gap."),
    _log(
        "log.to_time",
        "T",
        "screen.to_time",
        12,
        "to a time",
        "Go to a time: 12:30, a date and time, or 10m ago.",
    ),
    _log("log.open", "enter", "screen.open", 13, "open", "The page of the unit or container of the line."),
    _log(
        "log.save", "X", "screen.save", 17, "save", "Save the chosen lines, or all that are shown, in a file."
    ),
    _log(
        "log.hold",
        "h",
        "screen.hold",
        None,
        "hold",
        "How long lines of many hosts are held back so that they come in order.",
    ),
    _log(
        "log.mark",
        "space m",
        "focused.mark_line",
        16,
        "draw a line",
        "Draw a line below the newest one, with the time: what comes after it is new.",
    ),
    _filter("filter.apply", "enter", "focused.submit", 1, "apply", "Keep the filter, and go to the rows."),
    _filter("filter.cancel", "esc", "screen.escape", 2, "cancel", "Take the filter back."),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def at(place: Place) -> Iterator[Action]:
    """The actions of one place, in the table's order."""
    return (action for action in ACTIONS if place in action.places)

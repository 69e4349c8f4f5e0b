"""All that is known of one container, as a page. Pure; believes nothing that an engine says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.commands.rows.base import Cell, RowKind, Tone, moment, plain
from console.commands.rows.container import CONTAINER, container_state_cell, port_text
from console.commands.rows.container_history import Move
from console.commands.rows.container_images import Behind, behind_cell
from console.model.container import Container
from console.model.masking import masked, masked_pair, masked_words
from console.model.text import clean

Lines = list[tuple[Cell, ...]]

_TITLES = 14
_SHOWN = 500
#: Of a list that a host gives: so many are shown, and the rest counted.
_LISTED = 64
#: Of health checks the newest; engines keep five.
_CHECKS = 5


@dataclass(frozen=True, slots=True)
class ContainerDetail:
    """A container, the engine's own description of it, and what else could be found out.

    :param behind: it against what its tag stands for; None: not asked, or not yet.
    :param owner: whose it is, in words; None: not asked, or not yet.
    :param moves: its updates, and what is kept of them.
    :param unknown: what could not be found out, and why.
    """

    container: Container
    inspected: Mapping[str, Any]
    behind: Behind | None = None
    owner: str | None = None
    moves: Sequence[Move] = ()
    unknown: tuple[str, ...] = ()


def container_lines(detail: ContainerDetail) -> Lines:
    """The page."""
    box, said = detail.container, detail.inspected
    config, host = _object(said.get("Config")), _object(said.get("HostConfig"))
    lines: Lines = [(Cell(box.host, Tone.FAINT), Cell(box.name, Tone.GOOD))]
    lines += [(Cell(f"  ✖ {clean(text, _SHOWN)}", Tone.BAD),) for text in detail.unknown]
    lines += _fields(
        ("state", container_state_cell(box)),
        ("since", moment(box.since)),
        ("exit code", None if box.exit_code is None else str(box.exit_code)),
        ("out of memory", "yes" if box.oom_killed else None),
        ("error", Cell(box.error, Tone.BAD) if box.error else None),
        ("restarts", str(box.restarts) if box.restarts else None),
        ("restart policy", box.restart_policy),
        ("owner", detail.owner or box.unit),
    )
    lines += _section(
        "image",
        ("name", box.image),
        ("digest", box.digest),
        ("id", box.image_id),
        *_tag_fields(detail.behind),
    )
    lines += _health(_object(_object(said.get("State")).get("Health")))
    lines += _section(
        "made as",
        ("command", " ".join(masked_words(_texts(config.get("Cmd"))))),
        ("entrypoint", " ".join(masked_words(_texts(config.get("Entrypoint"))))),
        ("user", _text(config.get("User"))),
        ("directory", _text(config.get("WorkingDir"))),
        ("network", _text(host.get("NetworkMode"))),
        ("log", _text(_object(host.get("LogConfig")).get("Type"))),
        ("engine", box.engine),
        ("id", box.id),
        ("created", moment(box.created)),
    )
    lines += _listed("ports", dict.fromkeys(port_text(port) for port in box.ports))
    lines += _listed("mounts", map(_mount, _objects(said.get("Mounts"))))
    lines += _listed("environment", map(masked_pair, _texts(config.get("Env"))))
    lines += _listed("labels", (f"{name}={masked(name, told)}" for name, told in sorted(box.labels.items())))
    return lines + _history(detail.moves)


CONTAINER_DETAIL: RowKind[ContainerDetail] = RowKind(
    "container",
    lambda detail: CONTAINER.key(detail.container),
    lambda detail: {**CONTAINER.fields(detail.container), "inspect": plain(detail.inspected)},
    (),
    lambda detail: CONTAINER.sort(detail.container),
    container_lines,
)


def _tag_fields(behind: Behind | None) -> Iterator[tuple[str, Cell | str | None]]:
    if behind is None:
        return
    yield "follows", behind.image
    yield "behind", behind_cell(behind)
    if behind.behind:
        yield "newer", behind.now
    if behind.denied:
        yield "denied", Cell(clean(behind.denied, _SHOWN), Tone.BAD)
    yield "why", clean(behind.why, _SHOWN)


def _health(health: Mapping[str, Any]) -> Lines:
    """The newest of a check's results: when, its exit code, and the first line that it said."""
    checks = _objects(health.get("Log"))[-_CHECKS:]
    if not checks:
        return []
    streak = health.get("FailingStreak")
    failing = f"   the last {streak} have failed" if isinstance(streak, int) and streak else ""
    lines: Lines = [(), (Cell("health", Tone.GOOD), Cell(failing, Tone.WARN))]
    for check in checks:
        code = check.get("ExitCode")
        cell = Cell.state(
            "passed" if code == 0 else f"exit code {clean(str(code), 12)}",
            Tone.GOOD if code == 0 else Tone.BAD,
        )
        said = next(iter(_text(check.get("Output")).strip().splitlines()), "")
        at = _text(check.get("Start"))[:19].replace("T", " ")
        lines.append((Cell(f"  {clean(at)}", Tone.FAINT), cell, Cell(clean(said, _SHOWN))))
    return lines


def _history(moves: Sequence[Move]) -> Lines:
    if not moves:
        return []
    lines: Lines = [(), (Cell("updates", Tone.GOOD),)]
    for move in moves:
        way = f"{move.was} → {move.became}" if move.was else move.became or ""
        tone = Tone.PLAIN if move.outcome in (None, "done") or move.record is None else Tone.BAD
        lines.append(
            (
                Cell(f"  {(moment(move.time) or '')[:19].replace('T', ' '):19}", Tone.FAINT),
                Cell(f"{move.what:8}"),
                Cell(clean(way, _SHOWN)),
                Cell(clean(move.outcome or ""), tone),
                Cell(clean(" ".join(filter(None, (move.who, move.detail))), _SHOWN), Tone.FAINT),
            )
        )
    return lines


def _section(title: str, *fields: tuple[str, Cell | str | None]) -> Lines:
    lines = _fields(*fields)
    return [(), (Cell(title, Tone.GOOD),), *lines] if lines else []


def _fields(*fields: tuple[str, Cell | str | None]) -> Lines:
    lines: Lines = []
    for title, value in fields:
        cell = value if isinstance(value, Cell) else Cell(clean(value or "", _SHOWN))
        if cell.text:
            lines.append((Cell(f"  {title:<{_TITLES}}", Tone.FAINT), cell))
    return lines


def _listed(title: str, entries: Iterable[str]) -> Lines:
    told = list(entries)
    if not told:
        return []
    lines: Lines = [(), (Cell(title, Tone.GOOD),)]
    lines += [(Cell(f"  {clean(entry, _SHOWN)}"),) for entry in told[:_LISTED]]
    if len(told) > _LISTED:
        lines.append((Cell(f"  and {len(told) - _LISTED} more", Tone.FAINT),))
    return lines


def _mount(mount: Mapping[str, Any]) -> str:
    where = "" if mount.get("RW", True) else " (read-only)"
    return (
        f"{_text(mount.get('Name')) or _text(mount.get('Source'))} → {_text(mount.get('Destination'))}{where}"
    )


def _object(item: object) -> Mapping[str, Any]:
    return item if isinstance(item, Mapping) else {}


def _objects(item: object) -> list[Mapping[str, Any]]:
    return [each for each in item if isinstance(each, Mapping)] if isinstance(item, list) else []


def _texts(item: object) -> list[str]:
    return [each for each in item if isinstance(each, str)] if isinstance(item, list) else []


def _text(item: object) -> str:
    return item if isinstance(item, str) else ""

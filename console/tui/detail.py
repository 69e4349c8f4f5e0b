"""What stands beside a list: what a person asks first of the row the cursor is on. Pure.

All there is of it is on its page (`i`). Times are given as such and not as ages: the detail is drawn when
the row changes, and not every second.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from console.actions.audit import Record
from console.commands import clock
from console.commands.picture import Trouble
from console.commands.rows import Cell, Tone
from console.commands.rows.change import record_lines
from console.commands.rows.container import container_state_cell
from console.commands.rows.etcd import KeyRow
from console.commands.rows.etcd_keys import key_lines
from console.commands.rows.host import host_page
from console.commands.rows.log import log_line
from console.commands.rows.service import ServiceRow, about_service, instance_lines
from console.commands.rows.unit import unit_health_cell
from console.engine.service_states import Instance
from console.fleet.model import FleetModel
from console.model.container import Container
from console.model.host import Host
from console.model.log import Gap
from console.model.state import Source
from console.model.unit import Unit

if TYPE_CHECKING:
    from console.commands.core import View
    from console.hosts.containers import ContainersSource

Lines = list[tuple[Cell, ...]]

#: Of the journal, the newest lines of the row's own.
_LOG_LINES = 8
#: What stands before a value.
_NAMES = 12


def detail(look: View, row: Any) -> Lines:
    """The lines for one row of any list."""
    model = look.fleet.model
    if isinstance(row, Instance):
        unit = model.unit((row.host or "", row.name))
        return instance_lines(row) + ([] if unit is None else detail(look, unit))
    name = row.name if isinstance(row, Host) else getattr(row, "host", "")
    if name and model.find(name) is None:
        return []  # it has just gone
    match row:
        case Trouble(unit=str(name)) if unit := model.unit((row.host, name)):
            return detail(look, unit)
        case Trouble(container=str(box_id)) if box := model.container((row.host, box_id)):
            return detail(look, box)
        case Trouble(host=""):
            return [(row.how, Cell(row.what)), (Cell(row.why),)]
        case Trouble():
            return [(row.how,), (Cell(row.why),), *detail(look, model.host(row.host))]
        case Host():
            return about_host(look, row) + _log(model, row.name)
        case Unit():
            return _unit(row) + _log(model, row.host, unit=row.name)
        case ServiceRow():
            return about_service(row)
        case Record():
            return about_record(row)
        case KeyRow():
            return key_lines(row)
        case Container():
            return _container(row) + _log(model, row.host, container=row.name)
    return []


def about_record(record: Record) -> Lines:
    """Who did what, what became of each target, and what takes it back."""
    return record_lines(record)


def about_host(look: View, host: Host) -> Lines:
    """All that is known of a host, and which of its container engines do not let us in."""
    source = cast("ContainersSource", look.fleet.source(host.name, Source.CONTAINERS))
    return host_page(host, ["; ".join(filter(None, (why.message, why.hint))) for why in source.refused])


def _unit(unit: Unit) -> Lines:
    return _told(
        unit.host,
        unit.name,
        unit.description,
        (
            ("health", unit_health_cell(unit)),
            ("state", f"{unit.active} ({unit.sub})"),
            ("since", _moment(unit.since)),
            ("result", _unless(unit.result, "success")),
            ("restarts", str(unit.restarts) if unit.restarts else ""),
            ("load", _unless(unit.load, "loaded")),
        ),
    )


def _container(box: Container) -> Lines:
    code = "" if box.exit_code is None else str(box.exit_code)
    return _told(
        box.host,
        box.name,
        box.image,
        (
            ("state", container_state_cell(box)),
            ("since", _moment(box.since)),
            ("exit code", code + (", out of memory" if box.oom_killed else "")),
            ("error", Cell(box.error or "", Tone.BAD)),
            ("restarts", str(box.restarts) if box.restarts else ""),
            ("unit", box.unit),
            ("engine", box.engine),
            ("id", box.id[:12]),
            ("image id", box.image_id.removeprefix("sha256:")[:12]),
            ("created", _moment(box.created)),
        ),
    )


def _told(host: str, name: str, about: str, fields: Iterable[tuple[str, Cell | str | None]]) -> Lines:
    lines: Lines = [(Cell(host, Tone.FAINT), Cell(name, Tone.GOOD))]
    if about:
        lines.append((Cell(f"  {about}"),))
    for title, value in fields:
        cell = value if isinstance(value, Cell) else Cell(value or "")
        if cell.text:
            lines.append((Cell(f"  {title:<{_NAMES}}", Tone.FAINT), cell))
    return lines


def _unless(word: str | None, usual: str) -> str:
    return "" if word is None or word == usual else word


def _moment(at: datetime | None) -> str:
    if at is None:
        return ""
    today = at.date() == clock.now().date()
    return f"{at:%H:%M:%S UTC}" if today else f"{at:%Y-%m-%d %H:%M:%S UTC}"


def _log(model: FleetModel, host: str, *, unit: str | None = None, container: str | None = None) -> Lines:
    found = [
        record
        for record in model.logs(host)
        if not isinstance(record, Gap)
        and (unit is None or record.unit == unit)
        and (container is None or record.container == container)
    ][-_LOG_LINES:]
    if not found:
        return []
    lines = [log_line(record) for record in found]
    return [(), (Cell("last warnings", Tone.GOOD),), *((time, *rest[1:]) for time, *rest in lines)]

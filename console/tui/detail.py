"""What stands beside a list: all that the model knows of the row the cursor is on. Pure."""

from __future__ import annotations

from typing import Any

from console.commands.picture import Trouble
from console.commands.rows import CONTAINER, HOST_DETAIL, UNIT, Cell, Tone
from console.commands.rows.base import block
from console.commands.rows.log import log_line
from console.fleet.model import FleetModel
from console.model.container import Container
from console.model.host import Host
from console.model.log import Gap
from console.model.unit import Unit

Lines = list[tuple[Cell, ...]]

#: Of the journal, the newest lines of the row's own.
_LOG_LINES = 8


def detail(model: FleetModel, row: Any) -> Lines:
    """The lines for one row of any list."""
    match row:
        case Trouble(unit=str(name)) if unit := model.unit((row.host, name)):
            return detail(model, unit)
        case Trouble(container=str(box_id)) if box := model.container((row.host, box_id)):
            return detail(model, box)
        case Trouble():
            return [(row.how,), (Cell(row.why),), *detail(model, model.host(row.host))]
        case Host():
            lines = HOST_DETAIL.text(row) if HOST_DETAIL.text else []
            return lines + _log(model, row.name)
        case Unit():
            return block(f"{row.host}  {row.name}", UNIT.fields(row)) + _log(model, row.host, unit=row.name)
        case Container():
            return block(f"{row.host}  {row.name}", CONTAINER.fields(row)) + _log(
                model, row.host, container=row.name
            )
    return []


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

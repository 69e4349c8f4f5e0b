"""How each kind of thing is written out: its fields for scripts, its columns for people.

The field names are a contract with scripts (README, "Scripts"). Pure functions of model values.
"""

from console.commands.rows.base import TEXT, Cell, Column, RowKind, Tone, moment, plain
from console.commands.rows.container import CONTAINER, STATS
from console.commands.rows.container_page import CONTAINER_DETAIL, ContainerDetail
from console.commands.rows.host import HOST, HOST_DETAIL, state_cell
from console.commands.rows.log import LOG, LOG_IN_COLOR
from console.commands.rows.unit import (
    UNIT,
    UNIT_DEPS,
    UNIT_DETAIL,
    UNIT_FILE,
    UnitDeps,
    UnitDetail,
    UnitFile,
)

__all__ = [
    "CONTAINER",
    "CONTAINER_DETAIL",
    "HOST",
    "HOST_DETAIL",
    "LOG",
    "LOG_IN_COLOR",
    "STATS",
    "TEXT",
    "UNIT",
    "UNIT_DEPS",
    "UNIT_DETAIL",
    "UNIT_FILE",
    "Cell",
    "Column",
    "ContainerDetail",
    "RowKind",
    "Tone",
    "UnitDeps",
    "UnitDetail",
    "UnitFile",
    "moment",
    "plain",
    "state_cell",
]

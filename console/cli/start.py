"""What comes before the rest: getting in (`login`), and getting hosts into the fleet's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from console.commands.command import Command, Kind, argument, option
from console.commands.core import Core
from console.commands.output import Output
from console.commands.rows import Cell, Column, RowKind, Tone
from console.commands.values import PATH
from console.errors import HostError, UsageError

COMMANDS: tuple[type[Command], ...] = ()
_ = (
    dataclass,
    Path,
    Command,
    Kind,
    argument,
    option,
    Core,
    Output,
    Cell,
    Column,
    RowKind,
    Tone,
    PATH,
    HostError,
    UsageError,
)

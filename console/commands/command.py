"""What a command is: a frozen value with a name, typed parameters, a kind and a docstring.

    @dataclass(frozen=True)
    class UnitList(Command):
        \"""List units.\"""
        words = ("unit", "list")
        patterns: tuple[str, ...] = argument("UNIT", "names or globs", many=True)
        state: str | None = option(TEXT, "only units in this state")

The fields declare the grammar; `grammar.py` reads and writes lines from them, `help.py` and the
completion are generated from them, and no front end knows a command that is not in the registry.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from console.commands.values import TEXT, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.commands.core import Core
    from console.commands.output import Output


class Kind(StrEnum):
    """Whether a command can change the world."""

    READ = "read"
    WRITE = "write"


class Recall(StrEnum):
    """What a command needs of the fleet's memory, etcd."""

    NONE = "none"  # it is not about the fleet
    READ = "read"  # what is there, and what was last known where it does not answer
    MAY_WRITE = "may write"  # what it runs may be about what is kept there
    WRITE = "write"  # it is about what is kept there
    TERMINAL = "terminal"  # it follows it


class Shape(StrEnum):
    """Where on the line a parameter stands."""

    ARGUMENT = "argument"  # a word by its place
    OPTION = "option"  # --name VALUE
    SWITCH = "switch"  # --name
    REST = "rest"  # everything after --


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter of a command."""

    name: str
    shape: Shape
    value: Value[Any]
    help: str
    required: bool
    many: bool
    short: str | None
    default: Any

    @property
    def flag(self) -> str:
        return "--" + self.name.rstrip("_").replace("_", "-")


_KEY = "parameter"


def argument(metavar: str, help: str, *, many: bool = False, required: bool = False) -> Any:  # noqa: A002
    """A word by its place; `many` takes all that are left, as a tuple."""
    value = Value(metavar, str)
    made = (Shape.ARGUMENT, value, help, required, many, None)
    return field(default=() if many else None, metadata={_KEY: made})


def option(
    value: Value[Any],
    help: str,  # noqa: A002
    *,
    short: str | None = None,
    default: Any = None,
    many: bool = False,
) -> Any:
    """`--name VALUE`; `many` may be given again and again, as a tuple."""
    made = (Shape.OPTION, value, help, False, many, short)
    return field(default=() if many else default, metadata={_KEY: made})


def switch(help: str, *, short: str | None = None) -> Any:  # noqa: A002
    """`--name`, on or off."""
    return field(default=False, metadata={_KEY: (Shape.SWITCH, TEXT, help, False, False, short)})


def rest(metavar: str, help: str, *, required: bool = True) -> Any:  # noqa: A002
    """The words after `--`, untouched."""
    made = (Shape.REST, Value(metavar, str), help, required, True, None)
    return field(default=(), metadata={_KEY: made})


@dataclass(frozen=True)
class Command:
    """Base of every command. Subclasses are frozen dataclasses of parameters."""

    words: ClassVar[tuple[str, ...]]
    aliases: ClassVar[tuple[tuple[str, ...], ...]] = ()
    kind: ClassVar[Kind] = Kind.READ
    of_fleet: ClassVar[bool] = True  # whether it is about the fleet of the fleet's file
    recall: ClassVar[Recall] = Recall.READ
    endless: ClassVar[bool] = False  # whether it runs until it is interrupted, with nothing to look at
    screen: ClassVar[bool] = False  # whether it takes the whole screen, and nobody but it
    engine_helps: ClassVar[bool] = False  # whether it waits for what an engine does
    #: Other spellings of its options, as fleetctl had them, and what each is here.
    spellings: ClassVar[Mapping[str, str]] = {}
    #: Options of fleetctl's that change nothing: what they ask for is so without.
    taken: ClassVar[Mapping[str, Shape]] = {}

    async def run(self, core: Core, out: Output) -> None:
        """Do it, telling `out` what is found.

        :raises QuarterdeckError: nothing of it could be done. A single target that fails is told
            to `out` instead, and the others go on.
        """
        raise NotImplementedError

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """What the command takes, in the order of declaration."""
        found = []
        for declared in fields(cls):
            shape, value, text, required, many, short = declared.metadata[_KEY]
            found.append(
                Parameter(declared.name, shape, value, text, required, many, short, declared.default)
            )
        return tuple(found)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

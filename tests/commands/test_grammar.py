"""Words to a command and back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.registry import all_commands
from console.commands.command import Command, Parameter, Shape, argument, option, rest, switch
from console.commands.fleetctl_words import INSTEAD
from console.commands.grammar import format_command, parse, parse_line
from console.commands.registry import Registry
from console.commands.unit import UnitList
from console.commands.values import DURATION, INTEGER, SELECTOR, TEXT, Value
from console.errors import UsageError
from console.model.image import Reference
from console.model.selector import Selector

REGISTRY = all_commands()


@dataclass(frozen=True)
class Everything(Command):
    """Takes one of each."""

    words = ("test", "everything")
    name: str = argument("NAME", "a name", required=True)
    others: tuple[str, ...] = argument("OTHER", "more names", many=True)
    on: Selector | None = option(SELECTOR, "hosts")
    wait: float = option(DURATION, "how long", default=5.0)
    count: int | None = option(INTEGER, "how many", short="-n")
    tag: tuple[str, ...] = option(TEXT, "a tag", many=True)
    dry_run: bool = switch("do nothing")


@dataclass(frozen=True)
class Remote(Command):
    """Takes a command line."""

    words = ("test", "remote")
    host: str = argument("HOST", "a host", required=True)
    argv: tuple[str, ...] = rest("CMD", "the command")


OWN = Registry([Everything, Remote])


def test_options_may_stand_anywhere_before_the_double_dash() -> None:
    expected = Everything("a", ("b",), wait=90.0, count=3, dry_run=True)
    for line in (
        "test everything a b --wait 90s --count=3 --dry-run",
        "test everything --dry-run a -n 3 b --wait=1m30s",
    ):
        assert parse_line(line, OWN).command == expected


def test_global_options_are_read_before_and_after_the_command_and_are_not_part_of_it() -> None:
    for line in ("--output json unit list", "unit list -o json", "unit list --output=json"):
        found = parse_line(line, REGISTRY)
        assert found.command == UnitList()
        assert found.globals.output == "json"


def test_what_follows_the_double_dash_is_the_remote_command_untouched() -> None:
    line = parse(["test", "remote", "web1", "--", "sh", "-c", "--yes; echo $HOME"], OWN)
    assert line.command == Remote("web1", ("sh", "-c", "--yes; echo $HOME"))


def test_a_name_with_a_leading_dash_is_written_after_the_double_dash() -> None:
    line = parse(["unit", "list", "--", "-.mount"], REGISTRY)
    assert line.command == UnitList(patterns=("-.mount",))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("submit web.service", "service submit web.service"),
        ("load web", "service load web"),
        ("start web@1 web@2 --no-wait", "service start web@1 web@2 --no-wait"),
        ("stop web", "service stop web"),
        ("unload web", "service unload web"),
        ("destroy 'web@*'", "service destroy 'web@*'"),
        ("cat web", "service cat web"),
        ("status web", "service status web"),
    ],
)
def test_fleetctls_spellings_are_the_same_commands(theirs: str, ours: str) -> None:
    assert parse_line(theirs, REGISTRY).command == parse_line(ours, REGISTRY).command


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("start --no-block web", "service start web --no-wait"),
        ("start --no-block=false web", "service start web"),
        ("load --replace --block-attempts=20 web", "service load web --block-attempts=20"),
        ("submit --replace --sign=false a.service", "service submit a.service"),
        ("destroy --no-block=true --block-attempts 0 a", "service destroy a --no-wait --block-attempts=0"),
        ("restart --block-attempts 5 web", "service restart web"),
        ("journal --sudo --lines=5 -f web", "journal web --lines=5 --follow"),
        ("ssh --machine 148a18ff uptime", "ssh uptime --machine=148a18ff"),
    ],
)
def test_fleetctls_options_mean_what_they_meant(theirs: str, ours: str) -> None:
    command = parse_line(theirs, REGISTRY).command
    assert command is not None
    assert command == parse_line(ours, REGISTRY).command
    assert format_command(command) == ours


@pytest.mark.parametrize("option", sorted(INSTEAD))
def test_what_is_in_the_place_of_an_option_of_fleetctls_is_said(option: str) -> None:
    for line in (f"{option} x list-units", f"ssh {option}=x web1"):
        with pytest.raises(UsageError) as refused:
            parse_line(line, REGISTRY)
        assert refused.value.hint == INSTEAD[option]


def test_fleetctls_lists_take_its_own_options() -> None:
    for noun in ("list-units", "list-machines", "list-unit-files"):
        command = parse_line(f"{noun} --full --no-legend --fields=unit,hash", REGISTRY).command
        assert command is not None
        assert format_command(command) == f"{noun} --full --no-legend --fields=unit,hash"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("unti list", "did you mean unit"),
        ("unit lsit", "did you mean unit list"),
        ("unit", "which verb"),
        ("unit list --stat failed", "did you mean --state"),
        ("unit list --state", "needs a TEXT"),
        ("unit list --watch=yes", "takes no value"),
        ("start web --replace=yes", "takes no value"),
        ("restart web --block-attempts", "needs a TEXT"),
        ("unit list --timeout soon", "not a duration"),
        ("unit list -o xml", "not one of table, json, yaml"),
        ("unit list --on =web", "--on"),
        ("unit list 'open", "quot"),
        ("host list web1", "one word too many"),
        ("lab exec docker1", "nothing after `--`"),
        ("lab kill", "HOST is missing"),
        ("unit list ''", "empty"),
    ],
)
def test_a_line_that_cannot_be_understood_says_which_word_and_what_would_do(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(line, REGISTRY)
    assert says in str(caught.value)


def test_help_is_asked_for_wherever_it_stands() -> None:
    assert parse_line("unit list --help", REGISTRY).topic == ("unit", "list")
    assert parse_line("--help unit list", REGISTRY).topic == ("unit", "list")
    assert parse_line("unit --help", REGISTRY).topic == ("unit",)


WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
NAME = st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "TEXT": WORD,
    "N": st.integers(0, 10**9),
    "MEMBERS": st.sampled_from([1, 3, 5]),
    "DURATION": st.one_of(st.integers(0, 10**6).map(float), st.floats(0.001, 10**5)),
    "IMAGE": st.builds(
        Reference,
        st.sampled_from(["web", "lab/app", "registry.example:5000/team/app"]),
        st.sampled_from([None, "1.0", "v1_x"]),
        st.just(f"sha256:{'0f' * 32}"),
    ),
    "SELECTOR": st.lists(NAME, min_size=1, max_size=3).map(lambda names: Selector.parse(",".join(names))),
    "TIME": st.one_of(st.integers(0, 10**6).map(float), st.datetimes(timezones=st.just(UTC))),
    "PRIORITY": st.integers(0, 7),
    "FILE": WORD.filter(lambda word: word != ".").map(Path),
    "SIZE": st.integers(0, 10**9).map(float),
    "WAVES": st.lists(
        st.one_of(st.integers(1, 999_999).map(str), st.integers(1, 100).map(lambda share: f"{share}%")),
        min_size=1,
        max_size=4,
    ).map(tuple),
    "SECTION.KEY=VALUE": st.builds(
        lambda section, key, value: f"{section}.{key}={value}",
        st.sampled_from(["Unit", "Service", "X-Fleet"]),
        st.sampled_from(["Nice", "ExecStart", "Environment"]),
        WORD.filter(lambda word: "\n" not in word),
    ),
    "NAME.conf": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,12}\.conf", fullmatch=True),
}
#: For a value that has no strategy of its own: those of these that it accepts.
SAMPLES = ("1", "10s", "web", "web1", "a=b", "role=web", "a.conf", "25%", "/etc/x", "a:b", "1,2")


def accepted(value: Value[Any]) -> list[Any]:
    """What `value` makes of the samples that it takes; at least one."""
    found = []
    for sample in SAMPLES:
        with suppress(UsageError):
            found.append(value.parse(sample))
    assert found, f"say in VALUES what a {value.metavar} can be"
    return found


def takes_any_text(value: Value[Any]) -> bool:
    with suppress(UsageError):
        return bool(value.parse("\n$( '\"\\") == "\n$( '\"\\")
    return False


def values(parameter: Parameter) -> st.SearchStrategy[object]:
    if parameter.shape is Shape.SWITCH:
        return st.booleans()
    value = parameter.value
    one: st.SearchStrategy[object]
    if value.metavar in VALUES:
        one = VALUES[value.metavar]
    elif value.choices:
        one = st.sampled_from(value.choices)
    elif takes_any_text(value):
        one = WORD
    else:
        one = st.sampled_from(accepted(value))
    if parameter.many:
        return st.lists(one, min_size=1 if parameter.required else 0, max_size=3).map(tuple)
    return one if parameter.required else st.one_of(st.just(parameter.default), one)


def commands(cls: type[Command]) -> st.SearchStrategy[Command]:
    return st.fixed_dictionaries({p.name: values(p) for p in cls.parameters()}).map(
        lambda given: cls(**given)
    )


def tidy(command: Command) -> bool:
    """Whether the line can exist: an argument is only given if those before it are.

    What stands after `--` is either the rest or arguments with a leading dash, never both.
    """
    seen_empty = False
    has_rest = any(parameter.shape is Shape.REST for parameter in command.parameters())
    for parameter in command.parameters():
        if parameter.shape is Shape.ARGUMENT:
            value = getattr(command, parameter.name)
            words = value if parameter.many else (value or "",)
            if has_rest and any(word.startswith("-") for word in words):
                return False
            if value and seen_empty:
                return False
            seen_empty = seen_empty or not value
    return True


@given(st.one_of([commands(cls) for cls in (*REGISTRY, *OWN)]).filter(tidy))
def test_parse_of_format_is_the_same_command(command: Command) -> None:
    registry = OWN if isinstance(command, Everything | Remote) else REGISTRY
    assert parse_line(format_command(command), registry).command == command


def test_a_line_of_ten_thousand_names_is_read_and_written_whole() -> None:
    names = [f"u{number}.service" for number in range(10_000)]
    line = f"unit restart {' '.join(names)} --on h"
    command = parse_line(line, REGISTRY).command
    assert command is not None
    assert parse_line(format_command(command), REGISTRY).command == command
    assert format_command(command).split()[2:10_002] == names

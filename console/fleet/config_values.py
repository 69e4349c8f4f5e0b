"""What a value in the fleet file may be: one converter a kind.

A converter takes the value as TOML gave it and the folder that relative paths start from, and
returns what the model holds or raises `Rejected`, which says what is wrong and what is accepted.
None of them connects anywhere or resolves a name.
"""

from __future__ import annotations

import ipaddress
import json
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from console.fleet.toml_lines import TomlPath
from console.model.text import clean

Value = TypeVar("Value")
Converter = Callable[[object, Path], Value]

#: Names stand in selectors, in etcd keys and in file names, so they hold nothing special to any of them.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
_IP_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?")
_DNS_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._-]+)+/?")

#: A path is shown whole: its end is what tells it from others.
_PATH_MAX = 4096

NAMES_ACCEPTED = "1 to 63 of the characters A-Z a-z 0-9 . _ -, the first a letter or digit"
_LABEL_KEYS_ACCEPTED = "1 to 63 of the characters A-Z a-z 0-9 . _ / -, the first a letter or digit"
_LABELS_ACCEPTED = "a string without commas, not empty, no blanks around it, no = in front"
_ADDRESS_ACCEPTED = 'an IPv4 or IPv6 address or a DNS name, such as "198.18.7.11"'
_ENDPOINTS_ACCEPTED = 'http:// or https:// with a host and a port, such as "https://etcd1:2379"'


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where below the key: `("zone",)` for one label, `(2,)` for one of a list."""

    text: str
    at: TomlPath = ()


class Rejected(ValueError):
    """A value cannot be accepted; every fault in it is told."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.text for fault in faults))
        self.faults = faults


def rejected(wrong: str, accepted: str) -> Rejected:
    return Rejected(Fault(f"{wrong}; accepted: {accepted}"))


def shown(value: object, limit: int = 60) -> str:
    """`value` for a message: bounded, printable, spelt as in the file where that is short."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(clean(value, limit), ensure_ascii=False)
        case int() | float() if abs(value) < 10**18:
            return str(value)
        case int() | float():
            return "this number"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def is_name(text: str) -> bool:
    """Whether `text` can name a host or a fleet."""
    return _NAME.fullmatch(text) is not None


def string(value: object, base: Path, accepted: str = "a string") -> str:
    """Text of one line that says something."""
    if not isinstance(value, str):
        raise rejected(f"{shown(value)} is not a string", accepted)
    if not value.strip():
        raise rejected("it is empty", accepted)
    if not value.isprintable():
        raise rejected(f"{shown(value)} holds a control character", accepted)
    return value


def boolean(value: object, base: Path) -> bool:
    if not isinstance(value, bool):
        raise rejected(f"{shown(value)} is neither true nor false", "true or false, without quotes")
    return value


def name(value: object, base: Path) -> str:
    text = string(value, base, NAMES_ACCEPTED)
    if not is_name(text):
        raise rejected(f"{shown(text)} cannot be a name", NAMES_ACCEPTED)
    return text


def timezone(value: object, base: Path) -> str:
    accepted = 'a name of the IANA time zone database, such as "UTC" or "Europe/Berlin"'
    text = string(value, base, accepted)
    if text == "UTC":
        return text  # needs no database
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise rejected(f"this machine has no time zones to find {shown(text)} in", '"UTC"') from None
        near = get_close_matches(text, known, 1)
        guess = f' (did you mean "{near[0]}"?)' if near else ""
        raise rejected(f"there is no time zone {shown(text)}{guess}", accepted) from None
    return text


def port(value: object, base: Path) -> int:
    accepted = "a whole number from 1 to 65535"
    if isinstance(value, bool) or not isinstance(value, int):
        raise rejected(f"{shown(value)} is not a whole number", accepted)
    if not 1 <= value <= 65535:
        raise rejected(f"{shown(value)} is out of range", accepted)
    return value


def number(low: float, high: float) -> Converter[float]:
    """A converter for a number in a range, the ends included."""
    accepted = f"a number from {low:g} to {high:g}"

    def convert(value: object, base: Path) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise rejected(f"{shown(value)} is not a number", accepted)
        if not low <= value <= high:  # nan is in no range
            raise rejected(f"{shown(value)} is out of range", accepted)
        return float(value)

    return convert


def keys(value: object, base: Path) -> tuple[str, ...]:
    """What presses an action: one key, an array of them, or none. What a key is, the terminal knows."""
    accepted = 'a key such as "ctrl+r", an array of them, or "" for none'
    if value == "":
        return ()
    if isinstance(value, list):
        return tuple(_each(enumerate(value), _key, base))
    if not isinstance(value, str):
        raise rejected(f"{shown(value)} is not a key", accepted)
    return (string(value, base, accepted),)


def _key(value: object, base: Path) -> str:
    return string(value, base, 'a key such as "ctrl+r"')


def address(value: object, base: Path) -> str:
    text = string(value, base, _ADDRESS_ACCEPTED)
    if text.count(":") == 1:
        raise rejected(f"{shown(text)} holds a port, which has a key of its own", _ADDRESS_ACCEPTED)
    if "@" in text:
        raise rejected(f"{shown(text)} holds a user, which has a key of its own", _ADDRESS_ACCEPTED)
    looks_like_ip = ":" in text or not text.strip("0123456789.")
    if not (_is_ip(text) if looks_like_ip else _DNS_NAME.fullmatch(text)):
        raise rejected(f"{shown(text)} is not an address", _ADDRESS_ACCEPTED)
    return text


def user(value: object, base: Path) -> str:
    accepted = "a login name"
    text = string(value, base, accepted)
    if text.startswith("-") or any(char.isspace() for char in text):
        raise rejected(f"{shown(text)} cannot be a user", accepted)
    return text


def one_of(*words: str) -> Converter[str]:
    """A converter for a closed list of words."""
    accepted = " or ".join(f'"{word}"' for word in words)

    def convert(value: object, base: Path) -> str:
        if not isinstance(value, str) or value not in words:
            raise rejected(f"{shown(value)} is not known", accepted)
        return value

    return convert


def some_of(*words: str) -> Converter[tuple[str, ...]]:
    """A list of some of these words."""
    one = one_of(*words)

    def convert(value: object, base: Path) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise rejected(shown(value), f"a list of {', '.join(words)}")
        return tuple(_each(enumerate(value), one, base))

    return convert


def argv(value: object, base: Path) -> tuple[str, ...]:
    """A program and its arguments."""
    if not isinstance(value, list) or not value:
        raise rejected(shown(value), 'a program and its arguments, such as ["logger", "-t", "fleet"]')
    return tuple(_each(enumerate(value), string, base))


def path(value: object, base: Path) -> Path:
    """A path, `~/` expanded, relative ones from the file's own folder."""
    accepted = "a path: absolute, from ~/, or relative to the file's own folder"
    text = string(value, base, accepted)
    if text.startswith("~"):
        if text != "~" and not text.startswith("~/"):
            raise rejected(f"{shown(text)} is in another user's home", accepted)
        try:
            return Path(text).expanduser()
        except RuntimeError:
            raise rejected(f"no home folder is known for {shown(text)}", accepted) from None
    return base / text


def existing_file(value: object, base: Path) -> Path:
    """A file that is there; whether it may be read is seen when it is."""
    found = path(value, base)
    accepted = "the path of an existing file"
    try:
        mode = found.stat().st_mode
    except OSError as error:
        raise rejected(f"{shown(str(found), _PATH_MAX)}: {error.strerror}", accepted) from None
    if stat.S_ISDIR(mode):
        raise rejected(f"{shown(str(found), _PATH_MAX)} is a folder", accepted)
    return found


def identity(value: object, base: Path) -> tuple[Path, ...]:
    """Key files: one path, or an array of them."""
    if isinstance(value, list):
        return tuple(_each(enumerate(value), existing_file, base))
    if not isinstance(value, str):
        raise rejected(f"{shown(value)} is not a path", "the path of an existing file, or an array of such")
    return (existing_file(value, base),)


def labels(value: object, base: Path) -> dict[str, str]:
    if not isinstance(value, dict):
        raise rejected(f"{shown(value)} is not a table", 'a table of strings, such as { role = "web" }')
    return dict(_each(((key, (key, item)) for key, item in value.items()), _label, base))


def endpoints(value: object, base: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        what = "it is empty" if value == [] else f"{shown(value)} is not an array"
        raise rejected(what, f"an array of {_ENDPOINTS_ACCEPTED}")
    return tuple(_each(enumerate(value), _endpoint, base))


def prefix(value: object, base: Path) -> str:
    """The folder of keys in etcd, made to end in a slash."""
    accepted = 'a folder of keys, such as "/quarterdeck/"'
    text = string(value, base, accepted)
    if not _PREFIX.fullmatch(text):
        raise rejected(f"{shown(text)} cannot be a prefix", accepted)
    return text.rstrip("/") + "/"


def _label(value: object, base: Path) -> tuple[str, str]:
    assert isinstance(value, tuple)
    key, item = value
    if not _LABEL_KEY.fullmatch(key):
        raise rejected(f"{shown(key)} cannot be a label's name", _LABEL_KEYS_ACCEPTED)
    text = string(item, base, _LABELS_ACCEPTED)
    if "," in text or text.startswith("=") or text != text.strip() or len(text) > 255:
        raise rejected(f"{shown(text)} could not be written in a selector", _LABELS_ACCEPTED)
    return key, text


def _endpoint(value: object, base: Path) -> str:
    text = string(value, base, _ENDPOINTS_ACCEPTED)
    try:
        parts = urlsplit(text)
        complete = parts.scheme in {"http", "https"} and parts.hostname and parts.port
    except ValueError:  # a port out of range, brackets that do not close
        complete = False
        parts = None
    if parts is not None and "@" in parts.netloc:
        # Not shown: there is a password in it.
        raise rejected("an endpoint holds a user; user and password_file are keys", _ENDPOINTS_ACCEPTED)
    if parts is None or not complete or parts.path.strip("/") or parts.query or parts.fragment:
        raise rejected(f"{shown(text)} is not an endpoint", _ENDPOINTS_ACCEPTED)
    return text.rstrip("/")


def _each(items: Iterable[tuple[str | int, object]], convert: Converter[Value], base: Path) -> list[Value]:
    """Every item converted; the faults of all of them together, each with its place."""
    values: list[Value] = []
    faults: list[Fault] = []
    for at, item in items:
        try:
            values.append(convert(item, base))
        except Rejected as error:
            faults.extend(Fault(fault.text, (at, *fault.at)) for fault in error.faults)
    if faults:
        raise Rejected(*faults)
    return values


def _is_ip(text: str) -> bool:
    if not _IP_CHARACTERS.fullmatch(text):
        return False  # ipaddress lets any text pass as an IPv6 zone
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

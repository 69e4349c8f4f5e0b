"""The line of every key, however a TOML file is laid out."""

from __future__ import annotations

import json
import textwrap
import tomllib
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.fleet.toml_lines import TomlPath, locate


def line(text: str, *path: str | int) -> int:
    text = textwrap.dedent(text).removeprefix("\n")
    tomllib.loads(text)  # else the case proves nothing
    return locate(text).line(path)


def test_keys_under_tables_and_arrays_of_tables() -> None:
    text = """
        [fleet]
        name = "prod"

        [[host]]
        name = "web1"
        [host.labels]
        role = "web"
        [[host]]
        name = "web2"
        labels = { role = "web", zone = "a" }
        """
    assert line(text, "fleet") == 1
    assert line(text, "fleet", "name") == 2
    assert line(text, "host") == 4
    assert line(text, "host", 0, "name") == 5
    assert line(text, "host", 0, "labels") == 6
    assert line(text, "host", 0, "labels", "role") == 7
    assert line(text, "host", 1) == 8
    assert line(text, "host", 1, "name") == 9
    assert line(text, "host", 1, "labels", "zone") == 10


def test_what_has_no_line_of_its_own_is_at_the_nearest_table_around_it() -> None:
    text = "top = 1\n[[host]]\nport = 22\n"
    assert line(text, "host", 0, "name") == 2
    assert line(text, "host", 0, "labels", "role") == 2
    assert line(text, "host", 7) == 2
    assert line(text, "fleet", "name") == 0
    assert line(text) == 0


@pytest.mark.parametrize(
    "decoy",
    [
        "# key = 1\n",
        "a = '''\nkey = 1\n[table]\n'''\n",
        'a = """\nkey = 1 # "no\n\\"""\nkey = 2"""\n',
        'a = """ends in two quotes"""""\n',
        "a = '''ends in two quotes'''''\n",
        'a = """"""\n',
        'a = "key = 1 \\" ] } #"\n',
        "a = 'C:\\'\n",
        "a = ''\n",
        'a = ["]", 1, # ]\n  "key = 1",\n]\n',
        "a = [[], [1, [2]], {}]\n",
        "a = { b = [ { c = '}' } ], 'd' = \"}\" }\n",
        "a = 1979-05-27 07:32:00Z # key = 1\n",
        "a = [ 1979-05-27 07:32:00,\n 1 ]\n",
        "a.b . 'c' = 1\n",
        "'ke' = 1\nkey2 = 2\n",
        "a = 1\r\nb = '''\r\n'''\r\n",
        "\t \n",
    ],
)
def test_what_looks_like_a_key_and_is_none_leads_nowhere(decoy: str) -> None:
    text = decoy + "key = true\n[table]\nkey = true\n"
    assert tomllib.loads(text)["key"] is True
    places = locate(text)
    assert places.line(("key",)) == decoy.count("\n") + 1
    assert places.line(("table", "key")) == decoy.count("\n") + 3


def test_keys_are_the_same_however_they_are_quoted() -> None:
    text = '"a b" = 1\n\'c"d\' = 2\n"\\u0065\\n" = 3\n"" = 4\n[ "x.y" . z ]\nw = 5\n'
    assert [line(text, key) for key in ("a b", 'c"d', "e\n", "")] == [1, 2, 3, 4]
    assert line(text, "x.y", "z", "w") == 6


def test_a_static_array_of_tables() -> None:
    text = 'host = [\n  { name = "a" },\n  { name = "b" }, # the last\n]\n'
    assert line(text, "host", 1, "name") == 3


def test_a_text_that_is_not_toml_tells_as_much_as_it_can() -> None:
    places = locate("[fleet]\nname = 'prod'\n[[host\nname = 'web1'\n")
    assert places.line(("fleet", "name")) == 2
    assert locate("a = " + "[" * 100_000).line(("a",)) == 1


@given(st.text(st.sampled_from("a1[]{}=.,#\"'\\\n ")))
def test_any_text_is_survived(text: str) -> None:
    locate(text).line(("a", 1, "a"))


class Writer:
    """Writes a TOML document in whatever style chance has it, and remembers each key's line."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.text = ""
        self.lines: dict[TomlPath, int] = {}
        self.data: dict[str, Any] = {}
        self.count = 0

    def document(self) -> None:
        self.body((), self.data, depth=0)

    def body(self, path: TomlPath, into: dict[str, Any], depth: int) -> None:
        for _ in range(self.random.randrange(4)):
            self.pair(path, into, inline=False)
            self.text += self.random.choice(["", " ", "\t"])
            self.text += self.random.choice(["", "# k = [ \"'''"]) + self.random.choice(
                ["\n", "\r\n", "\n\n"]
            )
        for _ in range(self.random.randrange(3) if depth < 3 else 0):
            key = self.key()
            header = ".".join(self.spelt(part) for part in (*path, key) if isinstance(part, str))
            if self.random.random() < 0.5:
                self.mark((*path, key))
                self.text += f"[{header}]\n"
                into[key] = {}
                self.body((*path, key), into[key], depth + 1)
            else:
                into[key] = []
                for index in range(self.random.randrange(1, 4)):
                    self.mark((*path, key, index))
                    self.text += f"  [[ {header} ]]\n"
                    into[key].append({})
                    self.body((*path, key, index), into[key][index], depth + 1)

    def pair(self, path: TomlPath, into: dict[str, Any], *, inline: bool, depth: int = 0) -> None:
        for _ in range(self.random.choice([0, 0, 0, 1, 2])):  # dotted
            key = self.key()
            path = (*path, key)
            self.mark(path)
            self.text += self.spelt(key) + self.random.choice([".", " . "])
            into[key] = into = {}
        key = self.key()
        self.mark((*path, key))
        self.text += self.spelt(key) + self.random.choice(["=", " = "])
        into[key] = self.value((*path, key), inline, depth)

    def value(self, path: TomlPath, inline: bool, depth: int) -> Any:
        kind = self.random.choice(
            ["number", "string", "string", "date", "array", "table"][: 6 if depth < 3 else 4]
        )
        if kind == "number":
            self.text += str(self.count)
            return self.count
        if kind == "date":
            self.text += "1979-05-27 07:32:00Z"
            return tomllib.loads("a = 1979-05-27 07:32:00Z")["a"]
        if kind == "string":
            raw = self.random.choice(
                [
                    '"#]} \\" k = 1"',
                    "'\"\\'",
                    '""',
                    "''",
                    '"""\nk = 1\n[t] \\""""',
                    "'''\n[[t]]\nk=''' ",
                    '""" ""\n"""""',
                ]
            )
            self.text += raw
            return tomllib.loads(f"a = {raw}")["a"]
        if kind == "array":
            elements = []
            self.text += "["
            for index in range(self.random.randrange(4)):
                self.text += self.random.choice(["", "\n", " # ]\n  "])
                self.mark((*path, index))
                elements.append(self.value((*path, index), inline, depth + 1))
                self.text += ","
            self.text += self.random.choice(["]", "\n]", "# [\n]"])
            return elements
        table: dict[str, Any] = {}
        self.text += "{ "
        for index in range(self.random.randrange(3)):
            self.text += ", " if index else ""
            self.pair(path, table, inline=True, depth=depth + 1)
        self.text += " }"
        return table

    def key(self) -> str:
        self.count += 1  # unique, so that no table is defined twice
        return self.random.choice(["k", "-", "a b", "a.b", "]", "#", "\\", "é", '"', ""]) + str(self.count)

    def spelt(self, key: str) -> str:
        if all(char.isascii() and (char.isalnum() or char in "_-") for char in key):
            return self.random.choice([key, f'"{key}"', f"'{key}'"])
        return self.random.choice([json.dumps(key), json.dumps(key), f"'{key}'"])

    def mark(self, path: TomlPath) -> None:
        self.lines[path] = self.text.count("\n") + 1


@given(st.randoms(use_true_random=False))
def test_every_key_of_any_document_is_found_where_it_was_written(random: Random) -> None:
    writer = Writer(random)
    writer.document()
    assert tomllib.loads(writer.text) == writer.data
    places = locate(writer.text)
    assert {path: places.line(path) for path in writer.lines} == writer.lines

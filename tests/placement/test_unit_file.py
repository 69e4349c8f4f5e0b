"""Unit files, as systemd.syntax(7) and go-systemd's own tests have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.placement.unit_file import LIMIT, Option, parse, serialise


def read(text: str) -> list[tuple[str, str, str]]:
    return [(option.section, option.name, option.value) for option in parse(text).options]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        # the cases of go-systemd's TestDeserialize
        (
            "[Unit]\nDescription=Foo\nDescription=Bar\nRequires=baz.service\n",
            [
                ("Unit", "Description", "Foo"),
                ("Unit", "Description", "Bar"),
                ("Unit", "Requires", "baz.service"),
            ],
        ),
        (
            "[Unit]\nDescription=Foo\n\n[Service]\nExecStart=/usr/bin/sleep infinity\n\n"
            "[X-Third-Party]\nPants=on\n\n",
            [
                ("Unit", "Description", "Foo"),
                ("Service", "ExecStart", "/usr/bin/sleep infinity"),
                ("X-Third-Party", "Pants", "on"),
            ],
        ),
        ("[Unit]\n[Service]\n[X-Third-Party]\n", []),
        (
            '[Service]\nEnvironment= "FOO=BAR" "BAZ=QUX"\n',
            [("Service", "Environment", '"FOO=BAR" "BAZ=QUX"')],
        ),
        ("; a\n# b\n[Unit]\n; c\n#Description=Foo\nDescription=Bar\n# d\n", [("Unit", "Description", "Bar")]),
        ("[Unit]\n<<<<<<<<=Bar\n", [("Unit", "<<<<<<<<", "Bar")]),
        ("[Unit]\nSome Thing = Bar\n", [("Unit", "Some Thing", "Bar")]),
        ("[Unit]\nDescription=Bar", [("Unit", "Description", "Bar")]),
        ("[Unit]\nDescription=Bar \\", [("Unit", "Description", "Bar")]),
        ("[©]\nµ☃=ÇôrèÕ$", [("©", "µ☃", "ÇôrèÕ$")]),
        ("[Unit]\n Description   =words here\n", [("Unit", "Description", "words here")]),
        ("[Unit]\nDescription= words here ", [("Unit", "Description", "words here")]),
        ("[Unit]\nDescription= words here \\\n  ", [("Unit", "Description", "words here")]),
        # where go-systemd differs from systemd, it is as systemd has it
        ("[Unit]\nDescription=wrapped \\\n    words\n", [("Unit", "Description", "wrapped  words")]),
        ("[Unit]\nA=b\\\n# no comment ends it\nc\n", [("Unit", "A", "b c")]),
        (
            "[Unit]\nA=ends in a backslash \\\\\nB=c\n",
            [("Unit", "A", "ends in a backslash \\\\"), ("Unit", "B", "c")],
        ),
        ("[Unit]\nA=b\\\n\nB=c\n", [("Unit", "A", "b"), ("Unit", "B", "c")]),
        # lines and blanks
        ("[Unit]\r\nA=b\r\n", [("Unit", "A", "b")]),
        ("\ufeff[Unit]\nA=b\n", [("Unit", "A", "b")]),
        ("  [Unit]  \nA=b\n", [("Unit", "A", "b")]),
        ("[Unit]\nA=b\u2028c\n", [("Unit", "A", "b\u2028c")]),
        ("[Unit]\nA=b=c\n", [("Unit", "A", "b=c")]),
        ("[Unit]\nA=\n", [("Unit", "A", "")]),
        ("[A]\na=1\n[B]\nb=2\n[A]\nc=3\n", [("A", "a", "1"), ("B", "b", "2"), ("A", "c", "3")]),
        ("", []),
    ],
)
def test_assignments_are_read_as_systemd_reads_them(text: str, options: list[tuple[str, str, str]]) -> None:
    assert read(text) == options
    assert parse(text).faults == ()


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("[Unit\nDescription=Foo\n", 1, "'[Unit' is not a section; its ] is missing"),
        ("[Unit] pants\nDescription=Foo\n", 1, "'[Unit] pants' is not a section; 'pants' stands behind it"),
        ("[Unit]\nDescription\n", 2, "'Description' is not an assignment; accepted: Name=value"),
        ("[Unit]\n\n# a\n<<<<<<\nA=b\n", 4, "'<<<<<<' is not an assignment"),
        ("[Unit]\n=b\n", 2, "'=b' has no name before the ="),
        ("[Unit]\nA=b\\\nc\nodd\n", 4, "'odd' is not an assignment"),
        ("[Unit]\n\x1b[31mred\n", 2, "'red' is not an assignment"),
        ("x" * (LIMIT + 1), 0, "longer than 256 KiB"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, line: int, told: str) -> None:
    (fault,) = parse(text).faults
    assert fault.line == line
    assert told in fault.text
    assert fault.text.isprintable()


def test_what_stands_before_the_first_section_is_told_as_ignored() -> None:
    found = parse("Description=Foo\n<<<<\n[Unit]\nDescription=Bar\n")
    assert [(option.value, option.line) for option in found.options] == [("Bar", 4)]
    assert [fault.line for fault in found.ignored] == [1, 2]
    assert found.faults == ()


def test_an_option_knows_the_line_on_which_it_begins() -> None:
    found = parse("[Unit]\n# a\nA=1\\\n 2\n\nB=3\n")
    assert [(option.name, option.line) for option in found.options] == [("A", 3), ("B", 6)]
    assert found.sections == {"Unit": 1}


def test_an_empty_assignment_drops_those_before_it() -> None:
    found = parse("[Service]\nExecStartPre=/a\nExecStartPre=/b\nExecStartPre=\nExecStartPre=/c\n")
    assert found.values("Service", "ExecStartPre") == ("/c",)
    assert parse("[Unit]\nDescription=a\nDescription=\n").description is None
    assert parse("[Unit]\nDescription=a\nDescription=b\n").description == "b"


def words() -> st.SearchStrategy[str]:
    return st.text("abcXYZ-_. %@/$\"'", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.lists(st.builds(Option, st.sampled_from(("Unit", "Service", "X-Quarterdeck")), words(), words())))
def test_what_is_written_is_read_again(options: list[Option]) -> None:
    assert read(serialise(options)) == [(each.section, each.name, each.value) for each in options]


@given(st.text("[]=\\#;\n\r\t ab", max_size=60))
def test_any_text_is_read_or_told_and_what_was_read_is_read_again_from_its_copy(text: str) -> None:
    found = parse(text)
    copy = parse(serialise(found.options))
    # A value that ends in a lone backslash cannot be: that would have gone on in the next line.
    assert [(o.section, o.name, o.value) for o in copy.options] == [
        (o.section, o.name, o.value) for o in found.options
    ]

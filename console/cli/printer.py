"""Results to stdout as tables, JSON or YAML; talk to stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO, TypeVar

from console.cli.glance import glance
from console.cli.screen import Screen
from console.cli.table import paint, table
from console.commands.picture import Picture
from console.commands.rows import HOST, Cell, RowKind, Tone
from console.errors import HostError
from console.model.text import clean, coloured

R = TypeVar("R")


def wants_color(choice: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` gets colours: as asked, else on a terminal that is not dumb, unless NO_COLOR."""
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


class Printer:
    """The command line's `Output`.

    :param form: table, json or yaml.
    """

    def __init__(
        self,
        form: str,
        color: str = "auto",
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._form = form
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        environ = os.environ if environ is None else environ
        self._color = wants_color(color, self._out, environ)
        self._err_color = wants_color(color, self._err, environ)
        self._width = shutil.get_terminal_size().columns if self._out.isatty() else None
        self._screen: Screen | None = None
        self.failures: list[HostError] = []

    # -- Output -----------------------------------------------------------------------------

    def rows(self, kind: RowKind[R], rows: Iterable[R], missing: Iterable[HostError] = ()) -> None:
        found = sorted(rows, key=kind.sort)
        absent = list(missing)
        if self._form != "table":
            self._dump([kind.fields(row) for row in found])
            for error in absent:
                self.failed(error)
            return
        self.failures += absent
        if kind.text:
            for row in found:
                self._lines(kind.text(row))
        elif found or absent:
            reasons = [(error.host or "?", error.message) for error in absent]
            for line in table(kind.columns, found, self._width, color=self._color, missing=reasons):
                self._write(line)
        if not found and not absent:
            self.note(f"no {kind.name} matches")
        for error in absent if kind.text else ():
            self._complain(error)

    @contextmanager
    def listing(self, kind: RowKind[R]) -> Iterator[Callable[[R], None]]:
        count = 0

        def add(row: R) -> None:
            nonlocal count
            count += 1
            if self._form == "json":
                self._out.write("[\n" if count == 1 else ",\n")
                self._out.write(json.dumps(kind.fields(row), ensure_ascii=False))
            elif self._form == "yaml":
                self._write(_yaml([kind.fields(row)]).rstrip("\n"))
            elif kind.text:
                self._lines(kind.text(row))

        yield add
        if self._form == "json":
            self._write("\n]" if count else "[]")
        elif self._form == "yaml" and not count:
            self._write("[]")
        elif not count:
            self.note(f"no {kind.name} matches")

    def put(self, kind: RowKind[R], row: R) -> None:
        self._change("put", kind, row)

    def delete(self, kind: RowKind[R], row: R) -> None:
        self._change("delete", kind, row)

    def picture(self, picture: Picture, changed: Set[str] | None = None) -> None:
        if self._form != "table":
            if changed is None:
                self._dump([HOST.fields(host) for host in picture.hosts])
            for host in picture.hosts:
                if changed and host.name in changed:
                    self.put(HOST, host)
        elif changed is None:
            for line in glance(picture, self._width, None, color=self._color):
                self._write(line)
        elif self._width is None:
            for host in picture.hosts:
                if host.name in changed:
                    self.put(HOST, host)
        else:
            if self._screen is None:
                self._screen = Screen(self._out)
            size = shutil.get_terminal_size()
            self._screen.show(glance(picture, size.columns, size.lines, color=self._color), size.columns)

    def document(self, kind: RowKind[R], row: R) -> None:
        if self._form == "json":
            self._write(json.dumps(kind.fields(row), ensure_ascii=False))
        elif self._form == "yaml":
            self._write(_yaml(kind.fields(row)).rstrip("\n"))
        elif kind.text:
            self._lines(kind.text(row))

    def failed(self, error: HostError) -> None:
        self.failures.append(error)
        self._complain(error)

    def note(self, text: str) -> None:
        print(clean(text), file=self._err, flush=True)

    # -- the rest ---------------------------------------------------------------------------

    def close(self) -> None:
        """Give the terminal back."""
        if self._screen:
            self._screen.close()
            self._screen = None

    def error(self, text: str) -> None:
        """A failure, in the words that were chosen for it."""
        for line in text.splitlines():
            print(paint(f"✖ {clean(line)}", Tone.BAD, self._err_color), file=self._err, flush=True)

    def _complain(self, error: HostError) -> None:
        self.error(str(error))

    def _change(self, op: str, kind: RowKind[R], row: R) -> None:
        if self._form == "json":
            self._write(json.dumps({"op": op, **kind.fields(row)}, ensure_ascii=False))
        elif self._form == "yaml":
            self._write("---\n" + _yaml({"op": op, **kind.fields(row)}))
        elif kind.text:
            self._lines(kind.text(row))
        else:
            sign = Cell("+", Tone.GOOD) if op == "put" else Cell("-", Tone.BAD)
            time = Cell(datetime.now(UTC).strftime("%H:%M:%S"), Tone.FAINT)
            cells = [column.cell(row) for column in kind.columns if column.title not in ("SINCE", "UP")]
            self._lines([(time, sign, *(cell if isinstance(cell, Cell) else Cell(cell) for cell in cells))])
        self._out.flush()

    def _lines(self, lines: list[tuple[Cell, ...]]) -> None:
        for cells in lines:
            self._write(" ".join(self._cell(cell) for cell in cells if cell.text))

    def _cell(self, cell: Cell) -> str:
        if cell.coloured is not None and self._color:
            return coloured(cell.coloured)
        return paint(_safe(cell.text), cell.tone, self._color)

    def _dump(self, rows: list[dict[str, Any]]) -> None:
        if self._form == "yaml":
            self._write(_yaml(rows).rstrip("\n"))
            return
        body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        self._write(f"[\n{body}\n]" if rows else "[]")

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")


def _safe(text: str) -> str:
    """Indentation stays; what a terminal would act on does not."""
    return text if text.isprintable() else clean(text)


def _yaml(value: Any) -> str:
    import yaml

    dumped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return dumped

"""An `Output` between a command and the face: it hears what goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from console.commands.output import Output
    from console.commands.picture import Picture
    from console.commands.rows import RowKind
    from console.errors import HostError

R = TypeVar("R")


class Hearing:
    """Everything passes, and what failed is remembered. See `Output` for what each of these means."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.failures: list[HostError] = []

    def rows(self, kind: RowKind[R], rows: Iterable[R], missing: Iterable[HostError] = ()) -> None:
        absent = list(missing)
        self.failures += absent
        self._out.rows(kind, rows, absent)

    def listing(self, kind: RowKind[R]) -> AbstractContextManager[Callable[[R], None]]:
        return self._out.listing(kind)

    def put(self, kind: RowKind[R], row: R) -> None:
        self._out.put(kind, row)

    def delete(self, kind: RowKind[R], row: R) -> None:
        self._out.delete(kind, row)

    def picture(self, picture: Picture, changed: Set[str] | None = None) -> None:
        self._out.picture(picture, changed)

    def document(self, kind: RowKind[R], row: R) -> None:
        self._out.document(kind, row)

    def failed(self, error: HostError) -> None:
        self.failures.append(error)
        self._out.failed(error)

    def note(self, text: str) -> None:
        self._out.note(text)


class Gathering(Hearing):
    """What is data ends here, as data; what a person should know passes."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self.data: list[Mapping[str, Any]] = []

    def rows(self, kind: RowKind[R], rows: Iterable[R], missing: Iterable[HostError] = ()) -> None:
        self.data += map(kind.fields, sorted(rows, key=kind.sort))
        for error in missing:
            self.failed(error)

    @contextmanager
    def listing(self, kind: RowKind[R]) -> Iterator[Callable[[R], None]]:
        yield lambda row: self.data.append(kind.fields(row))

    def put(self, kind: RowKind[R], row: R) -> None:
        self.data.append({"op": "put", **kind.fields(row)})

    def delete(self, kind: RowKind[R], row: R) -> None:
        self.data.append({"op": "delete", **kind.fields(row)})

    def picture(self, picture: Picture, changed: Set[str] | None = None) -> None:
        from console.commands.rows import HOST

        self.data += map(HOST.fields, picture.hosts)

    def document(self, kind: RowKind[R], row: R) -> None:
        self.data.append(kind.fields(row))


class WithoutNotes(Hearing):
    """Notes end here: for what is looked at once more, and was told before."""

    def note(self, text: str) -> None:
        del text

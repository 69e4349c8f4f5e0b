"""A shell on a terminal: enough of a line discipline and a prompt to sit at a simulated host. One line, one
command; no pipes, no variables.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from console.lab.sim.files import Printed
from console.lab.sim.wire import Out

#: Runs the words of a line.
Run = Callable[[Sequence[str]], Printed]

_LINE_MOST = 4096


class Shell:
    """What sits at a terminal; see `Service`.

    :param prompt: printed before each line.
    """

    def __init__(self, out: Out, prompt: str, run: Run) -> None:
        self._out = out
        self._prompt = prompt.encode()
        self._run = run
        self._line = bytearray()
        out.write(self._prompt)

    def received(self, data: bytes) -> None:
        for byte in data:
            match byte:
                case 0x0D | 0x0A:
                    self._out.write(b"\r\n")
                    self._enter()
                case 0x7F | 0x08:
                    if self._line:
                        self._line.pop()
                        self._out.write(b"\b \b")
                case 0x03:
                    self._line.clear()
                    self._out.write(b"^C\r\n" + self._prompt)
                case 0x04 if not self._line:
                    self._out.write(b"exit\r\n")
                    self._out.end(0)
                case _ if byte >= 0x20 and len(self._line) < _LINE_MOST:
                    self._line.append(byte)
                    self._out.write(bytes((byte,)))

    def finished(self) -> None:
        self._out.end(0)

    def closed(self) -> None:
        """Nothing of it is left."""

    def _enter(self) -> None:
        line, self._line = self._line.decode("utf-8", "replace"), bytearray()
        try:
            words = shlex.split(line)
        except ValueError as error:
            printed = Printed(code=2, err=f"sh: {error}\n")
        else:
            if words[:1] == ["exit"]:
                self._out.end(int(words[1]) if len(words) > 1 and words[1].isdigit() else 0)
                return
            printed = self._run(words) if words else Printed()
        out = printed.out.encode() if isinstance(printed.out, str) else printed.out
        said = out + printed.err.encode()
        self._out.write(said.replace(b"\n", b"\r\n") + self._prompt)

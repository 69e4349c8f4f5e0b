"""`quarterdeck completion bash|zsh`, and what its scripts call back for candidates.

    quarterdeck complete --bash "$COMP_WORDBREAKS" "LINE UP TO THE CURSOR"
    quarterdeck complete --zsh WORD… TYPED

Nothing connects to a host, and nothing is ever written to stderr: it would stand in the middle of the line.
A candidate that the shell would have to quote is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.commands.command import Command, argument
from console.commands.completion import Candidate, complete, names, terms
from console.commands.grammar import Globals
from console.commands.rows import TEXT
from console.errors import QuarterdeckError, UsageError
from console.model.text import clean

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.commands.registry import Registry

BASH = r"""# quarterdeck completion bash: `source <(quarterdeck completion bash)`
_quarterdeck() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ -n $line ]] && COMPREPLY+=("$line")
  done < <(quarterdeck complete --bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace
  fi
}
complete -o bashdefault -o default -F _quarterdeck quarterdeck
"""

ZSH = r"""#compdef quarterdeck
# quarterdeck completion zsh: `source <(quarterdeck completion zsh)`, after compinit
_quarterdeck() {
  local -a texts shown open opened
  local line text
  while IFS= read -r line; do
    text=${line%%$'\t'*}
    [[ -n $text ]] || continue
    if [[ $text == *= ]]; then
      open+=("$text"); opened+=("${line//$'\t'/  }")
    else
      texts+=("$text"); shown+=("${line//$'\t'/  }")
    fi
  done < <(quarterdeck complete --zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
  (( $#texts + $#open )) || { _files; return }
  (( $#texts )) && compadd -Q -l -d shown -a texts
  (( $#open )) && compadd -Q -S '' -l -d opened -a open
  return 0
}
compdef _quarterdeck quarterdeck
"""

_SCRIPTS = {"bash": BASH, "zsh": ZSH}
#: What no shell reads as anything but itself.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


@dataclass(frozen=True)
class Completion(Command):
    """Print what completes commands in a shell: `source <(quarterdeck completion bash)`, or zsh."""

    words = ("completion",)
    shell: str = argument("bash|zsh", "which shell", required=True)

    async def run(self, core: Core, out: Output) -> None:
        if self.shell not in _SCRIPTS:
            raise UsageError(f"no completion for {self.shell}", hint="there is one for bash, and one for zsh")
        out.document(TEXT, _SCRIPTS[self.shell])


def answer(words: Sequence[str], registry: Registry) -> list[str]:
    """The lines for what a script asks: candidates; with `--zsh`, a tab and the help behind each."""
    match words:
        case ["--bash", breaks, line]:
            *before, typed = _split(line)
            found = _found(before[1:], typed, registry)
            # bash replaces only what stands behind the last of its breaks.
            cut = max((typed.rfind(sign) + 1 for sign in breaks if sign in "=:"), default=0)
            return [one.text[cut:] for one in found]
        case ["--zsh", *before, typed]:
            return [f"{one.text}\t{clean(one.help)}" for one in _found(before, typed, registry)]
    return []


def _found(words: Sequence[str], typed: str, registry: Registry) -> list[Candidate]:
    known = _Known(words)
    return [one for one in complete(words, typed, registry, known) if _PLAIN.fullmatch(one.text)]


def _split(line: str) -> list[str]:
    """The words of a line that is cut off at the cursor; the last one may be empty."""
    for end in ("", '"', "'"):
        try:
            words = shlex.split(line + end)
        except ValueError:
            continue
        return [*words, ""] if not end and line[-1:].isspace() else words or [""]
    return [""]


class _Known:
    """What can be known of a fleet without a word to its hosts."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def __call__(self, metavar: str, words: Sequence[str]) -> Iterable[Candidate]:
        try:
            return list(self._of(metavar))
        except (QuarterdeckError, OSError, ValueError, LookupError):
            return ()

    def _of(self, metavar: str) -> Iterator[Candidate]:
        from console.commands.core import Core

        core = Core(self._globals())
        match metavar:
            case "HOST":
                yield from names((host.name, host.labels) for host in core.config.hosts)
            case "SELECTOR":
                yield from terms((host.name, host.labels) for host in core.config.hosts)
            case "MACRO":
                from console.commands.macro.library import all_macros, macro_folders

                found, _ = all_macros(macro_folders(core))
                yield from (Candidate(macro.path.stem, macro.description) for macro in found)
            case "NAME=VALUE":
                yield from self._settings(core)
            case "ID":
                from console.actions.audit_file import read_records
                from console.commands.places import state_path

                records, _ = read_records(state_path(core.environ))
                yield from (Candidate(record.id, record.line) for record in reversed(records[-50:]))
            case "FLEET":
                from console.fleet.config import config_home

                paths = (config_home(core.environ) / "fleets").glob("*.toml")
                yield from (Candidate(path.stem) for path in sorted(paths))
            case "bash|zsh":
                yield from map(Candidate, _SCRIPTS)

    def _globals(self) -> Globals:
        """Which fleet the line is about, as far as it says so."""
        from pathlib import Path

        given: dict[str, str] = {}
        at = iter(self._words)
        for word in at:
            flag, equals, value = word.partition("=")
            if flag in ("--config", "--fleet"):
                given[flag] = value if equals else next(at, "")
        config = given.get("--config")
        return Globals(
            config=Path(config).expanduser() if config else None, fleet=given.get("--fleet") or None
        )

    def _settings(self, core: Core) -> Iterator[Candidate]:
        """The parameters of the macro that the line names."""
        from console.commands.macro.file import load_macro
        from console.commands.macro.library import find_macro, macro_folders

        names = [word for word in self._words if not word.startswith("-")]
        name = names[2] if names[:2] == ["macro", "run"] else names[1]
        for parameter in load_macro(find_macro(name, macro_folders(core))).parameters:
            yield Candidate(f"{parameter.name}=", parameter.description)


def completing(words: Sequence[str]) -> bool:
    """Whether a script asks for candidates. Never fails: it would be in the middle of somebody's line."""
    if words[:1] != ["complete"]:
        return False
    from console.cli.registry import all_commands

    for line in answer(words[1:], all_commands()):
        print(line)
    return True


COMMANDS: tuple[type[Command], ...] = (Completion,)

"""`unit edit`: drop-ins, checked by the host before they count."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.drop_in import LIMIT, UnitDropIn, drop_in_path, kept_path, read_drop_in
from console.actions.plan import Plan, Refusal, Step
from console.actions.unit_plan import HostView
from console.actions.units import UnitStamp, files_of
from console.commands.change import tell_idle, unreached
from console.commands.command import Command, option, switch
from console.commands.grammar import format_command
from console.commands.unit_change import ChangeUnits, look_up
from console.commands.values import PATH, Value
from console.errors import HostError, NothingSelected, UsageError
from console.model.state import Source
from console.model.unit_facts import UnitFacts, active_class

if TYPE_CHECKING:
    from console.commands.core import Core, View
    from console.commands.output import Output

_DROP_IN = "50-quarterdeck.conf"
_SETTING = re.compile(r"([A-Z][A-Za-z]*|X-[A-Za-z0-9-]+)\.([A-Za-z][A-Za-z0-9-]*)=(.*)", re.DOTALL)


def _setting(text: str) -> str:
    found = _SETTING.fullmatch(text)
    if not found or "\n" in text:
        raise UsageError(f"not a setting: {text!r}", hint="SECTION.KEY=VALUE, like Service.Restart=always")
    return text


SETTING: Value[str] = Value("SECTION.KEY=VALUE", _setting)


def _drop_in_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,80}\.conf", text):
        raise UsageError(f"not a drop-in's name: {text!r}", hint="a file name that ends in .conf")
    return text


DROP_IN: Value[str] = Value("NAME.conf", _drop_in_name)


@dataclass(frozen=True)
class UnitEdit(ChangeUnits):
    """Add to a unit by a drop-in file, change it, or take it away; the unit's own file stays as it is.

    The text is given by `--from`, or setting by setting with `--set`. The host's `systemd-analyze verify`
    has to find the unit good with it before it is put in place. The old text is kept, and `audit undo`
    puts it back. Nothing is restarted.
    """

    words = ("unit", "edit")
    drop_in: str = option(DROP_IN, f"the drop-in's file name (default {_DROP_IN})", default=_DROP_IN)
    from_: Path | None = option(PATH, "a file with the whole text")
    set_: tuple[str, ...] = option(SETTING, "a setting (again for more): these are the whole text", many=True)
    remove: bool = switch("take the drop-in away")

    async def draw(self, core: Core, view: View, out: Output) -> Plan:
        broken = unreached(view.broken(Source.UNITS))
        targets = self._targets(view)
        hosts, failed = await look_up("edit", view, targets, out, expand=True)
        found = [
            (host, facts)
            for host in hosts
            for name in host.targets
            if (facts := _there(host, name)) is not None
        ]
        if not (found or broken or failed):
            raise NothingSelected(f"no unit matches {' '.join(self.patterns)}")
        steps: list[Step] = []
        refused: list[Refusal] = []
        idle: list[str] = []
        text = self._text()
        for host, facts in found:
            try:
                before = await read_drop_in(view.fleet.transport(host.host), facts.name, self.drop_in)
            except HostError as error:
                refused.append(Refusal(host.host, facts.name, error.message))
                continue
            if before == text:
                idle.append(f"{host.host}/{facts.name}: it is so already")
            else:
                steps.append(self._step(core, host, facts, before, text))
        tell_idle(out, idle)
        return Plan(format_command(self), tuple(steps), (*refused, *broken, *unreached(failed)))

    def _text(self) -> str | None:
        """What is to stand in the drop-in; None: there is to be none.

        :raises UsageError: it is said in no way, or in two.
        """
        if sum((self.from_ is not None, bool(self.set_), self.remove)) != 1:
            raise UsageError(
                "unit edit: say what is to stand there, in one way", hint="--from FILE, --set …, or --remove"
            )
        if self.remove:
            return None
        if self.from_ is None:
            return _as_file(self.set_)
        try:
            raw = self.from_.expanduser().read_bytes()
            text = raw.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.from_}: {getattr(error, 'strerror', None) or 'is not UTF-8'}") from None
        if len(raw) > LIMIT:
            raise UsageError(f"{self.from_} is longer than {LIMIT // 1024} KiB")
        return text

    def _step(
        self, core: Core, host: HostView, facts: UnitFacts, before: str | None, text: str | None
    ) -> Step:
        keep = kept_path(core.state_folder, before) if before is not None else None
        return Step(
            host.host,
            facts.name,
            "edit",
            _said(facts.name, self.drop_in, before),
            _said(facts.name, self.drop_in, text),
            UnitDropIn(
                facts.name,
                UnitStamp(active_class(facts.active), host.boot, files_of(facts)),
                self.drop_in,
                text,
                before,
                facts.fragment,
                facts.drop_ins,
                keep,
            ),
            (),
            shlex.join(
                [
                    "unit",
                    "edit",
                    f"--on={host.host}",
                    f"--drop-in={self.drop_in}",
                    f"--from={keep}" if keep else "--remove",
                    "--",
                    facts.name,
                ]
            ),
        )


def _there(host: HostView, name: str) -> UnitFacts | None:
    facts = (host.facts or {}).get(name)
    return facts if facts is not None and facts.load not in ("not-found", "masked") else None


def _said(unit: str, drop_in: str, text: str | None) -> str:
    """A drop-in in a few words: all of it, if that is little."""
    path = drop_in_path(unit, drop_in)
    if text is None:
        return f"no {path}"
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = " ".join(lines)
    return f"{path}: {whole}" if len(whole) <= 120 else f"{path}: {len(lines)} lines"


def _as_file(settings: tuple[str, ...]) -> str:
    """Settings as a unit file, each section once."""
    sections: dict[str, list[str]] = {}
    for setting in settings:
        found = _SETTING.fullmatch(setting)
        assert found is not None
        sections.setdefault(found[1], []).append(f"{found[2]}={found[3]}")
    return "\n".join(
        f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections.items()
    )


COMMANDS: tuple[type[Command], ...] = (UnitEdit,)

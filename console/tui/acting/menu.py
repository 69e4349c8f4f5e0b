"""What can be done to what is marked, or to what the cursor is on: a letter each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from console.commands.fitting import fit
from console.tui.acting.offers import Offer, Target

#: What is said of several, where that is not their noun.
_NOUNS = {"audit": "audit record", "": "trouble"}

#: Cells of help beside a verb; what does not fit is in `--help`.
_HELP = 46


class ActionMenu(ModalScreen[Offer | None]):
    """Answers with the verb that was chosen. It changes nothing: what follows is a plan.

    :param refused: why nothing can be chosen; None where it can.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "cancel", "cancel", show=False)]

    def __init__(self, offers: Sequence[Offer], targets: Sequence[Target], refused: str | None) -> None:
        super().__init__()
        self._offers = offers
        self._targets = targets
        self._refused = refused

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialog") as dialog:
            dialog.border_title = _called(self._targets)
            dialog.border_subtitle = "esc closes" if self._refused else "a letter, then its plan"
            yield Static(self._text())

    def _text(self) -> Text:
        text = Text()
        if self._refused:
            text.append(f"✖ {self._refused}\n", "bold")
        for offer in self._offers:
            text.append(f" {offer.letter} ", "dim" if self._refused else "bold reverse")
            text.append(f"  {offer.verb:<14}", "dim" if self._refused else "")
            text.append(f"{fit(offer.command.summary(), _HELP).rstrip()}\n", "dim")
        return text

    def on_key(self, event: events.Key) -> None:
        for offer in self._offers:
            if event.character == offer.letter and not self._refused:
                event.stop()
                self.dismiss(offer)

    def action_cancel(self) -> None:
        self.dismiss(None)


def _called(targets: Sequence[Target]) -> str:
    if len(targets) == 1:
        target = targets[0]
        return f"{target.host}/{target.name}" if target.noun in ("unit", "container") else target.name
    nouns = {target.noun for target in targets}
    noun = nouns.pop() if len(nouns) == 1 else ""
    return f"{len(targets)} {_NOUNS.get(noun, noun)}s"

"""The band on top of a wall: how the fleet is, in words and in figures that are read from across the room."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Digits, Static

from console.commands.fitting import fit
from console.commands.rows import Tone
from console.commands.rows.base import GLYPHS
from console.tui.wall.picture import Band
from console.tui.widgets.bars import Bar

#: Figures there is room for.
_FIGURES = 4

_CLASSES = {Tone.GOOD: "-good", Tone.WARN: "-warn", Tone.BAD: "-bad", Tone.FAINT: "-faint", Tone.PLAIN: ""}


class Figure(Vertical):
    """A number, and below it what it counts."""

    def compose(self) -> ComposeResult:
        yield Digits("")
        yield Static(markup=False)

    def show(self, number: str, word: str, tone: Tone) -> None:
        digits = self.query_one(Digits)
        if digits.value != number:
            digits.update(number)
        self.query_one(Static).update(word)
        _dress(self, tone)


class BandView(Vertical):
    """Shows a `Band`."""

    def compose(self) -> ComposeResult:
        yield Bar(id="verdict")
        with Horizontal(id="figures"):
            for _ in range(_FIGURES):
                yield Figure(classes="figure")
            yield Figure(id="clock")
        yield Bar(id="worst")
        yield Bar(id="rollout")

    def show(self, now: Band, at: datetime, data: str) -> None:
        """Have it say so.

        :param data: how old what is shown is.
        """
        width = self.size.width
        self.set_class(bool(now.stale), "stale")
        _dress(self, Tone.PLAIN if now.stale else now.tone)
        verdict, worst, rollout = f"{GLYPHS[now.tone]} {now.verdict.upper()}", now.worst, now.rollout
        if now.stale:
            verdict = f"╱╱ STALE ╱╱  {now.stale}".ljust(width, "╱")
            worst, rollout = f"last known: {now.verdict}", "╱" * width
        self.query_one("#verdict", Bar).show(fit(f" {verdict}", width))
        figures = list(self.query(".figure").results(Figure))
        for place, figure in enumerate(figures):
            figure.display = place < len(now.figures)
            if figure.display:
                count, word, tone = now.figures[place]
                figure.show(str(count), word, Tone.FAINT if now.stale else tone)
        self.query_one("#clock", Figure).show(f"{at:%H:%M:%S}", f"UTC, {data}", Tone.PLAIN)
        self.query_one("#worst", Bar).show(fit(f" {worst}", width))
        self.query_one("#rollout", Bar).show(fit(f" {rollout}", width))


def _dress(widget: Vertical, tone: Tone) -> None:
    for each, name in _CLASSES.items():
        if name:
            widget.set_class(each is tone, name)

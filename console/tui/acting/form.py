"""The parameters of a macro, to be filled in before it is run."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from console.commands.macro.file import MacroFile
from console.commands.macro.parameters import MacroParameter, values_of
from console.errors import UsageError
from console.model.text import clean


class MacroForm(ModalScreen[tuple[str, ...] | None]):
    """Answers with `NAME=VALUE` for each parameter that is not left as it is. It runs nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("down", "app.focus_next", "next", show=False),
        Binding("up", "app.focus_previous", "previous", show=False),
    ]

    def __init__(self, macro: MacroFile) -> None:
        super().__init__()
        self._macro = macro

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialog") as dialog:
            dialog.border_title = self._macro.title
            dialog.border_subtitle = "enter: next, then its plan   esc: no"
            yield Static(clean(self._macro.description), markup=False)
            for parameter in self._macro.parameters:
                yield Static(_asked(parameter), classes="asked", markup=False)
                yield Input(parameter.default or "", compact=True, id=f"value-{parameter.name}")
            yield Static("", id="wrong", markup=False)

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    def _settings(self) -> tuple[str, ...]:
        settings = []
        for parameter in self._macro.parameters:
            value = self.query_one(f"#value-{parameter.name}", Input).value
            if value != parameter.default and (value or parameter.default is not None):
                settings.append(f"{parameter.name}={value}")
        return tuple(settings)

    def on_input_changed(self) -> None:
        self._wrong()

    def _wrong(self) -> bool:
        """Say what is wrong with the values, if anything is."""
        try:
            values_of(self._macro.title, self._macro.parameters, self._settings())
        except UsageError as error:
            self.query_one("#wrong", Static).update(clean(error.message, 200))
            return True
        self.query_one("#wrong", Static).update("")
        return False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        fields = list(self.query(Input))
        if event.input is not fields[-1]:
            self.focus_next()
        elif not self._wrong():
            self.dismiss(self._settings())

    def action_cancel(self) -> None:
        self.dismiss(None)


def _asked(parameter: MacroParameter) -> str:
    kind = ", ".join(parameter.choices) if parameter.choices else parameter.type
    must = "" if parameter.default is not None else ", must be given"
    about = f": {parameter.description}" if parameter.description else ""
    return clean(f"{parameter.name} ({kind}{must}){about}", 200)

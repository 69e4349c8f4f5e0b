"""How a tone looks: the component classes that every widget of ours paints its cells with.

A theme gives the colours (`$tone-good` and so on, `themes/*.toml`); a widget that inherits
`TONES` in its COMPONENT_CLASSES and `TONES_CSS` in its DEFAULT_CSS asks for the style of a class by
name and never for a colour.
"""

from __future__ import annotations

from console.commands.rows import Tone

#: Component class of each tone.
TONE_CLASS = {tone: f"tone--{tone or 'plain'}" for tone in Tone}

#: Component classes that are no tone.
CURSOR, MARKED, STALE, HEADING, MATCH = (
    "row--cursor",
    "row--marked",
    "row--stale",
    "row--heading",
    "match",
)

TONES: frozenset[str] = frozenset({*TONE_CLASS.values(), CURSOR, MARKED, STALE, HEADING, MATCH})

#: To be filled with the widget's name: `TONES_CSS % {"widget": "FleetTable"}`.
TONES_CSS = """
%(widget)s > .tone--plain { color: $foreground; }
%(widget)s > .tone--good { color: $tone-good; }
%(widget)s > .tone--warn { color: $tone-warn; }
%(widget)s > .tone--bad { color: $tone-bad; text-style: bold; }
%(widget)s > .tone--faint { color: $tone-faint; }
%(widget)s > .row--cursor { background: $row-cursor; }
%(widget)s > .row--marked { background: $row-marked; text-style: bold; }
%(widget)s > .row--stale { color: $tone-faint; text-style: italic; }
%(widget)s > .row--heading { color: $heading; text-style: bold; }
%(widget)s > .match { background: $match; color: $background; }
"""

#: What the variables are where a theme does not say.
DEFAULT_VARIABLES = {
    "tone-good": "#4fc48f",
    "tone-warn": "#e6b450",
    "tone-bad": "#ff7a70",
    "tone-faint": "#8b98a5",
    "row-cursor": "#24507a",
    "row-marked": "#3a3416",
    "heading": "#9ecbff",
    "match": "#f0e442",
}

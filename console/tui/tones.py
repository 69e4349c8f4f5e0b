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
%(widget)s > .tone--faint { color: $tone-faint; text-style: $tone-faint-style; }
%(widget)s > .row--cursor { background: $row-cursor; text-style: $row-cursor-style; }
%(widget)s > .row--marked { background: $row-marked; text-style: $row-marked-style; }
%(widget)s > .row--stale { color: $tone-faint; text-style: $row-stale-style; }
%(widget)s > .row--heading { color: $heading; text-style: bold; }
%(widget)s > .match { background: $match; color: $match-text; text-style: $match-style; }
"""

#: Colours of ours, and what they are where a theme does not say.
DEFAULT_COLORS = {
    "tone-good": "#5fd7a0",
    "tone-warn": "#e9bd5c",
    "tone-bad": "#ff8f85",
    "tone-faint": "#a3b0bc",
    "heading": "#8fc7ff",
    "host-0": "#8fc7ff",
    "host-1": "#6fd7e0",
    "host-2": "#c9a6ff",
    "host-3": "#f0a8d8",
    "row-cursor": "#1f2f5f",
    "row-marked": "#3b2f13",
    "match": "#f0e442",
    "match-text": "#10151b",
    "header": "#1f2328",
    "header-text": "#d7dfe6",
    "badge": "#2f6fae",
    "badge-text": "#ffffff",
    "alert": "#b3261e",
    "alert-text": "#ffffff",
}

#: Text styles of ours: what a theme of few colours, or of none, has instead of colours.
DEFAULT_STYLES = {
    "tone-faint-style": "none",
    "row-cursor-style": "none",
    "row-marked-style": "bold",
    "row-stale-style": "italic",
    "match-style": "none",
}

#: For `App.get_theme_variable_defaults`.
DEFAULT_VARIABLES = {**DEFAULT_COLORS, **DEFAULT_STYLES}

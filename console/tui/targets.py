"""From what the cursor is on to the view that a key leads to. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from console.actions.audit import Record
from console.commands.container_looking import PAGE
from console.commands.looking import CONTAINER_QUESTIONS, UNIT_QUESTIONS
from console.commands.picture import Trouble
from console.commands.rows.etcd import KeyRow
from console.commands.rows.etcd_keys import KindRow
from console.commands.rows.service import ServiceRow
from console.commands.service_looking import SERVICE_QUESTIONS
from console.engine.service_states import Instance
from console.model.container import Container
from console.model.host import Host
from console.model.unit import Unit
from console.tui.views import Kind, View

#: The question about a host, a unit or a container that consoles answer together with the host.
TIMELINE = "before"


def target(row: Any, view: View) -> View | None:
    """The unit, container or host that the keyboard is about, as a page without a question.

    :param row: what the cursor is on; None where there is no cursor, and the view itself is meant.
    """
    match row:
        case Host(name=name):
            return View(Kind.PAGE, name)
        case Unit(host=host, name=name):
            return View(Kind.PAGE, host, unit=name)
        case Container(host=host, name=name, id=box_id):
            return View(Kind.PAGE, host, container=box_id, label=name)
        case ServiceRow(name=name) | Trouble(host="", service=str(name)) if name:
            return View(Kind.PAGE, service=name)
        case Instance(host=str(host), name=name):
            return View(Kind.PAGE, host, unit=name)
        case Instance() | Trouble(host=""):
            return None
        case Trouble(host=host, unit=unit, container=box_id, what=what):
            label = what.removeprefix("container ")
            return View(Kind.PAGE, host, unit=unit, container=box_id, label=label)
    return replace(view, kind=Kind.PAGE, question=None) if view.host or view.service else None


def opened(row: Any) -> View | None:
    """Where enter leads from a row."""
    match row:
        case Record():
            return View(Kind.PAGE, record=row.id)
        case KindRow():
            return View(Kind.KEYS, key=row.kind)
        case KeyRow():
            return View(Kind.KEY, key=row.key)
        case ServiceRow(name=name) | Trouble(host="", service=str(name)):
            return View(Kind.SERVICE, service=name) if name else View(Kind.SERVICES)
        case Instance(name=name):
            return View(Kind.PAGE, service=name, question="why")
        case Trouble(rollout=str(identity)):
            return View(Kind.ROLLOUT, rollout=identity)
        case Trouble(host=""):
            return View(Kind.ETCD)
    found = target(row, View(Kind.WATCH))
    match row:
        case Host():
            return found and replace(found, kind=Kind.UNITS)
        case Trouble(unit=None, container=None):
            return found
    return found and replace(found, kind=Kind.LOGS)


def asked(question: str, about: View) -> View | str:
    """The page that answers a question about a target; as text, why there is none."""
    if about.service:
        if question == "properties":
            return View(Kind.SERVICE, service=about.service)
        known: Collection[str] = SERVICE_QUESTIONS
    else:
        of_container = {PAGE, *CONTAINER_QUESTIONS} if about.container else ()
        known = UNIT_QUESTIONS if about.unit else of_container
    if question in known or (question == TIMELINE and about.host):
        return replace(about, question=question)
    if question == "properties":
        return about
    what = (
        "service" if about.service else "unit" if about.unit else "container" if about.container else "host"
    )
    return f"a {what} has no {question}"

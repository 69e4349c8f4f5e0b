"""Policies and placements as JSON, and back: what etcd keeps and `--output json` prints.

Only what differs from the default is written of a policy, so that a record is short and a new key does not
touch old ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from console.errors import InternalError
from console.model.selector import KeyTerm, NameTerm
from console.placement.outcome import Placed, Verdict
from console.placement.policy import AnyOf, Policy, Preference, QoS, Term
from console.placement.unit_file import Option

Json = dict[str, Any]

_EMPTY = Policy()


def policy_to_json(policy: Policy) -> Json:
    """An object of JSON's own types."""
    found = {field.name: getattr(policy, field.name) for field in fields(Policy)}
    return {name: _plain(value) for name, value in found.items() if value != getattr(_EMPTY, name)}


def policy_from_json(record: Mapping[str, Any]) -> Policy:
    """What `policy_to_json` was given.

    :raises InternalError: it is none of ours, or a newer version's.
    """
    known = {field.name for field in fields(Policy)}
    if unknown := sorted(set(record) - known):
        raise InternalError(
            f"a policy with {', '.join(unknown)}", hint="a newer Quarterdeck wrote it; use that one"
        )
    try:
        return Policy(**{name: _READ.get(name, _same)(value) for name, value in record.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError(f"a policy that cannot be read: {error!r}") from error


def placed_to_json(placed: Placed) -> Json:
    return asdict(placed)


def placed_from_json(record: Mapping[str, Any]) -> Placed:
    """:raises InternalError: it is no placement."""
    try:
        return Placed(**{name: str(value) for name, value in record.items()})
    except TypeError as error:
        raise InternalError(f"a placement that cannot be read: {error}") from error


def why_to_json(instance: str, verdicts: tuple[Verdict, ...]) -> Json:
    """`service why` as scripts have it: `{instance, hosts: [{host, verdict, rule, detail, score}]}`."""
    return {"instance": instance, "hosts": [asdict(verdict) for verdict in verdicts]}


def _plain(value: object) -> Any:
    match value:
        case NameTerm(pattern=pattern):
            return {"name": pattern}
        case KeyTerm(key=key, value=text, negated=negated):
            return {"key": key, "value": text, **({"negated": True} if negated else {})}
        case Preference(weight=weight, terms=terms):
            return {"weight": weight, "terms": _plain(terms)}
        case Option(section=section, name=name, value=text):
            return [section, name, text]
        case QoS():
            return value.value
        case tuple():
            return [_plain(item) for item in value]
    return value


def _same(value: Any) -> Any:
    return value


def _groups(value: Any) -> tuple[AnyOf, ...]:
    return tuple(tuple(_term(term) for term in group) for group in value)


def _term(value: Any) -> Term:
    if "name" in value:
        return NameTerm(value["name"])
    return KeyTerm(value["key"], value["value"], value.get("negated", False))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "require": _groups,
    "prefer": lambda value: tuple(Preference(each["weight"], _groups(each["terms"])) for each in value),
    "near": lambda value: tuple(tuple(group) for group in value),
    "apart": tuple,
    "spread": tuple,
    "replaces": tuple,
    "qos": QoS,
    "settings": lambda value: tuple(Option(*each) for each in value),
}

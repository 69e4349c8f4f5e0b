"""Policies and placements as JSON, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from console.errors import InternalError
from console.placement.outcome import Placed
from console.placement.policy import Policy
from console.placement.records import placed_from_json, placed_to_json, policy_from_json, policy_to_json
from tests.placement.build import spec
from tests.placement.test_scheduler_properties import policies


@given(policies())
def test_a_policy_comes_back_from_json_as_it_was(policy: Policy) -> None:
    assert policy_from_json(json.loads(json.dumps(policy_to_json(policy)))) == policy


def test_a_record_holds_what_was_said_and_no_more() -> None:
    lines = (
        "Replicas=2",
        "Require=web1,zone!=a",
        "Prefer=7 disk=ssd",
        "QoS=best-effort",
        "UnitService.Nice=1",
    )
    record = policy_to_json(spec("web@", *lines).policy)
    assert record == {
        "replicas": 2,
        "require": [[{"name": "web1"}], [{"key": "zone", "value": "a", "negated": True}]],
        "prefer": [{"weight": 7, "terms": [[{"key": "disk", "value": "ssd"}]]}],
        "qos": "best-effort",
        "settings": [["Service", "Nice", "1"]],
    }
    assert policy_from_json(record) == spec("web@", *lines).policy
    assert policy_to_json(Policy()) == {}


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"replicas": 1, "colour": "red"}, "a policy with colour"),
        ({"qos": "best"}, "a policy that cannot be read"),
        ({"require": [[{"key": "a"}]]}, "a policy that cannot be read"),
        ({"require": 3}, "a policy that cannot be read"),
    ],
)
def test_a_policy_that_is_none_of_ours_is_told(record: dict[str, object], told: str) -> None:
    with pytest.raises(InternalError, match=told):
        policy_from_json(record)


def test_a_placement_comes_back_from_json() -> None:
    placed = Placed("web@.service", "web@1.service", "h1")
    assert placed_from_json(json.loads(json.dumps(placed_to_json(placed)))) == placed
    with pytest.raises(InternalError, match="a placement that cannot be read"):
        placed_from_json({"service": "a"})

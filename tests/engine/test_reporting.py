"""What is told of instances beyond what each host says of its own."""

from __future__ import annotations

from dataclasses import replace

from console.engine.reporting import elsewhere_too, warned
from console.placement.reconcile import Condition, Phase
from tests.engine.desired import assigned

WEB = "web@1.service"
LEFT = {"h1": frozenset({WEB, "other.service"}), "h3": frozenset({WEB})}


def test_what_has_moved_from_a_host_that_may_be_cut_off_may_run_twice() -> None:
    assert elsewhere_too(LEFT, assigned("web@1.service=h2")) == {WEB: ["h1", "h3"]}


def test_what_runs_on_a_lease_or_is_placed_there_too_does_not() -> None:
    on_lease = tuple(replace(one, leased=True) for one in assigned("web@1.service=h2"))
    assert elsewhere_too(LEFT, on_lease) == {}
    everywhere = assigned("web@1.service=h1", "web@1.service=h2", "web@1.service=h3")
    assert elsewhere_too(LEFT, everywhere) == {}
    assert elsewhere_too({}, assigned("web@1.service=h2")) == {}


def test_it_is_told_where_else_it_may_run_unless_something_else_is() -> None:
    runs = Condition("web@.service", WEB, "h2", Phase.RUNNING, "")
    failed = replace(runs, phase=Phase.FAILED, reason="exit-code")
    (told, kept) = warned((runs, failed), {WEB: ["h1", "h3"]})
    assert told.reason == "may run on h1, h3 as well, until heard of again"
    assert kept == failed
    assert warned((runs,), {}) == (runs,)

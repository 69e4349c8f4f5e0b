"""Moves that are proposed, and those that are not."""

from __future__ import annotations

from console.placement.outcome import Change, Placed
from console.placement.rebalance import MOVE_COST, rebalance
from console.placement.scheduler import schedule
from console.placement.spec import Spec
from tests.placement.build import at, hosts, spec


def many(*lines: str) -> tuple[list[Spec], list[Placed]]:
    """Twelve services, all on h1."""
    names = [f"s{number:02}" for number in range(12)]
    return [spec(name, *lines) for name in names], at(*(f"{name}=h1" for name in names))


def test_a_host_that_joined_takes_its_part() -> None:
    specs, placed = many()
    assert schedule(specs, hosts(2), placed).changes == ()
    moves = rebalance(specs, hosts(2), placed)
    assert {move.after for move in moves} == {"h2"}
    # Moving one more would gain less than it costs.
    assert len(moves) == 4
    assert moves[0] == Change("s11.service", "s11.service", "h1", "h2", "rebalance", "better by 110")
    assert len(rebalance(specs, hosts(2), placed, move_cost=10)) == 6


def test_there_are_no_more_moves_than_are_asked_for() -> None:
    specs, placed = many()
    assert len(rebalance(specs, hosts(2), placed, most=2)) == 2


def test_what_is_even_is_left_alone() -> None:
    specs, _ = many()
    placed = schedule(specs, hosts(3)).placed
    assert rebalance(specs, hosts(3), placed) == ()
    assert MOVE_COST > 0


def test_what_may_not_move_by_itself_stays() -> None:
    for line in ("Exclusive=yes", "Host=h1", "Near=peer", "Near=self"):
        specs, placed = many(line)
        assert rebalance([*specs, spec("peer", "Host=h1")], hosts(2), [*placed, *at("peer=h1")]) == ()


def test_a_peer_stays_where_those_near_it_are() -> None:
    specs, placed = many("Priority=10")
    specs += [spec("a"), spec("side", "Near=a")]
    moves = rebalance(specs, hosts(2), [*placed, *at("a=h1", "side=h1")], move_cost=1)
    assert not {"a.service", "side.service"} & {move.instance for move in moves}
    assert moves

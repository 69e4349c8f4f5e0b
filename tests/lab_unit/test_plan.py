"""Which hosts a lab shall have, and at which addresses."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from console.errors import LabError
from console.lab.network import free_subnet
from console.lab.plan import FIRST_NUMBER, LAST_NUMBER, Place, Subnet, converge


def names(hosts: tuple[Place, ...]) -> list[str]:
    return [host.name for host in hosts]


def test_an_empty_lab_gets_what_is_wanted_with_a_number_each() -> None:
    plan = converge((), {"docker": 2, "plain": 1}, exact=False)
    assert names(plan.hosts) == ["docker1", "docker2", "plain1"]
    assert [host.number for host in plan.hosts] == [FIRST_NUMBER, FIRST_NUMBER + 1, FIRST_NUMBER + 2]
    assert plan.added == plan.hosts
    assert plan.removed == ()


def test_the_same_wish_twice_changes_nothing() -> None:
    first = converge((), {"docker": 2}, exact=True)
    again = converge(first.hosts, {"docker": 2}, exact=True)
    assert again.hosts == first.hosts
    assert (again.added, again.removed) == ((), ())


def test_at_least_never_removes() -> None:
    have = converge((), {"docker": 3, "podman": 1}, exact=False).hosts
    plan = converge(have, {"docker": 1, "plain": 1}, exact=False)
    assert names(plan.hosts) == ["docker1", "docker2", "docker3", "podman1", "plain1"]
    assert plan.removed == ()


def test_exactly_removes_the_highest_numbered_and_the_kinds_not_named() -> None:
    have = converge((), {"docker": 3, "podman": 1}, exact=False).hosts
    plan = converge(have, {"docker": 2}, exact=True)
    assert names(plan.hosts) == ["docker1", "docker2"]
    assert names(plan.removed) == ["docker3", "podman1"]


def test_a_gap_in_the_names_is_filled_and_the_others_keep_their_numbers() -> None:
    have = (Place("docker2", "docker", 40),)
    plan = converge(have, {"docker": 2}, exact=False)
    assert names(plan.hosts) == ["docker1", "docker2"]
    assert plan.hosts[1] == have[0]


def test_ten_comes_after_nine() -> None:
    plan = converge((), {"plain": 11}, exact=False)
    assert names(plan.hosts)[-3:] == ["plain9", "plain10", "plain11"]


def test_a_removed_hosts_number_is_not_given_to_its_successor() -> None:
    have = (Place("docker1", "docker", FIRST_NUMBER),)
    plan = converge(have, {"plain": 1}, exact=True)
    assert plan.added[0].number != FIRST_NUMBER


def test_a_kind_that_does_not_exist_is_named_with_those_that_do() -> None:
    kinds = "docker, podman, plain, atomic, rpm-ostree, bootc, update-engine, etcd"
    with pytest.raises(LabError, match=rf"no kind of host called vm \(kinds are {kinds}\)"):
        converge((), {"vm": 1}, exact=False)


def test_less_than_no_hosts_is_refused() -> None:
    with pytest.raises(LabError, match="-1 hosts"):
        converge((), {"plain": -1}, exact=False)


@pytest.mark.parametrize("count", [2, 4, 7])
def test_an_etcd_has_an_odd_number_of_members_and_the_refusal_says_why(count: int) -> None:
    with pytest.raises(LabError, match=rf"{count} members is no use \(1, 3 or 5: a majority must agree"):
        converge((), {"etcd": count}, exact=False)


def test_an_etcd_grows_by_new_hosts_and_shrinks_by_the_newest() -> None:
    one = converge((), {"plain": 1, "etcd": 1}, exact=True).hosts
    three = converge(one, {"etcd": 3}, exact=False)
    assert names(three.added) == ["etcd2", "etcd3"]
    assert names(converge(three.hosts, {"etcd": 1}, exact=True).removed) == ["plain1", "etcd2", "etcd3"]


def test_a_lab_has_as_much_room_as_it_has_numbers() -> None:
    room = LAST_NUMBER - FIRST_NUMBER + 1
    assert len(converge((), {"plain": room}, exact=False).hosts) == room
    with pytest.raises(LabError, match=f"a lab holds {room}"):
        converge((), {"plain": room + 1}, exact=False)


def test_a_subnet_has_a_network_for_users_and_one_for_the_lab() -> None:
    subnet = Subnet(7)
    assert (subnet.public(11), subnet.back(11)) == ("198.18.7.11", "198.19.7.11")
    assert subnet.registry == "198.18.7.1:5000"
    assert subnet.updates == "198.18.7.1:8060"


def test_the_first_subnet_that_nobody_uses_is_taken() -> None:
    used = [IPv4Network("198.18.8.0/24"), IPv4Network("198.19.9.0/28")]
    assert free_subnet(7, used) == Subnet(10)


def test_the_search_for_a_subnet_goes_round_and_ends() -> None:
    assert free_subnet(253, [IPv4Network("198.18.254.0/24")]) == Subnet(1)
    assert free_subnet(0, [IPv4Network("198.18.0.0/15")]) is None

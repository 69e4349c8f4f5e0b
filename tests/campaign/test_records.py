"""What the records of a campaign are taken for."""

from __future__ import annotations

from tests.campaign.records import LEASE_UNIT, Life, Records, Stop, causes, overlap, paired

STOP = Stop("h1", "a.service", 100.0)


def test_two_hosts_overlap_for_as_long_as_both_had_a_copy() -> None:
    assert overlap([Life("h1", 0, 10), Life("h2", 7, 12)]) == 3
    assert overlap([Life("h1", 0, 10), Life("h1", 7, 12), Life("h2", 12, 20)]) == 0
    assert overlap([Life("h1", 0, 100), Life("h2", 7, 12)]) == 5


def test_lives_are_from_a_beginning_to_the_next_end() -> None:
    told = [(5.0, False), (1.0, True), (7.0, True), (8.0, True)]
    assert paired("h1", told, 20.0) == [Life("h1", 1.0, 5.0), Life("h1", 7.0, 20.0)]
    assert paired("h1", [(5.0, False)], 20.0) == []


def test_a_record_is_the_cause_of_one_stop_and_of_none_long_after_it() -> None:
    def uncaused(*recorded: Stop, stops: tuple[Stop, ...] = (STOP,)) -> list[Stop]:
        return Records(stops=list(stops), causes=list(recorded)).uncaused

    before = Stop("h1", "a.service", 95.0)
    again = Stop("h1", "a.service", 101.0)
    assert uncaused(before) == []
    assert uncaused() == [STOP]
    assert uncaused(Stop("h2", "a.service", 95.0)) == [STOP]
    assert uncaused(Stop("h1", "a.service", 0.0)) == [STOP]
    assert uncaused(before, stops=(STOP, again)) == [again]


def test_a_lease_that_was_over_is_the_cause_for_what_ran_on_it_alone() -> None:
    over = [Stop("h1", LEASE_UNIT, 99.0)]
    assert Records(lives={"a.service": []}, stops=[STOP], over=over).uncaused == []
    assert Records(stops=[STOP], over=over).uncaused == [STOP]


def test_what_an_engine_is_about_to_stop_is_read_from_its_audit() -> None:
    step = {"host": "h1", "then": "stop a.service, remove b.service, write c.service"}
    record = {"phase": "begin", "time": "1970-01-01T00:01:35Z", "plan": {"steps": [step]}}
    found = list(causes([record, record | {"phase": "end"}]))
    assert found == [Stop("h1", "a.service", 95.0), Stop("h1", "b.service", 95.0)]

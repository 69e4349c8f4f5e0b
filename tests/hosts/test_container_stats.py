"""Figures of containers, from recorded samples and made ones."""

from __future__ import annotations

from typing import Any

import pytest

from console.hosts.container_stats import Sample, cpu_percent, sample_of, stats_of
from tests.hosts.test_container_facts import RECORDED


def answer(read: str = "2026-11-23T22:12:15Z", cpu: int = 1000, **more: Any) -> dict[str, Any]:
    return {"read": read, "cpu_stats": {"cpu_usage": {"total_usage": cpu}}, **more}


def test_a_second_of_half_a_core_is_fifty_percent() -> None:
    before, now = (
        sample_of(answer("2026-11-23T22:12:15Z")),
        sample_of(answer("2026-11-23T22:12:16Z", 500_001_000)),
    )
    assert cpu_percent(before, now) == 50.0


def test_two_cores_are_two_hundred_percent_of_one() -> None:
    before, now = (
        sample_of(answer("2026-11-23T22:12:15Z")),
        sample_of(answer("2026-11-23T22:12:15.5Z", 10**9 + 1000)),
    )
    assert cpu_percent(before, now) == 200.0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Sample(), Sample()),
        (sample_of(answer()), sample_of(answer())),
        (sample_of(answer(cpu=10**9)), sample_of(answer("2026-11-23T22:12:16Z"))),
        (sample_of(answer("2026-11-23T22:12:16Z")), sample_of(answer())),
    ],
    ids=["never ran", "the same sample", "restarted in between", "clock went back"],
)
def test_no_share_of_cpu_where_two_samples_do_not_tell(before: Sample, now: Sample) -> None:
    assert cpu_percent(before, now) is None


def test_memory_without_what_the_kernel_would_drop_first() -> None:
    for key in ("inactive_file", "total_inactive_file"):
        sample = sample_of(answer(memory_stats={"usage": 5000, "stats": {key: 2000}, "limit": 10_000}))
        assert (sample.memory, sample.memory_limit) == (3000, 10_000)


def test_input_and_output_are_summed_over_networks_and_devices() -> None:
    sample = sample_of(
        answer(
            networks={"eth0": {"rx_bytes": 1, "tx_bytes": 10}, "eth1": {"rx_bytes": 2, "tx_bytes": 20}},
            blkio_stats={
                "io_service_bytes_recursive": [
                    {"op": "read", "value": 100}, {"op": "Write", "value": 200}, {"op": "Read", "value": 300},
                ]
            },
            pids_stats={"current": 4},
        )
    )  # fmt: skip
    assert (sample.net_rx, sample.net_tx) == (3, 30)
    assert (sample.block_read, sample.block_write, sample.pids) == (400, 200, 4)


def test_what_docker_says_of_a_container_that_does_not_run() -> None:
    assert sample_of(RECORDED["docker-26"]["stats_exited"]) == Sample()


def test_a_host_without_controllers_knows_no_cpu_and_no_memory() -> None:
    sample = sample_of(RECORDED["docker-26"]["stats"][0])
    assert (sample.cpu_ns, sample.memory, sample.memory_limit, sample.pids) == (None, None, None, None)
    assert sample.block_read is None
    assert sample.net_rx == 726


def test_podman_without_controllers_still_knows_cpu() -> None:
    before, now = (sample_of(item) for item in RECORDED["podman-5"]["stats"])
    stats = stats_of("h", "c-web", "ab", before, now)
    assert before.cpu_ns == 66467000
    assert stats.memory is None
    assert stats.net_rx == 17036


@pytest.mark.parametrize(
    "item",
    [
        None,
        [],
        {},
        {"read": 3},
        answer(networks=[1], blkio_stats={"io_service_bytes_recursive": [3]}),
        answer(cpu=-5),
        answer(memory_stats={"usage": "much"}),
    ],
)
def test_hostile_figures_are_no_figures(item: object) -> None:
    sample = sample_of(item)
    assert sample.memory is None
    assert sample.net_rx in (None, 0)

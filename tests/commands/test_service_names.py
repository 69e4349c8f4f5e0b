"""What a word on a `service …` line means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.commands.service_names import (
    instance_of,
    is_file,
    meant,
    named,
    one_service,
    placements,
    read_specs,
)
from console.errors import ConfigError, NothingSelected, UsageError
from tests.engine.desired import assigned, manifest, service
from tests.placement.build import spec

UNIT = "[Service]\nExecStart=/bin/true\n"

THERE = manifest(
    service("db"),
    service("web@", "Replicas=2"),
    service("web-old"),
    service("data", "Global=yes"),
    at=assigned("web@1.service=h1", "web@2.service=h2", "data.service=h1", "data.service=h2"),
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["db"], ["db.service"]),
        (["db.service", "db"], ["db.service"]),
        (["web"], ["web@.service"]),
        (["web@"], ["web@.service"]),
        (["web*"], ["web-old.service", "web@.service"]),
        (["units/db.service"], ["db.service"]),
        (["*"], ["data.service", "db.service", "web-old.service", "web@.service"]),
    ],
)
def test_names_and_globs_mean_services_each_once(words: list[str], names: list[str]) -> None:
    assert [one.name for one in named(words, THERE)] == names


def test_a_name_that_means_none_an_instance_or_several_is_told() -> None:
    with pytest.raises(NothingSelected, match="no service cache"):
        named(["cache"], THERE)
    with pytest.raises(UsageError, match=r"web@2\.service is an instance of web@\.service") as caught:
        named(["web@2"], THERE)
    assert caught.value.hint == "`service scale web@.service N`; or `unit restart web@2.service --on HOST`"
    with pytest.raises(UsageError, match="say which"):
        one_service("web*", THERE)


def test_a_word_is_a_file_if_it_has_a_slash_or_a_unit_file_of_that_name_is_here(tmp_path: Path) -> None:
    assert is_file("./db.service")
    assert not is_file("db.service")
    (tmp_path / "db.service").write_text(UNIT)
    assert is_file("db.service")
    (tmp_path / "db").write_text("no unit")
    assert not is_file("db")


def test_a_file_wins_over_the_service_of_its_name_and_the_service_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "db.service").write_text(UNIT)
    (one,) = meant(["db.service"], THERE)
    assert one.before is THERE.services["db.service"]
    assert one.spec.text == UNIT
    (one,) = meant(["db"], THERE)
    assert one.spec is THERE.services["db.service"].spec


def test_an_instance_of_no_service_is_made_of_its_template_in_etcd_else_beside(tmp_path: Path) -> None:
    template = replace(service("hello@"), spec=spec("hello@", "MachineMetadata=role=web", section="X-Fleet"))
    fleets = manifest(template, service("hello@1"))
    (one,) = meant(["hello@2"], fleets)
    assert (one.before, one.name) == (None, "hello@2.service")
    assert one.spec.text == fleets.services["hello@.service"].spec.text
    (one,) = meant(["hello@1"], fleets)
    assert one.before is fleets.services["hello@1.service"]
    with pytest.raises(NothingSelected):
        meant(["echo@1"], fleets)
    (tmp_path / "echo@.service").write_text(UNIT)
    (one,) = meant(["echo@1"], fleets)
    assert (one.before, one.name, one.spec.text) == (None, "echo@1.service", UNIT)


def test_the_path_of_an_instance_without_a_file_of_its_own_means_its_template_beside_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units/echo@.service").write_text(UNIT)
    (tmp_path / "units/echo@2.service").write_text(f"{UNIT}# its own")
    (found,) = read_specs(["units/echo@1.service"])
    assert (found.name, found.text) == ("echo@1.service", UNIT)
    assert [one.name for one in meant(["units/echo@1.service"], THERE)] == ["echo@1.service"]
    assert read_specs(["units/echo@2.service"])[0].text.endswith("# its own")
    with pytest.raises(ConfigError, match=r"units/other@1\.service"):
        read_specs(["units/other@1.service"])


def test_a_file_that_is_too_large_to_be_a_unit_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "big.service").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than 1048576 bytes"):
        meant(["big.service"], THERE)


def test_an_instance_is_found_with_its_service_or_what_there_is_is_told() -> None:
    found, name = instance_of("web@2", THERE)
    assert (found.name, name) == ("web@.service", "web@2.service")
    assert instance_of("db", THERE)[1] == "db.service"
    with pytest.raises(NothingSelected) as caught:
        instance_of("web@3", THERE)
    assert caught.value.hint == "web@.service has web@1.service, web@2.service"
    with pytest.raises(NothingSelected):
        instance_of("web@.service", THERE)


def test_placements_are_an_instances_own_or_all_of_a_service() -> None:
    assert [one.host for one in placements(["web@2"], THERE)] == ["h2"]
    assert [one.instance for one in placements(["web"], THERE)] == ["web@1.service", "web@2.service"]
    assert [one.host for one in placements(["data"], THERE)] == ["h1", "h2"]
    with pytest.raises(NothingSelected, match="placed nowhere"):
        placements(["db"], THERE)

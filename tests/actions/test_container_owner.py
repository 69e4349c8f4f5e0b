"""Which unit makes a container, and what the unit is told for another image."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.actions.container_owner import (
    DROP_IN,
    Owned,
    compose_project,
    drop_in_path,
    drop_in_text,
    exec_line,
    image_said,
    made_names,
    owner_of,
    refusal,
    says_image,
)
from console.actions.successor import ASKED, BEFORE
from console.model.container import Container
from console.model.unit_start import ExecStart, UnitStart

OLD, NEW = f"registry/shop@sha256:{'a' * 64}", f"registry/shop@sha256:{'b' * 64}"
LABELS = {ASKED: "registry/shop:1.1", BEFORE: OLD}


def start(line: str, *flags: str) -> ExecStart:
    argv = tuple(shlex.split(line))
    return ExecStart(argv[0], argv, flags)


def unit(*lines: str, name: str = "shop.service", **more: Any) -> UnitStart:
    known = {"fragment": f"/etc/systemd/system/{name}", **more}
    return UnitStart(name, tuple(start(line) for line in lines), **known)


def box(name: str = "shop", image: str = "registry/shop:1.0", **more: Any) -> Container:
    known = {"state": "running", "image_id": f"sha256:{'1' * 64}", "id": "c" * 64, **more}
    return Container("h", name=name, image=image, **known)


def owned(line: str, container: Container, **more: Any) -> Owned:
    found = owner_of(container, [unit(line, **more)])
    assert found is not None
    return found


RUN = "/usr/bin/docker run --rm --name shop -p 80:80 registry/shop:1.0 serve --fast"


@pytest.mark.parametrize(
    "line",
    [
        RUN,
        "/usr/bin/docker --log-level debug run --name=shop registry/shop:1.0",
        "/usr/bin/docker container run -d --name shop registry/shop:1.0",
    ],
)
def test_a_unit_owns_what_its_command_line_runs_by_that_name(line: str) -> None:
    found = owner_of(box(), [unit("/bin/true", name="other.service"), unit(line)])
    assert found is not None
    assert (found.unit.unit, found.verb) == ("shop.service", "run")
    assert owner_of(box("shop2"), [unit(line)]) is None
    assert owner_of(box(engine="podman"), [unit(line)]) is None


def test_the_label_of_podman_counts_before_any_command_line() -> None:
    labelled = box(engine="podman", unit="label.service")
    found = owner_of(labelled, [unit(RUN.replace("docker", "podman")), unit("/bin/x", name="label.service")])
    assert found is not None
    assert found.unit.unit == "label.service"
    assert "does not say how" in (refusal(found, labelled) or "")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/usr/bin/docker start -a shop", "starts and stops it"),
        ("/bin/sh -c 'docker run --name shop registry/shop:1.0'", "by a shell's line"),
        ("/usr/bin/docker run --name shop '${IMAGE}'", "does not have registry/shop:1.0 once"),
        (f"{RUN} registry/shop:1.0", "does not have registry/shop:1.0 once"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_the_file_to_change(line: str, words: str) -> None:
    why = refusal(owned(line, box()), box())
    assert why is not None
    assert words in why
    assert "/etc/systemd/system/shop.service" in why


def test_an_instance_of_a_service_and_a_kube_file_have_ways_of_their_own() -> None:
    assert "service update" in (refusal(owned(RUN, box(), placed=True), box()) or "")
    kube = owned(RUN, box(), source="/etc/containers/systemd/shop.kube")
    assert "/etc/containers/systemd/shop.kube" in (refusal(kube, box()) or "")


def test_a_drop_in_changes_the_image_and_nothing_else() -> None:
    there = owned(RUN, box())
    assert refusal(there, box()) is None
    assert drop_in_path(there.unit) == f"/etc/systemd/system/shop.service.d/{DROP_IN}"
    text = drop_in_text(there, "registry/shop:1.0", NEW, LABELS)
    *_, section, emptied, line = text.splitlines()
    assert (section, emptied) == ("[Service]", "ExecStart=")
    assert line == (
        "ExecStart=/usr/bin/docker run --rm --name shop -p 80:80 "
        f"--label {ASKED}=registry/shop:1.1 --label {BEFORE}={OLD} {NEW} serve --fast"
    )


def test_the_next_update_replaces_what_the_last_one_said_also_one_that_was_broken_off() -> None:
    told = f"/usr/bin/docker run --name shop --label {ASKED}=x --label {BEFORE}={OLD} {NEW} serve"
    newest = f"registry/shop@sha256:{'d' * 64}"
    # The container is still of the image before: its unit was not restarted.
    there = owned(told, box(image="registry/shop:1.0"))
    assert refusal(there, box(image="registry/shop:1.0")) is None
    assert image_said(there) == NEW
    assert there.label(BEFORE) == OLD
    text = drop_in_text(there, "registry/shop:1.0", newest, {ASKED: "y", BEFORE: NEW})
    assert f"--name shop --label {ASKED}=y --label {BEFORE}={NEW} {newest} serve" in text
    assert text.count(ASKED) == 1


def test_quadlet_is_told_in_its_own_words() -> None:
    source = "/usr/share/containers/systemd/shop.container"
    line = "/usr/bin/podman run --name shop --replace --rm -d registry/shop:1.0"
    there = owned(line, box(engine="podman"), source=source)
    assert drop_in_path(there.unit) == f"/etc/containers/systemd/shop.container.d/{DROP_IN}"
    text = drop_in_text(there, "registry/shop:1.0", NEW, LABELS)
    assert f"[Container]\nImage={NEW}\n" in text
    assert f"Label={BEFORE}={OLD}\n" in text


def test_names_of_images_that_mean_the_same_are_the_same() -> None:
    line = "/usr/bin/podman run --name shop busybox sh"
    there = box(engine="podman", image="docker.io/library/busybox:latest")
    assert refusal(owned(line, there), there) is None


@pytest.mark.parametrize(
    ("flags", "prefix"),
    [((), ""), (("ignore-failure", "privileged"), "-+"), (("ambient",), "!!"), (("no-env-expand",), ":")],
)
def test_prefixes_are_kept(flags: tuple[str, ...], prefix: str) -> None:
    assert exec_line(start("/bin/x a", *flags)) == f"{prefix}/bin/x a"


def test_a_prefix_that_is_not_known_is_not_dropped() -> None:
    assert exec_line(start("/bin/x a", "from-the-future")) is None


def test_a_program_with_another_name_of_its_own_keeps_it() -> None:
    assert exec_line(ExecStart("/usr/bin/docker", ("docker", "run"))) == "@/usr/bin/docker docker run"


def unquoted(line: str) -> list[str]:
    """A line as systemd takes it apart, of what we write: double quotes, `\\x`, doubled percent signs."""
    words: list[str] = []
    word, at, quoted, begun = "", 0, False, False
    while at < len(line):
        char = line[at]
        if char == '"':
            quoted, begun = not quoted, True
        elif char == " " and not quoted:
            words, word, begun = ([*words, word] if word or begun else words), "", False
        elif char == "\\":
            if line[at + 1] == "x":
                word, at = word + chr(int(line[at + 2 : at + 4], 16)), at + 2
            else:
                word += line[at + 1]
            at += 1
        elif line[at : at + 2] == "%%":
            word, at = word + "%", at + 1
        else:
            word += char
        at += 1
    return [*words, word] if word or begun else words


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=8), max_size=4))
def test_every_word_comes_back_as_it_was(words: list[str]) -> None:
    line = exec_line(ExecStart("/bin/x", ("/bin/x", *words)))
    assert line is not None
    assert "\n" not in line
    assert unquoted(line) == ["/bin/x", *words]


def test_whether_systemd_has_taken_it_is_seen_in_the_command() -> None:
    assert says_image(unit(f"/usr/bin/docker run {NEW}"), NEW)
    assert not says_image(unit(RUN), NEW)


def test_names_that_units_make_are_found_where_there_is_no_container() -> None:
    units = [unit(RUN), unit("/usr/bin/podman run --replace --name db db", name="db.service"), unit("/bin/x")]
    assert [(engine, name) for engine, name, _ in made_names(units)] == [("docker", "shop"), ("podman", "db")]


def test_a_compose_project_says_where_its_file_is() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.project.config_files": "/srv/c.yaml"}
    assert compose_project(box(labels=labels)) == "the compose project shop (/srv/c.yaml)"
    assert compose_project(box()) is None

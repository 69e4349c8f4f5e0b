"""The image of a unit's container, found and replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import UsageError
from console.placement.unit_image import images, with_image

NEW = "registry/api:2.0"


def unit(*lines: str) -> str:
    return "".join(f"{line}\n" for line in ("[Service]", *lines))


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("/usr/bin/podman run --rm --name web-%i registry/web:1.4", "registry/web:1.4"),
        ("-/usr/bin/docker run --rm -p 80:80 web", "web"),
        ("docker run -it -eA=1 -e B=2 --net host web:1 web --port 80", "web:1"),
        ("docker run --name web web sleep web", "web"),
        ("podman --log-level debug container run -d --label=a 'registry/a:1' run", "registry/a:1"),
        ("podman create --replace --name x registry:5000/x@sha256:00 true", "registry:5000/x@sha256:00"),
    ],
)
def test_the_image_is_the_first_word_behind_the_options(line: str, image: str) -> None:
    text = unit(f"ExecStart={line}")
    assert images(text) == (image,)
    changed = with_image(text, NEW)
    assert images(changed) == (NEW,)
    assert with_image(changed, image).replace("'", "") == text.replace("'", ""), "and nothing else is touched"


@pytest.mark.parametrize(
    "line",
    ["/bin/sleep 1", "docker exec web run x", "docker start -a web", "/bin/sh -c 'docker run web'", ""],
)
def test_a_line_that_starts_no_container_has_none(line: str) -> None:
    with pytest.raises(UsageError, match="no image"):
        with_image(unit(f"ExecStart={line}"), NEW)


def test_it_is_pulled_by_its_new_name_too_and_lines_that_go_on_stay_so() -> None:
    text = unit(
        "ExecStartPre=-/usr/bin/podman pull --quiet web:1",
        "ExecStart=/usr/bin/podman run --rm \\",
        "  --name web:1 \\",
        "  web:1 --serve",
        "ExecStop=/usr/bin/podman stop web:1",
    )
    assert with_image(text, NEW) == unit(
        f"ExecStartPre=-/usr/bin/podman pull --quiet {NEW}",
        "ExecStart=/usr/bin/podman run --rm \\",
        "  --name web:1 \\",
        f"  {NEW} --serve",
        "ExecStop=/usr/bin/podman stop web:1",
    )


def test_of_several_none_is_chosen() -> None:
    text = unit("ExecStartPre=docker run init:1", "ExecStart=docker run web:1")
    with pytest.raises(UsageError, match="several images: init:1, web:1"):
        with_image(text, NEW)


@given(st.text(max_size=200))
def test_any_text_at_all_is_read(text: str) -> None:
    images(f"[Service]\nExecStart=docker run {text}")

"""References to images."""

from __future__ import annotations

import pytest

from console.model.image import Reference, parse_reference

DIGEST = f"sha256:{'0f' * 32}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("web", Reference("web", "latest")),
        ("lab/app:1.1", Reference("lab/app", "1.1")),
        ("registry:5000/team/app", Reference("registry:5000/team/app", "latest")),
        ("198.18.0.1:5000/lab/app:v1_x", Reference("198.18.0.1:5000/lab/app", "v1_x")),
        (f"lab/app@{DIGEST}", Reference("lab/app", None, DIGEST)),
        (f"lab/app:1.1@{DIGEST}", Reference("lab/app", "1.1", DIGEST)),
    ],
)
def test_a_reference_is_read(text: str, found: Reference) -> None:
    assert parse_reference(text) == found
    assert parse_reference(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", ":1", "Web", "-x", "a b", "web:", "web:-1", "web@sha256:12", "web@md5:1", "$(id)", "a//b"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|no digest"):
        parse_reference(text)

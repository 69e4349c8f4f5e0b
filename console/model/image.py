"""References to container images, as people write them. Pure.

Grammar: the distribution project, reference/reference.go: `[registry[:port]/]path[:tag][@digest]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PATH = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+|[a-z0-9]+([._-]+[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Reference:
    """`repository:tag`, or `repository@digest`; a digest says which image, a tag which one today."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}{f'@{self.digest}' if self.digest else ''}"

    @property
    def pinned(self) -> str:
        """By digest alone. Only of one that has it."""
        assert self.digest is not None
        return f"{self.repository}@{self.digest}"


def parse_reference(text: str) -> Reference:
    """:raises ValueError: it is none."""
    rest, at, digest = text.partition("@")
    repository, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = rest, ""
    if not _PATH.fullmatch(repository) or len(repository) > 255:
        raise ValueError(f"{text!r} is no image")
    if colon and rest.endswith(":"):
        raise ValueError(f"{text!r} is no image: its tag is missing")
    if tag and not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is no tag of an image")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is no digest: sha256: and 64 hexadecimal digits")
    return Reference(repository, tag or (None if at else "latest"), digest or None)

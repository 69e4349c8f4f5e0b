"""Which Debian archive this machine uses, read from its own apt configuration. Pure.

The lab's image is made of another Debian release from the same archive, so nothing about where
packages come from is written into Quarterdeck. Formats: sources.list(5), both the one-line and the
deb822 style; `apt-config dump` for options.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: Where Debian keeps the keys of its archive (package debian-archive-keyring).
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

_RELEASE_WORDS = ("stable", "oldstable", "oldoldstable", "testing")
_SUFFIXES = ("", "-updates", "-security", "/updates")
_OPTIONS = re.compile(r"(?i)acquire::(https?::|check-|retries|forceipv[46])")


@dataclass(frozen=True, slots=True)
class Source:
    """One archive: where, which suites and components, and the keyring that signs it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str | None = None


def parse_sources(files: Mapping[str, str]) -> list[Source]:
    """Every enabled binary source in `files` (name → text), by file name; unknown lines are skipped."""
    found: list[Source] = []
    for name, text in sorted(files.items()):
        if name.endswith(".sources"):
            found += _deb822(text)
        elif name.endswith(".list"):
            found += _one_line(text)
    return found


def for_release(sources: Iterable[Source], codename: str, release: str) -> list[str]:
    """The lines of a sources.list that takes `release` from this machine's Debian archives.

    `codename` is this machine's own release. A source counts as Debian's own if it is signed by
    Debian's keyring (or names none), has a `main` component, and a suite named after the release;
    third parties fail at one of these. Backports are left out.
    """
    lines: list[str] = []
    for source in sources:
        key = source.signed_by or KEYRING
        if "debian-archive" not in key or "main" not in source.components:
            continue
        for suite in source.suites:
            for word in (codename, *_RELEASE_WORDS):
                suffix = suite.removeprefix(word)
                if suite.startswith(word) and suffix in _SUFFIXES:
                    suffix = suffix.replace("/updates", "-security")
                    lines.append(f"deb [signed-by={key}] {source.uri} {release}{suffix} main")
    return list(dict.fromkeys(lines))


def options(dump: str) -> list[str]:
    """From `apt-config dump`, the settings that say how the archive is reached (proxies, date checks)."""
    wanted = []
    for line in dump.splitlines():
        name, _, value = line.strip().rstrip(";").partition(" ")
        if _OPTIONS.match(name) and value.strip('"'):
            wanted.append(f"{name} {value}")
    return wanted


def _deb822(text: str) -> list[Source]:
    found = []
    for stanza in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t") and last:
                fields[last] += " " + line.strip()
            elif ":" in line:
                last, _, value = line.partition(":")
                last = last.strip().lower()
                fields[last] = value.strip()
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        for uri in fields.get("uris", "").split():
            suites, components = fields.get("suites", ""), fields.get("components", "")
            signed_by = fields.get("signed-by") or None
            found.append(Source(uri, tuple(suites.split()), tuple(components.split()), signed_by))
    return found


_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)")


def _one_line(text: str) -> list[Source]:
    found = []
    for line in text.splitlines():
        if match := _LINE.match(line.strip()):
            pairs = dict(word.partition("=")[::2] for word in (match["options"] or "").split())
            components = tuple(match["components"].split())
            found.append(Source(match["uri"], (match["suite"],), components, pairs.get("signed-by")))
    return found

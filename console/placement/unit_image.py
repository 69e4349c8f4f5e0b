"""The image that a unit's container is made of: found in its `docker run` or `podman run`, and replaced.

What stands behind `run`, `create` or `pull` are options until the first word that is none: the image
(docker-run(1), podman-run(1)). Options of one dash may be joined, and all but a few take a value, in the same
word behind an `=` or in the next one; the few are listed here, as both programs' manuals have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from console.errors import UsageError
from console.model.text import clean

_ENGINES = ("docker", "podman")
_RUNNING = ("run", "create")
#: Verbs behind which no image of the unit's own stands as the first word.
_OTHERS = frozenset(
    {
        *("exec", "start", "stop", "restart", "rm", "kill", "wait", "logs", "inspect", "attach", "build"),
        *("compose", "kube", "play", "network", "volume", "pod", "image", "system", "secret", "cp", "rmi"),
    }
)

#: Options that take no value.
_SWITCHES = frozenset(
    {
        *("--detach", "--disable-content-trust", "--env-host", "--help", "--http-proxy", "--init"),
        *("--interactive", "--no-healthcheck", "--no-hostname", "--no-hosts", "--oom-kill-disable"),
        *("--all-tags", "--passwd", "--privileged", "--publish-all", "--quiet", "--read-only"),
        *("--read-only-tmpfs", "--replace", "--rm", "--rmi", "--rootfs", "--sig-proxy", "--tls-verify"),
        "--tty",
    }
)
_SHORT_SWITCHES = frozenset("ditPq")

#: A line that executes something, with the lines that go on with it.
_COMMAND = re.compile(r"^[ \t]*Exec(?:Start|StartPre|StartPost)[ \t]*=((?:.*\\\n)*.*)$", re.MULTILINE)
_WORD = re.compile(r"""(?:[^\s"'\\]|\\(?!\n)|"[^"]*"|'[^']*')+""")
_VERB_OF = {**dict.fromkeys(_RUNNING, "run"), "pull": "pull"}


def images(text: str) -> tuple[str, ...]:
    """The images of the containers that a unit file starts, each once, as they stand there."""
    return tuple(dict.fromkeys(image for verb, image, _, _ in _found(text) if verb == "run"))


def with_image(text: str, image: str) -> str:
    """The same unit file, with another image for its own, also where it is pulled.

    :raises UsageError: it has none that can be found, or several.
    """
    there = images(text)
    if len(there) != 1:
        several = f"several images: {', '.join(clean(one, 80) for one in there)}" if there else "no image"
        raise UsageError(
            f"its unit file has {several} that a `docker run` or `podman run` of it starts",
            hint="edit the file, and give that",
        )
    made, at = [], 0
    for _, was, begin, end in _found(text):
        if was == there[0]:
            made += [text[at:begin], image]
            at = end
    return "".join([*made, text[at:]])


def _found(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Each image that a line of a unit file names: `run` or `pull`, the image, and where it stands."""
    for line in _COMMAND.finditer(text):
        words = _WORD.finditer(text, line.start(1), line.end(1))
        first = next(words, None)
        if first is None or first[0].lstrip("-@:+!|").rpartition("/")[2] not in _ENGINES:
            continue
        verb = next((word[0] for word in words if word[0] in _VERB_OF or word[0] in _OTHERS), None)
        if verb not in _VERB_OF:
            continue
        for word in words:
            if not word[0].startswith("-"):
                yield _VERB_OF[verb], word[0].strip("\"'"), word.start(), word.end()
                break
            if _takes_next(word[0]):
                next(words, None)


def _takes_next(word: str) -> bool:
    """Whether the word behind an option is its value."""
    if "=" in word:
        return False
    if word.startswith("--"):
        return word not in _SWITCHES
    # Joined ones end in one that may take a value, in the same word or in the next: `-it`, `-eA`, `-de A`.
    for at, letter in enumerate(word[1:], 1):
        if letter not in _SHORT_SWITCHES:
            return at == len(word) - 1
    return False

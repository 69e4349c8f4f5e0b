"""The lab's image registry: Debian's docker-registry, run out of the hosts' image, on the bridge.

Protocol of the push: the OCI distribution specification, "Pushing blobs" and "Pushing manifests".
"""

from __future__ import annotations

import asyncio
import http.client
import time
from pathlib import Path
from urllib.parse import urlsplit

from console.errors import LabError
from console.lab import oci
from console.lab.cells import Cells, alive
from console.lab.image import Image
from console.lab.run import run

CELL = "registry"
REPOSITORY = "lab/busybox"
VERSIONS = ("1.0", "1.1")
APP = "lab/app"

_ANSWERS_WITHIN = 10.0  # seconds
_CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: /srv/data}}
  delete: {{enabled: true}}
http: {{addr: "{address}"}}
"""


async def ensure(cells: Cells, image: Image, folder: Path, address: str) -> bool:
    """Have the registry answer at `address` with our images in it; False if it did already.

    :raises LabError: it does not start.
    """
    if alive(cells, CELL):
        return False
    await cells.kill(CELL)
    await asyncio.to_thread(_prepare, folder, address)
    # The image's own program in the image's own tree, with our folder bound at /srv, seen by no one else.
    inside = 'mount --bind "$1" "$2/srv" && exec chroot "$2" /usr/bin/docker-registry serve /srv/config.yml'
    argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", inside, "sh"]
    argv += [str(folder), str(image.tree)]
    await cells.start(CELL, argv, folder / "log")
    busybox = image.tree / "usr/bin/busybox"
    applets = (await run(["chroot", str(image.tree), "/usr/bin/busybox", "--list"])).split()
    architecture = (await run(["dpkg", "--print-architecture"])).strip()
    await asyncio.to_thread(_fill, address, busybox, applets, architecture, folder / "log")
    return True


def _prepare(folder: Path, address: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.yml").write_text(_CONFIG.format(address=address))


def _fill(address: str, busybox: Path, applets: list[str], architecture: str, log: Path) -> None:
    _wait(address, log)
    binary = busybox.read_bytes()
    for version in VERSIONS:
        push(address, REPOSITORY, version, oci.busybox_image(binary, applets, version, architecture))
    for version in oci.APP_VERSIONS:
        push(address, APP, version, oci.app_image(binary, applets, version, architecture))


def _wait(address: str, log: Path) -> None:
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while True:
        try:
            _ask(address, "GET", "/v2/")
            return
        except OSError as error:
            if time.monotonic() > deadline:
                why = f"the registry does not answer at {address}: {error}"
                raise LabError(why, hint=f"see {log}") from error
            time.sleep(0.02)


def push(address: str, repository: str, tag: str, image: oci.Image) -> None:
    """Push `image` as `repository:tag`. A second push of the same bytes changes nothing.

    :raises LabError: the registry refuses a part.
    """
    for name, content in image.blobs.items():
        place = urlsplit(_ask(address, "POST", f"/v2/{repository}/blobs/uploads/"))
        query = f"{place.query}&digest={name}" if place.query else f"digest={name}"
        _ask(address, "PUT", f"{place.path}?{query}", content, "application/octet-stream")
    _ask(address, "PUT", f"/v2/{repository}/manifests/{tag}", image.manifest, oci.MANIFEST_TYPE)


def _ask(address: str, method: str, path: str, body: bytes = b"", kind: str = "") -> str:
    """One request; the Location it answered with, if any."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        text = response.read(4096).decode("utf-8", "replace")
    finally:
        connection.close()
    if response.status >= 300:
        raise LabError(f"the registry answered {response.status} to {method} {path}: {text}")
    return response.getheader("Location", "")

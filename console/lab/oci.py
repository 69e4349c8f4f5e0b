"""Container images made of one program: busybox, as bytes ready to push. Pure.

Formats: Docker image manifest v2 schema 2 and its config, and tar for the layer.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest and the blobs it names (digest → content)."""

    manifest: bytes
    blobs: Mapping[str, bytes]


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def busybox_image(busybox: bytes, applets: Sequence[str], version: str, architecture: str) -> Image:
    """`lab/busybox` at `version`, which it states in /etc/release, its labels and its web page.

    The same arguments give the same bytes. Containers of it stop at once: PID 1 of a container
    ignores SIGTERM unless it handles it, and busybox does not.
    """
    config = {
        "Env": ["PATH=/bin"],
        "Cmd": ["/bin/sh"],
        "StopSignal": "SIGKILL",
        "Labels": {"org.opencontainers.image.version": version},
    }
    return _image("lab/busybox", busybox, applets, version, architecture, config)


#: What there is of `lab/app`, and what becomes of it: the server, and the health check's command.
APP_VERSIONS: Mapping[str, tuple[str, str]] = {
    "1.0": ("exec httpd -f -p 80 -h /www", "wget -q -O /dev/null http://127.0.0.1/"),
    "1.1": ("exec httpd -f -p 80 -h /www", "wget -q -O - http://127.0.0.1/ | grep -q 1.1"),
    "1.2": ("exec httpd -f -p 80 -h /www", "exit 1"),  # starts, and is never healthy
    "1.3": ("httpd -p 80 -h /www; sleep 10; exit 3", "wget -q -O /dev/null http://127.0.0.1/"),
}


def app_image(busybox: bytes, applets: Sequence[str], version: str, architecture: str) -> Image:
    """`lab/app` at `version`: a web server with defaults that differ from version to version.

    1.0 and 1.1 are good, 1.2 starts and is unhealthy, 1.3 is healthy for ten seconds and then dies.
    """
    serve, check = APP_VERSIONS[version]
    config = {
        "Env": [
            "PATH=/bin",
            f"APP_VERSION={version}",
            *(["APP_MODE=new"] if version != "1.0" else ["APP_OLD=1"]),
        ],
        "Cmd": ["/bin/sh", "-c", serve],
        "StopSignal": "SIGKILL",
        "WorkingDir": "/www" if version == "1.0" else "/",
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {
            "Test": ["CMD-SHELL", check],
            "Interval": 500_000_000,
            "Timeout": 2_000_000_000,
            "Retries": 3,
        },
        "Labels": {"org.opencontainers.image.version": version, f"lab.of-{version}": "yes"},
    }
    return _image("lab/app", busybox, applets, version, architecture, config)


def _image(
    name: str,
    busybox: bytes,
    applets: Sequence[str],
    version: str,
    architecture: str,
    defaults: Mapping[str, object],
) -> Image:
    """busybox under all its names, with the `config` of containers made from it."""
    files = {
        "bin/busybox": busybox,
        "etc/passwd": b"root:x:0:0:root:/:/bin/sh\n",
        "etc/release": f"{name} {version}\n".encode(),
        "www/index.html": f"<h1>{name} {version}</h1>\n".encode(),
    }
    tar = _layer(files, {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"})
    layer = gzip.compress(tar, mtime=0)
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "2025-01-01T00:00:00Z",
            "config": defaults,
            "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
            "history": [{"created": "2025-01-01T00:00:00Z", "created_by": f"{name} {version}"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(_CONFIG_TYPE, config),
            "layers": [_descriptor(_LAYER_TYPE, layer)],
        }
    )
    return Image(manifest, {digest(layer): layer, digest(config): config})


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": digest(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _layer(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        folders = {name.rpartition("/")[0] for name in (*files, *links)} | {"tmp", "proc", "sys", "dev"}
        for name in sorted(folders):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        for name, target in sorted(links.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return out.getvalue()

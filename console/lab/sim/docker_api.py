"""docker's or podman's socket on a host: HTTP/1.1 as Go's net/http speaks it, and what the API does.

Source: Docker Engine API 1.45. Questions may be pipelined; answers come in order. The stream of events
is chunked and lasts as long as the connection.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

from console.lab.sim import docker_json
from console.lab.sim.catalog import IMAGES
from console.lab.sim.containers import Conflict, Engine, EngineEvent, NoSuchContainer, image_id
from console.lab.sim.machine import Machine
from console.lab.sim.wire import Out

_HEAD_MOST = 64 * 1024
_VERSION = re.compile(r"/v\d+\.\d+(?=/)")
_CONTAINER = re.compile(r"/(?:libpod/)?containers/([^/]+)(?:/([a-z]+))?")
_IMAGE = re.compile(r"/images/(.+)/json")
_REASONS = {200: "OK", 204: "No Content", 304: "Not Modified", 400: "Bad Request", 404: "Not Found",
            409: "Conflict", 501: "Not Implemented"}  # fmt: skip


class DockerService:
    """One connection to the engine of `machine`; see `Service`."""

    def __init__(self, machine: Machine, engine: Engine, out: Out) -> None:
        self._machine = machine
        self._engine = engine
        self._out = out
        self._bytes = bytearray()
        self._wanted: Mapping[str, list[str]] | None = None

    # -- Service ----------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        self._bytes += data
        while self._wanted is None and (end := self._bytes.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._bytes[:end]).decode("latin-1")
            length = re.search(r"(?im)^content-length:\s*(\d+)", head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._bytes) < whole:
                return
            del self._bytes[:whole]
            method, target, *_ = [*head.partition("\r\n")[0].split(" "), "", ""]
            self._request(method, target)
        if len(self._bytes) > _HEAD_MOST:
            self._out.end(1)

    def finished(self) -> None:
        self.closed()
        self._out.end()

    def closed(self) -> None:
        if self._wanted is not None and self._heard in self._engine.heard:
            self._engine.heard.remove(self._heard)

    # -- requests ---------------------------------------------------------------------------

    def _request(self, method: str, target: str) -> None:
        parts = urlsplit(target)
        path = _VERSION.sub("", parts.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        try:
            self._route(method, path, query)
        except NoSuchContainer as error:
            self._refuse(404, f"No such container: {error}")
        except Conflict as error:
            self._refuse(409, str(error))

    def _route(self, method: str, path: str, query: Mapping[str, str]) -> None:
        machine, engine = self._machine, self._engine
        match method, path:
            case (("GET" | "HEAD"), "/_ping"):
                self._say(200, b"OK" if method == "GET" else b"", kind="text/plain; charset=utf-8")
            case "GET", "/version":
                self._say(200, docker_json.version(engine))
            case "GET", "/events":
                self._follow(query)
            case "GET", "/containers/json":
                everything = query.get("all", "0") not in ("", "0", "false")
                self._say(200, docker_json.summaries(machine, engine, everything=everything))
            case "GET", _ if found := _IMAGE.fullmatch(path):
                self._image(unquote(found[1]))
            case _ if found := _CONTAINER.fullmatch(path):
                self._container(method, unquote(found[1]), found[2] or "", query)
            case _:
                self._refuse(404, "page not found")

    def _container(self, method: str, word: str, verb: str, query: Mapping[str, str]) -> None:
        machine, engine = self._machine, self._engine
        container = engine.find(word)

        def done() -> None:
            self._say(204)

        match method, verb:
            case "GET", "json":
                self._say(200, docker_json.inspection(machine, engine, container))
            case "GET", "stats":
                self._say(200, docker_json.statistics(machine, container))
            case "POST", "start":
                self._say(304 if container.up else 204)
                engine.start(container)
            case "POST", "stop":
                if not container.up:
                    self._say(304)
                else:
                    engine.stop(container, done)
            case "POST", "restart":
                engine.restart(container, done)
            case "POST", "kill":
                engine.kill(container)
                done()
            case "POST", ("pause" | "unpause"):
                engine.pause(container, paused=verb == "pause")
                done()
            case "POST", "rename":
                engine.rename(container, query.get("name", container.name))
                done()
            case "DELETE", "":
                engine.remove(container, force=query.get("force", "0") not in ("", "0", "false"))
                done()
            case _:
                self._refuse(501, "not simulated")

    def _image(self, word: str) -> None:
        for reference in IMAGES:
            if word in (image_id(reference), image_id(reference).removeprefix("sha256:"), reference):
                self._say(200, docker_json.image(reference))
                return
        self._refuse(404, f"No such image: {word}")

    # -- events -----------------------------------------------------------------------------

    def _follow(self, query: Mapping[str, str]) -> None:
        filters = json.loads(query.get("filters", "{}"))
        self._wanted = {key: list(value) for key, value in filters.items() if isinstance(value, (list, dict))}
        self._out.write(self._head(200, "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n"))
        since = float(query["since"]) if "since" in query else None
        for happened in tuple(self._engine.recent):
            if since is not None and self._machine.wall(happened.time) >= since:
                self._heard(happened)
        self._engine.heard.append(self._heard)

    def _heard(self, happened: EngineEvent) -> None:
        assert self._wanted is not None
        types, actions = self._wanted.get("type"), self._wanted.get("event")
        if types and happened.type not in types:
            return
        if actions and not any(happened.action.startswith(action) for action in actions):
            return
        line = docker_json.event(self._machine, happened)
        self._out.write(b"%x\r\n%b\r\n" % (len(line), line))

    # -- answers ----------------------------------------------------------------------------

    def _refuse(self, status: int, message: str) -> None:
        self._say(status, json.dumps({"message": message}).encode())

    def _say(self, status: int, body: bytes = b"", *, kind: str = "application/json") -> None:
        fields = "" if status in (204, 304) else f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        self._out.write(self._head(status, fields) + body)

    def _head(self, status: int, fields: str) -> bytes:
        podman = self._engine.kind == "podman"
        own = (
            "Server: Libpod/5.4.2 (linux)\r\nLibpod-Api-Version: 5.4.2\r\n"
            if podman
            else "Server: Docker/26.1.5+dfsg1 (linux)\r\nOstype: linux\r\n"
        )
        date = formatdate(self._machine.wall(), usegmt=True)
        version = "1.41" if podman else "1.45"
        return (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nApi-Version: {version}\r\n{own}{fields}"
            f"Date: {date}\r\n\r\n"
        ).encode()

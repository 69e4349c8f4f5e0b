"""The `docker` package's room: blocking requests to one daemon. Imported on the first question.

Its `APIClient` is a `requests.Session` over the daemon's socket. The session's own `request` is used,
not the methods by name, because those read an answer of any size into memory; paths and parameters are
those of the methods. Nothing of the package leaves here.

Readers get `BlockingEngine`, which can ask and nothing else; `WritingEngine` is for changes alone
(`engine_control.py`).
"""

# ruff: noqa: E402 - a warning has to be silenced before the imports that give it

from __future__ import annotations

import socket
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# requests grumbles on stderr, in the middle of a screen, about neighbours' versions as it is imported.
warnings.filterwarnings("ignore", message=".* doesn't match a supported version")

import requests
from docker import APIClient
from docker.errors import DockerException
from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

from console.errors import Absent, AccessRefused, HostError, HostFailure, Unreachable
from console.hosts.engine_reader import message_of
from console.hosts.engine_threads import Call
from console.model.text import clean

#: What a daemon says of a change it has made, in bytes.
_WRITTEN_LIMIT = 256 * 1024


class _Here(threading.local):
    call: Call | None = None


_here = _Here()


class _Connection(UnixHTTPConnection):
    """A connection that tells the call it works for which socket that waits on."""

    # http.client lets go of its socket while an answer that ends the connection is being read.
    _wire: socket.socket | None = None

    def connect(self) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._tell()
            self._wire.settimeout(self.timeout)
            self._wire.connect(self.unix_socket)
        except BaseException:
            self._wire.close()  # which the package leaves to the garbage collector
            raise
        self.sock = self._wire

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._tell()
        super().request(*args, **kwargs)

    def _tell(self) -> None:
        if _here.call is not None and self._wire is not None:
            _here.call.waits_on(self._wire)


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        # Its own timeout never counts: each request brings one.
        return _Connection(self.base_url, self.socket_path)


class _Adapter(UnixHTTPAdapter):
    def get_connection(self, url: bytes | str, proxies: object = None) -> UnixHTTPConnectionPool:
        # requests asks for one a URL; the daemon is the same whatever the path.
        with self.pools.lock:
            pool: UnixHTTPConnectionPool | None = self.pools.get("")
            if pool is None:
                pool = _Pool("localhost", self.socket_path, self.timeout, maxsize=self.max_pool_size)
                self.pools[""] = pool
            return pool


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent.

    :param limit: how long the answer may be, in bytes.
    :param silence: seconds without a word after which the daemon counts as hung.
    :param body: sent as JSON.
    """

    method: str
    target: str
    query: Mapping[str, str]
    limit: int
    silence: float
    body: Mapping[str, object] | None = None


class _Client:
    """Requests to one daemon, from any thread.

    :param silence: seconds of silence after which a daemon that is asked something counts as hung.
    :param at_once: connections kept at most.
    """

    def __init__(self, host: str, kind: str, path: Path, api: str, *, silence: float, at_once: int) -> None:
        self._host = host
        self._kind = kind
        self._api = api
        self._silence = silence
        try:
            self._client = APIClient(base_url=f"unix://{path}", version=api)
        except DockerException as error:
            # It reads ~/.docker/config.json, which may be broken.
            raise HostFailure(f"the docker package: {clean(str(error), 200)}", host=host) from error
        # Proxies and .netrc of this machine have nothing to do with a socket; looking costs 0.3 ms.
        self._client.trust_env = False
        adapter = _Adapter(f"http+unix://{path}", max_pool_size=at_once)
        self._client.mount("http+docker://", adapter)

    def _send(self, call: Call, request: _Request, *, deadline: float) -> bytes:
        """The body of an answer that is not a refusal; 304 is none: what was asked for is so already."""
        until = time.monotonic() + deadline
        url = f"{self._client.base_url}/v{self._api}{request.target}"
        _here.call = call
        try:
            with self._client.request(
                request.method,
                url,
                params=dict(request.query),
                json=request.body,
                timeout=request.silence,
                stream=True,
            ) as answer:
                body = bytearray()
                for piece in answer.iter_content(65536):
                    body += piece
                    if len(body) > request.limit:
                        raise self._fault(f"sends an answer of more than {request.limit} bytes")
                    if time.monotonic() > until:
                        raise self._fault(f"has not finished its answer within {deadline:.0f} s")
                if answer.status_code not in (200, 201, 204, 304):
                    raise self._refusal(answer.status_code, bytes(body))
                return bytes(body)
        except requests.Timeout as error:
            raise self._fault(f"has not answered for {request.silence:.0f} s") from error
        except (requests.RequestException, DockerException, OSError) as error:
            reason = f"{self._kind} gives no answer: {clean(str(error), 200)}"
            raise Unreachable(reason, host=self._host) from error
        finally:
            _here.call = None

    def close(self) -> None:
        """Drop the idle connections; the next question opens one anew."""
        self._client.close()

    def _refusal(self, status: int, body: bytes) -> HostError:
        kinds: dict[int, type[HostError]] = {401: AccessRefused, 403: AccessRefused, 404: Absent}
        kind = kinds.get(status, HostFailure)
        return kind(f"{self._kind} says {status}: {message_of(body)}".rstrip(": "), host=self._host)

    def _fault(self, what: str) -> HostFailure:
        return HostFailure(f"{self._kind} {what}", host=self._host)


class BlockingEngine(_Client):
    """Questions to one daemon, from any thread."""

    def get(self, call: Call, target: str, query: Mapping[str, str], *, limit: int, deadline: float) -> bytes:
        """The body of a GET.

        :param deadline: seconds the whole answer may take.
        :raises Absent: the daemon knows no such thing (404).
        :raises AccessRefused: 401 or 403.
        :raises HostFailure: another refusal, silence, or too much.
        :raises Unreachable: the connection cannot be made, or was lost.
        """
        return self._send(call, _Request("GET", target, query, limit, self._silence), deadline=deadline)


class WritingEngine(_Client):
    """Changes on one daemon, from any thread."""

    def post(
        self,
        call: Call,
        target: str,
        query: Mapping[str, str],
        *,
        deadline: float,
        body: Mapping[str, object] | None = None,
    ) -> bytes:
        """What a POST is answered with, which the daemon may take all of `deadline` for; raises as `get`."""
        request = _Request("POST", target, query, _WRITTEN_LIMIT, deadline, body)
        return self._send(call, request, deadline=deadline)

    def delete(self, call: Call, target: str, query: Mapping[str, str], *, deadline: float) -> None:
        """A DELETE; like `post`."""
        self._send(call, _Request("DELETE", target, query, _WRITTEN_LIMIT, deadline), deadline=deadline)

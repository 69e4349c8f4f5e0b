"""The messages and stubs of etcd's API, as the `etcd3` package has them; over `grpc.aio`.

Imported by nothing but this room, and only once something is to be asked of etcd: it takes 0.15 s.

The package's messages were generated for a protobuf before 4, which newer ones only read in their
implementation in Python: it is chosen here, before the first import. Fields that etcd has learned since
(3.4 and later) are read from what protobuf calls unknown, by their numbers in etcd's rpc.proto.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

_IMPLEMENTATION = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
_chosen = os.environ.get(_IMPLEMENTATION)
os.environ[_IMPLEMENTATION] = "python"
# What gRPC has to say of connections it would write to stderr, over the screen.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# Else its threads are begun anew in a child that is forked to become a program, as a shell is that somebody
# opens, and now and then end it before it is one.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import grpc
    import grpc.aio
    from etcd3 import etcdrpc as rpc
    from google.protobuf.unknown_fields import UnknownFieldSet
if _chosen is None:
    del os.environ[_IMPLEMENTATION]  # not for the programs that we start
else:
    os.environ[_IMPLEMENTATION] = _chosen

__all__ = ["StatusCode", "UsageError", "aio", "credentials", "rpc", "unknown"]

aio = grpc.aio
StatusCode = grpc.StatusCode
UsageError = grpc.aio.UsageError


def credentials(ca: bytes | None, cert: bytes | None, key: bytes | None) -> Any:
    """TLS of a channel; PEM texts. Without `ca` the system's own authorities are believed."""
    return grpc.ssl_channel_credentials(ca, key, cert)


def unknown(message: Any, number: int) -> list[Any]:
    """What a message holds in a field that its class does not know: integers, or bytes; in their order."""
    return [field.data for field in UnknownFieldSet(message) if field.field_number == number]

"""The test kit: a server for your own trial tests, without a network or on a free port."""

from .client import FakeClient
from .fake import FakeServer
from .logged import LoggedError
from .reactor import FakeReactor
from .real import RealServer

__all__ = ["FakeClient", "FakeReactor", "FakeServer", "LoggedError", "RealServer"]

"""The plugin for pytest: fixtures with a server without a network, and a client of it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from .aio import AsyncFakeClient, AsyncFakeServer
    from .client import FakeClient
    from .fake import FakeServer

MARKER: Final = "actionhero"
"""``@pytest.mark.actionhero(actions=[…])``: what a test has a server of."""

OTHERS: Final = ("asyncio", "anyio", "trio")
"""The markers of tests that another plugin runs, in an event loop that it makes."""

_RUNNER: Final = pytest.StashKey[asyncio.Runner]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(config=None, *, actions, hooks, …): the arguments of the FakeServer that the "
        "fixtures actionhero_server and actionhero_client have",
    )


@pytest.fixture
def actionhero_options() -> dict[str, Any]:
    """Return the arguments of `actionhero_server` for all tests; override it in conftest.py."""
    return {}


@pytest.fixture
def actionhero_server(
    request: pytest.FixtureRequest, actionhero_options: dict[str, Any]
) -> Iterator[FakeServer | AsyncFakeServer]:
    """Serve without a network, as the marker `actionhero` and `actionhero_options` say.

    An ``async def`` test gets an `AsyncFakeServer` in the event loop that the test runs in,
    another one a `FakeServer`. Relative paths count from the folder of the test's file.
    """
    from .fake import FakeServer

    marker = request.node.get_closest_marker(MARKER)
    options = {**actionhero_options, **(marker.kwargs if marker is not None else {})}
    config = options.pop("config", None)
    if marker is not None and marker.args:
        (config,) = marker.args
    server = FakeServer(None, config, folder=request.path.parent, **options)
    if not inspect.iscoroutinefunction(request.function):
        with server:
            yield server
        return
    for other in OTHERS:
        if request.node.get_closest_marker(other) is not None:
            pytest.fail(
                f"the plugin of @pytest.mark.{other} runs this test in its own event loop: "
                "leave the marker out, or use async with FakeServer(…) in place of the fixture",
                pytrace=False,
            )
    with asyncio.Runner() as runner:
        request.node.stash[_RUNNER] = runner
        yield runner.run(server.__aenter__())
        runner.run(server.__aexit__(None, None, None))


@pytest.fixture
def actionhero_client(
    actionhero_server: FakeServer | AsyncFakeServer,
) -> FakeClient | AsyncFakeClient:
    """Return a client of `actionhero_server`."""
    return actionhero_server.client


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test that has `actionhero_server`, in the server's event loop."""
    runner = pyfuncitem.stash.get(_RUNNER, None)
    if runner is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    runner.run(pyfuncitem.obj(**arguments))
    return True

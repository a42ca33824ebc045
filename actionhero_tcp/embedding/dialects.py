"""The dialects of a server, and what the clients of each share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..dispatch.commands import Commands
from ..dispatch.commands_29 import Commands29
from ..dispatch.dialect import Dialect
from ..dispatch.dialect_29 import Dialect29
from ..dispatch.dialect_2012 import Dialect2012
from ..dispatch.generations import GENERATIONS
from ..dispatch.router import Router
from ..dispatch.runner import Runner
from ..wire.lines_29 import profile_29
from ..wire.profile import Profile

if TYPE_CHECKING:
    from ..app.application import Application
    from ..app.hook_runner import Hooks
    from ..logs.request_counter import RequestObserver
    from ..rooms.rooms import Rooms
    from ..server.context import ServerContext
    from .core import Core


def dialects_of(
    core: Core, rooms: Rooms, hooks: Hooks, commands: Commands, application: Application
) -> dict[str, Dialect]:
    """Makes the dialects, by the names that ``tcpServer.dialect`` has for them.

    Args:
        core: The parts that nearly every part needs.
        rooms: The rooms.
        hooks: The application's hooks.
        commands: The verbs of the first dialect.
        application: The actions.
    """
    server, live = core.config.tcp_server, core.live
    actions = application.for_generation("29")
    verbs = Commands29(rooms, live, hooks, core.write_batch, actions)
    generation = GENERATIONS[server.compatibility]
    profile = Profile(goodbye=generation.goodbye, one_line_at_a_time=server.one_line_at_a_time)
    stock = application.for_generation(generation.stock)
    return {
        "2012": Dialect2012(commands.table, stock, live, generation, profile),
        "29": Dialect29(
            verbs.table, actions, live, profile_29(server.delimiter, server.max_data_length)
        ),
    }


def context_of(
    shared: ServerContext, dialect: Dialect, core: Core, observer: RequestObserver | None
) -> ServerContext:
    """Makes what the clients of one dialect share.

    Args:
        shared: The context of clients of another one; it shares all but reading and answering.
        dialect: The dialect.
        core: The parts that nearly every part needs.
        observer: Gets each request that is answered; or None.
    """
    runner = Runner(dialect, shared.api, core.write_batch, core.filter, observer)
    router = Router(dialect, runner, core.stats, observer)
    return dataclasses.replace(shared, dialect=dialect, router=router, runner=runner)

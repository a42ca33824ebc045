"""Makes ``twistd --reactor uvloop`` known to Twisted."""

from twisted.application.reactors import Reactor

uvloop = Reactor(
    "uvloop",
    "actionhero_tcp.net.uvloop_reactor",
    "asyncio on uvloop, an event loop in C (the extra fast of actionhero-tcp).",
)

"""Makes ``twistd actionhero`` known to Twisted."""

from twisted.application.service import ServiceMaker

actionhero = ServiceMaker(
    "actionHero TCP server",
    "actionhero_tcp.plugin.tap",
    "Serve Python functions over persistent TCP and TLS connections",
    "actionhero",
)

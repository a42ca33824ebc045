"""Twisted's asyncio reactor on uvloop, for ``twistd --reactor uvloop``."""

from __future__ import annotations

import asyncio

from twisted.internet import asyncioreactor


def install() -> None:
    """Install the reactor.

    Raises:
        ImportError: uvloop is not installed; the text says how to install it.
    """
    try:
        import uvloop
    except ImportError:
        raise ImportError(
            "uvloop is not installed; install it with: pip install 'actionhero-tcp[fast]', "
            "or start without it: twistd --reactor asyncio actionhero"
        ) from None
    loop = uvloop.new_event_loop()
    # Libraries that ask for a loop before this one runs get it as well.
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)

"""An action that waits. As long as it does so with `await`, others are served."""

from actionhero_tcp import action
from twisted.internet.task import deferLater


@action
async def countdown(api, connection, *, start: int = 3):
    """Counts down, one message a second."""
    for left in range(start, 0, -1):
        connection.send({"left": left})
        await deferLater(api.reactor, 1)
    return {"liftoff": True}

"""An action that could wait, and does not."""

from actionhero_tcp import Api, Connection, action


@action
async def asyncNothing(api: Api, connection: Connection) -> dict[str, bool]:
    """Answers at once."""
    return {"done": True}

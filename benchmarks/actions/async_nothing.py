"""An action that could wait, and does not."""

from actionhero_tcp import ActionConnection, Api, action


@action
async def asyncNothing(api: Api, connection: ActionConnection) -> dict[str, bool]:
    """Answers at once."""
    return {"done": True}

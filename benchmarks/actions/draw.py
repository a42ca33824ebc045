"""An action that answers with a random number, the same in each dialect."""

import random

from actionhero_tcp import Api, Connection, action


@action
def draw(api: Api, connection: Connection) -> dict[str, float]:
    """Answers with a random number."""
    return {"drawn": random.random()}

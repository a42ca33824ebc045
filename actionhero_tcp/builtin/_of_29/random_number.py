"""`randomNumber`."""

import random

from actionhero_tcp import Api, Connection, action


@action(
    description="I am an API method which will generate a random number",
    output_example={
        "randomNumber": 0.123,
        "stringRandomNumber": "Your random number is 0.123",
    },
)
def randomNumber(api: Api, connection: Connection) -> dict[str, object]:
    """A random number, at least 0 and less than 1, also in a sentence."""
    number = random.random()
    return {"randomNumber": number, "stringRandomNumber": f"Your random number is {number}"}

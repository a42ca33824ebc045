"""Inputs are converted to their types, and required where they have no default."""

from actionhero_tcp import ActionError, Api, Connection, action
from msgspec import Struct


class Quotient(Struct):
    """The response; its type is shown to clients, and checked by mypy."""

    quotient: float


@action(output_example={"quotient": 3.33})
async def divide(
    api: Api, connection: Connection, *, a: float, b: float, digits: int = 2
) -> Quotient:
    """Divides a by b."""
    if b == 0:
        raise ActionError("b must not be 0")
    return Quotient(quotient=round(a / b, digits))

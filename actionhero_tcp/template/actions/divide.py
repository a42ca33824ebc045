"""Inputs are converted to their types, and required where they have no default."""

from actionhero_tcp import ActionError, action


@action(output_example={"quotient": 3.33})
def divide(api, connection, *, a: float, b: float, digits: int = 2):
    """Divides a by b."""
    if b == 0:
        raise ActionError("b must not be 0")
    return {"quotient": round(a / b, digits)}

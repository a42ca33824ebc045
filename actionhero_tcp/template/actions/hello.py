"""The simplest kind of action: what it returns is the response."""

from actionhero_tcp import action


@action
def hello(api, connection):
    """Says hello."""
    return {"greeting": "Hello!"}

"""Rooms, single clients, and what the server knows of each of them."""

from actionhero_tcp import ActionError, action


@action
def introduce(api, connection, *, name: str):
    """Tells the server who you are, for as long as you are connected."""
    connection.attributes["name"] = name


@action
def announce(api, connection, *, text: str):
    """Says something to everybody in your room, in the name of the server."""
    api.rooms.say(connection.room, f"{connection.attributes['name']} announces: {text}")


@action
def whisper(api, connection, *, to: str, text: str):
    """Says something to one client, named by its id."""
    if not api.send_socket_message(to, {"whisper": text, "from": connection.id}):
        raise ActionError(f"{to} is not here")

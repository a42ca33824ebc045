"""`createChatRoom`."""

from actionhero_tcp import ActionError, Api, Connection, action


@action(
    description="I will create a chatroom with the given name",
    output_example={"name": "newRoom", "didCreate": True},
)
def createChatRoom(api: Api, connection: Connection, *, name: str) -> dict[str, object]:
    """Creates a room that exists without members, unless there is one of the name."""
    if api.rooms.is_private(name):
        raise ActionError("only the application creates rooms of this name")
    try:
        return {"name": name, "didCreate": api.rooms.create(name)}
    except ValueError as error:
        raise ActionError(str(error)) from None

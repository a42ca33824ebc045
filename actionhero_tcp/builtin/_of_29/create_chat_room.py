"""`createChatRoom`."""

from actionhero_tcp import ActionError, Api, Connection, action


@action(
    description="I will create a chatroom with the given name",
    output_example={"name": "newRoom", "didCreate": True},
)
def createChatRoom(api: Api, connection: Connection, *, name: str) -> dict[str, object]:
    """Creates a room that exists without members, unless there is one of the name."""
    longest = api.config.limits.max_room_name_length
    if len(name) > longest:
        raise ActionError(f"a room's name has at most {longest} characters")
    if " " in name:
        raise ActionError("a room's name is one word")
    return {"name": name, "didCreate": api.rooms.create(name)}

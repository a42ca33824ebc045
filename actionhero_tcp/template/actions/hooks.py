"""Hooks run around actions, and where clients come, change rooms, speak and go."""

from actionhero_tcp import ActionError, before_action, on_say


@before_action("announce", "whisper")
def only_with_a_name(api, connection, call):
    """Refuses clients that have not introduced themselves."""
    if "name" not in connection.attributes:
        raise ActionError("introduce yourself first")


@on_say
def mind_your_language(api, connection, room, message):
    """Gives what is said in place of what was to be said."""
    return message.replace("darn", "****")

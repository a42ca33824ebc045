"""`actionsView`."""

from collections.abc import Mapping
from typing import Any

from actionhero_tcp import Api, Connection, action

_made: dict[bool, tuple[Mapping[str, Any], list[dict[str, object]]]] = {}
"""The list without schemas and with them, and the actions that it lists. It is made once, since
making it takes ten times as long as writing it, and anybody may ask for it."""


def _entries(actions: Mapping[str, Any], schema: bool) -> list[dict[str, object]]:
    """The list of these actions, which a hook may change."""
    listed, entries = _made.get(schema, (None, []))
    if listed is not actions:
        entries = _described(actions, schema)
        _made[schema] = actions, entries
    return [entry.copy() for entry in entries]


def _described(actions: Mapping[str, Any], schema: bool) -> list[dict[str, object]]:
    return [
        {
            "name": known.name,
            "description": known.description,
            "inputs": {
                "required": known.inputs.names(required=True),
                "optional": known.inputs.names(required=False),
            },
            "outputExample": dict(known.output_example),
            **(known.schemas if schema else {}),
        }
        for _, known in sorted(actions.items())
    ]


@action(
    description="I will return an array of all the action accessible to this API",
    output_example={
        "actions": [
            {
                "name": "randomNumber",
                "description": "I am an API method which will generate a random number",
                "inputs": {"required": [], "optional": []},
                "outputExample": {"randomNumber": 0.123},
            }
        ]
    },
)
def actionsView(
    api: Api, connection: Connection, *, schema: bool = False
) -> dict[str, list[dict[str, object]]]:
    """All actions, by name, with what they take and give; with ``schema`` as JSON Schemas."""
    return {"actions": _entries(api.actions, schema)}

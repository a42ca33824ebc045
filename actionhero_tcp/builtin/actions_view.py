"""`actionsView`."""

from actionhero_tcp import Api, Connection, action


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
    return {
        "actions": [
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
            for _, known in sorted(api.actions.items())
        ]
    }

"""`actionsView`."""

from actionhero_tcp import ActionConnection, Api, action


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
def actionsView(api: Api, connection: ActionConnection) -> dict[str, object]:
    """All actions, by name, with what they take and give."""
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
            }
            for _, known in sorted(api.actions.items())
        ]
    }

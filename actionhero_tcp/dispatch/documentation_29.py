"""What `documentation` answers: all actions, in the form of actionHero's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..app.actions import Action

VERSION: Final = 1
"""The version of each action; there is one."""


def documentation(actions: Mapping[str, Action]) -> dict[str, Any]:
    """Describes actions by their names and versions.

    Args:
        actions: The actions by name.
    """
    return {
        name: {
            str(VERSION): {
                "name": name,
                "version": VERSION,
                "description": action.description,
                "inputs": _inputs(action),
                "outputExample": dict(action.output_example),
            }
        }
        for name, action in sorted(actions.items())
    }


def _inputs(action: Action) -> dict[str, Any]:
    schema = action.schemas["inputSchema"]
    required = schema.get("required", ())
    return {
        name: {**described, "required": name in required}
        for name, described in schema.get("properties", {}).items()
    }

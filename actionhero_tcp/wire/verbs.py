"""The verbs of the protocol by name, and what each does: for the server's table and the console."""

from __future__ import annotations

from typing import Final

HELP: Final = {
    "quit": "say goodbye and hang up",
    "paramAdd": "make a param sticky",
    "paramView": "show a sticky param",
    "paramDelete": "forget a sticky param",
    "paramsView": "show all sticky params",
    "paramsDelete": "forget all sticky params",
    "roomChange": "leave the room for another one",
    "roomView": "show who is in the room",
    "detailsView": "show what the server knows",
    "say": "say something to the room",
}
"""The help of each verb, in one line."""

HELP_29: Final = {
    **{verb: help for verb, help in HELP.items() if verb not in ("roomChange", "say")},
    "roomAdd": "enter a room",
    "roomLeave": "leave a room",
    "roomView": "show who is in a room",
    "say": "say something to a room",
    "file": "get the content of a file",
    "documentation": "show all actions",
}
"""The same for the dialect of actionHero 29."""

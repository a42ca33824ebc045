"""One line to one verb or one action."""

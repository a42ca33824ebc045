"""What application code meets: actions, hooks, inputs and the `Api`."""

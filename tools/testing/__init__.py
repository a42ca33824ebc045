"""Run the tests and lints side by side, in a few processes that take one class after another."""

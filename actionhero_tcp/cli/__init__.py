"""The program `actionhero-tcp` and its subcommands."""

"""How fast the server is, as ratios to a floor measured in the same run."""

"""What `twistd` loads: the option parser, the composition root and the process exit."""

"""What a hostile network does to the daemon: each scenario against a real process, with numbers."""

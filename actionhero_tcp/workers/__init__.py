"""Several processes behind one port: their supervisor, and what each of them learns from it."""

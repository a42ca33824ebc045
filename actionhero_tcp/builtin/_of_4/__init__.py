"""The stock actions of actionHero 3.1 to 4.2 that differ, for clients of these."""

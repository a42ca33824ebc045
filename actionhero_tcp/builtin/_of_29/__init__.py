"""The stock actions of actionHero 29, in its form, for clients of that dialect."""

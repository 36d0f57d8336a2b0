"""The study database: schema and upgrades, typed rows, and the same as tables."""

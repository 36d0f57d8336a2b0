"""The study database: its schema and upgrades, its rows with types, and all of it as tables."""

"""Exports: a comparison's database as files that other tools open. Each format is the EXPORT of a file of its own."""

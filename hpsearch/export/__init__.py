"""Exports: a comparison's database as files that other tools open. One format a file, held there as EXPORT."""

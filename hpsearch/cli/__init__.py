"""The commands, one file per family; the only place that prints or exits."""

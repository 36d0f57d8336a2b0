"""The commands, a file a family; the only place that prints or exits."""

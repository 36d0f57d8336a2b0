"""The report of given configurations: results against what was varied."""

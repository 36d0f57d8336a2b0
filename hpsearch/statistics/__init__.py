"""Statistics: pure functions on arrays, one per file. Every docstring names the axes."""

"""Statistics: pure functions on arrays, one a file. Every docstring names the axes."""

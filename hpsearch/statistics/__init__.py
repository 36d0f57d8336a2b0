"""Statistics: pure functions on arrays, one a file. Axes are named in every docstring."""

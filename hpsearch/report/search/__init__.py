"""The report of a search: best so far against trials, and what it costs to get there."""

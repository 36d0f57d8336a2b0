"""Searchers: each proposes configurations, and is the SEARCHER of a file of its own; the contract is in contracts/."""

"""Searchers: who proposes the next configuration. One a file, held there as SEARCHER; the contract is in contracts/."""

"""Executors: where packs are trained. One a file, held there as EXECUTOR; the contract is in contracts/."""

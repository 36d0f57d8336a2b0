"""Executors: where packs are trained. Each is the EXECUTOR of a file of its own; the contract is in contracts/."""

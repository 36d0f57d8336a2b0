"""Data sets of small images, one per file, each held as DATASET."""

"""Data sets of large images in folders, one per file, each held as DATASET."""

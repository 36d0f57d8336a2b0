"""Data sets of small images. One a file, with a DATASET."""

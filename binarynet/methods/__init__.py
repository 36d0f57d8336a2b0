"""Training methods, one file each, held there as METHOD. The file's name is the method's name."""

"""Training methods: each is the METHOD of a file of its own, and named after the file."""

"""What several tests use: studies to run, commands as they are typed, waits, a task with a gate in it."""

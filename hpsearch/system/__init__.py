"""Everything about the machine: cores, child processes, devices, locks, signals, versions."""

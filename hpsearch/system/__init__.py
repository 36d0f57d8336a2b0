"""What the machine gives and does: cores, children, devices, locks, signals, versions."""

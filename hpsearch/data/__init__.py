"""Data sets: fetched to this machine, and sent to other machines that train."""

"""Data sets: how one comes to this machine, and what training reads to others."""

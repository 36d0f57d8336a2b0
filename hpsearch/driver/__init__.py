"""The loop, its layout in the database, packs, estimate, replay, check, confirmation and display."""

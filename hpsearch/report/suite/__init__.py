"""The report of a suite: in which settings which method is cheaper to tune, and where the verdict flips."""

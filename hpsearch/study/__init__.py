"""The study file: its schema, the objects that its names stand for, and the plan that holds them all."""

"""The study file: its schema, names turned into objects, and the plan that holds them all."""

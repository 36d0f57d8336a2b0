"""Spaces of every kind of hyperparameter."""

from __future__ import annotations

from hpsearch.contracts.space import Choice, Fixed, Float, Int, Space

MIXED = Space(
    (
        Float("rate", 1e-4, 1.0, log=True),
        Int("depth", 1, 5),
        Choice("on", (False, True)),
        Choice("kind", ("a", "b", "c")),
        Fixed("held", 3),
    )
)
CONDITIONAL = Space(
    (
        Choice("optimizer", ("sgd", "adam", "adamw")),
        Float("rate", 1e-4, 1.0, log=True),
        Float("momentum", 0.0, 0.99, when={"optimizer": "sgd"}),
        Choice("nesterov", (False, True), when={"optimizer": "sgd"}),
        Int("warm", 1, 9, when={"nesterov": True}),
        Float("beta", 0.5, 0.999, when={"optimizer": ("adam", "adamw")}),
        Fixed("decoupled", True, when={"optimizer": "adamw"}),
    )
)

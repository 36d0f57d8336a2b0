"""Objectives as a colleague says them: shares in percent, differences in points, no more decimals than are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hpsearch.contracts.objective import Objective

MOST_DECIMALS = 8
LARGE = 1e6
"""From here on, and below a thousandth of it, plain decimals are harder to read than powers of ten."""


@dataclass(frozen=True)
class Amounts:
    """How values of one objective, and differences of them, become text.

    Attributes:
        factor: what a value is multiplied by: 100 if it is a share of 1, else 1.
        unit: what follows a value, with its space if it has one: "%", " s" or "".
        points: what follows a difference: " points" of percentages, else the unit.
    """

    factor: float
    unit: str
    points: str

    @classmethod
    def of(cls, objective: Objective) -> Amounts:
        """The amounts of an objective: it is a share if it has no unit and lies between 0 and 1."""
        if objective.unit == "" and objective.bounds == (0.0, 1.0):
            return cls(100.0, "%", " points")
        if objective.unit == "%":
            return cls(1.0, "%", " points")
        unit = f" {objective.unit}" if objective.unit else ""
        return cls(1.0, unit, unit)

    def value(self, estimate: float, low: float = math.nan, high: float = math.nan) -> str:
        """A value with as many decimals as the interval's first digit carries: 92.1%."""
        return f"{self._number(estimate, low, high)}{self.unit}"

    def span(self, low: float, high: float) -> str:
        """The two ends of an interval: 91.8 to 92.4."""
        return f"{self._number(low, low, high)} to {self._number(high, low, high)}"

    def difference(self, estimate: float, low: float = math.nan, high: float = math.nan) -> str:
        """A difference of two values: 1.8 points."""
        number = self._number(estimate, low, high)
        return f"{number}{' point' if number == '1' and self.points == ' points' else self.points}"

    def levels(self, a: float, b: float, low: float, high: float) -> tuple[str, str]:
        """Two values with the decimals of their difference, which lies between `low` and `high`.

        They have one decimal more where they would not seem to differ by what the difference is said to be.
        """
        texts = self._number(a, low, high), self._number(b, low, high)
        digits = len(texts[0].partition(".")[2])
        is_plain = "e" not in "".join(texts)
        if is_plain and abs(float(texts[0]) - float(texts[1]) - round(self.factor * (a - b), digits)) > 1e-9:
            texts = f"{self.factor * a:.{digits + 1}f}", f"{self.factor * b:.{digits + 1}f}"
        return texts[0] + self.unit, texts[1] + self.unit

    def _number(self, value: float, low: float, high: float) -> str:
        scaled, width = self.factor * value, self.factor * (high - low)
        if scaled != 0 and not LARGE**-1 <= abs(scaled) < LARGE:
            return f"{scaled:.3g}"
        if not math.isfinite(width) or width <= 0:
            return f"{scaled:.4g}" if self.factor == 1 else f"{scaled:.1f}"
        digits = decimals(width)
        ends = (self.factor * low, self.factor * high)
        if any(end != 0 and round(end, digits) == 0 for end in ends):  # whether it holds 0 must be seen
            digits += 1
        return f"{round(scaled, digits) + 0.0:.{digits}f}"  # + 0.0: no "-0.0"


def decimals(width: float) -> int:
    """Decimals that show the first digit of an interval's width: 1 of 0.4, 0 of 12."""
    return min(MOST_DECIMALS, max(0, -math.floor(math.log10(width))))

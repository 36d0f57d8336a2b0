"""Text as LaTeX: special characters escaped, powers of ten as one writes them."""

from __future__ import annotations

import re

from hpsearch.report.text import on_one_line

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "`": r"\textasciigrave{}", "|": r"\textbar{}",
    # After the end of a row these would be an argument, and a star.
    "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip
LIGATURE = re.compile(r"(?<=([-',]))(?=\1)")
"""Between two characters that LaTeX would make one of."""
POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-])0*(\d+)(?!\w)")


def escaped(text: str) -> str:
    """The text on one line, with LaTeX's special characters escaped."""
    return LIGATURE.sub("{}", "".join(SPECIAL.get(character, character) for character in on_one_line(text)))


def as_latex(text: str) -> str:
    """Text as LaTeX, powers of ten as one writes them: "1e-05" as 10 to the -5."""

    def power(found: re.Match[str]) -> str:
        sign = "-" if found[2] == "-" else ""
        factor = "" if found[1] == "1" else rf"{found[1]} \times "
        return f"${factor}10^{{{sign}{found[3]}}}$"

    return POWER.sub(power, escaped(text))

"""Fonts for names in any script: a figure's own font has Latin, Greek and Cyrillic letters, but no Chinese ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

PLACEHOLDERS = "Last Resort"
"""Fonts that have a box for every character."""


def give_fonts(figure: Figure) -> str:
    """Give each text of a figure fonts that have its letters together; returns letters that no font here has."""
    texts = {artist: set(artist.get_text()) for artist in figure.findobj(Text) if isinstance(artist, Text)}
    without = ""
    for text, letters in texts.items():
        missing = {c for c in letters if not c.isspace()} - _letters(_own_font(text.get_fontproperties()))
        if missing:
            families, none = _families(frozenset(missing))
            text.set_fontfamily([*text.get_fontfamily(), *families])
            without += none
    return "".join(sorted(set(without)))


@lru_cache
def _families(missing: frozenset[str]) -> tuple[list[str], str]:
    """Families that have these letters together, the one with the most first, and the letters that no family has."""
    installed = {font.name: font.fname for font in fontManager.ttflist if PLACEHOLDERS not in font.name}
    found = []
    while missing and (has := _most(missing, installed)):
        found.append(has)
        missing -= _letters(installed[has])
    return found, "".join(sorted(missing))


def _most(missing: Iterable[str], installed: Mapping[str, str]) -> str:
    """The family that has the most of these letters; empty if none has any."""
    counts = {name: len(_letters(file).intersection(missing)) for name, file in sorted(installed.items())}
    best = max(counts, key=lambda name: counts[name], default="")
    return best if best and counts[best] else ""


def _own_font(properties: FontProperties) -> str:
    return str(fontManager.findfont(properties))


@cache
def _letters(file: str) -> frozenset[str]:
    """The characters that a font can draw; empty if matplotlib cannot read it, or if it has pictures instead."""
    try:
        font = FT2Font(file)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()

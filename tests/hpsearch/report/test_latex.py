import pytest

from hpsearch.report.tex import escaped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"), ("50%", r"50\%"), ("{x}", r"\{x\}"), ("a\\b", r"a\textbackslash{}b"), ("<i>&#$^~", None),
        # After a row's end these would be an argument, and a star.
        ("[ours] a", "{[}ours{]} a"), ("* b", "{*} b"),
        ("a--b ''c''", "a-{}-b '{}'c'{}'"), ("a-b", "a-b"), ("a\n\nb\x1b", "a b\ufffd"),
    ],
)  # fmt: skip
def test_special_characters_are_text(text, expected):
    found = escaped(text)
    if expected is not None:
        assert found == expected
    for character in "&%$#_":
        assert found.count(character) == found.count("\\" + character)

"""Study files that nobody would write: each is read, or refused in sentences; never a traceback.

`HPSEARCH_FUZZ=2000 python -m pytest tests/hpsearch/test_fuzz.py` tries more of them.
"""

import copy
import os
import random
import tomllib

import pytest
import tomli_w

from hpsearch.spec import SpecError, parse_spec, resolved, shipped_studies

COUNT = int(os.environ.get("HPSEARCH_FUZZ", "200"))
PARTS = 10
ODD = [
    0, -1, 1, 10**9, 10**30, 1e308, float("nan"), float("inf"), -0.0, 0.5, "", "a" * 300, "../../etc", "ü ß 漢", "a/b",
    "\x07", "<script>", True, False, [], {}, [1], [1, 2], [2, 1], [0, 1], ["a", "b"], {"low": 1, "high": 0},
    {"low": 0, "high": 1, "log": True}, {"low": 1, "high": 2, "integer": True}, {"choices": []}, {"choices": [1, 1]},
    {"choices": ["a", 1]}, "botorch", "grid", "fixed", "random", "os", "audio_task", "__main__", "filter:METHOD",
    "os:path", "step(0.1, 5)", "step(", "cosine",
]  # fmt: skip
KEYS = ["nmae", "x", "trials", "space", "seed", "", "a.b", "ü", "points", "settings", "schedules", "pack"]


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))


def at(study, path):
    for key in path:
        study = study[key]
    return study


def mutated(chance):
    """A shipped study with a few values replaced, keys added, removed or moved; sometimes bytes changed in its text."""
    study = tomllib.loads(chance.choice(list(shipped_studies().values())).read_text())
    for _ in range(chance.choice([1, 1, 2, 3, 6])):
        path = chance.choice([path for path in places(study) if path])
        table = at(study, path[:-1])
        what = chance.random()
        if what < 0.5:
            table[path[-1]] = copy.deepcopy(chance.choice(ODD))
        elif what < 0.65 and len(study) > 1:
            del table[path[-1]]
        elif what < 0.85:
            table[chance.choice(KEYS)] = copy.deepcopy(chance.choice(ODD))
        else:
            table[path[-1]] = copy.deepcopy(at(study, chance.choice([p for p in places(study) if p])))
    text = tomli_w.dumps(study)
    if chance.random() < 0.15:
        changed = bytearray(text.encode())
        for _ in range(3):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        text = changed.decode("utf-8", "replace")
    return text


@pytest.mark.parametrize("part", range(PARTS))
def test_any_study_file_is_read_or_refused_in_sentences(part):
    chance, refused = random.Random(part), 0
    for _ in range(max(1, COUNT // PARTS)):
        text = mutated(chance)
        try:
            spec = parse_spec(text, "x.toml")
        except SpecError as error:
            refused += 1
            said = str(error)
            assert said.startswith("x.toml: ") and len(said) < 20_000, text  # noqa: PT018
        else:
            assert resolved(spec)
            assert 1 <= spec.pack_size <= spec.repeats
    assert refused > 0

"""How a comparison stands: not yet run, running, stopped, killed or finished, as its lock and its file say."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, Run
from hpsearch.store.spent import has_ended
from hpsearch.study.shipped import IN_PYTHON
from hpsearch.system import clock

State = Literal["waiting", "preparing", "running", "stopped", "killed", "finished"]


@dataclass(frozen=True)
class Standing:
    """How a comparison stands.

    Attributes:
        state: "preparing" before the trials are laid out, "waiting" if they are and nobody has run them; "stopped" in
            order, or "killed" without a word, with trials left.
        finished: how many trials are finished.
        planned: how many there will be; None before they are laid out, and where a budget decides.
        began: when the last run began, ISO 8601; empty if there was none.
        ended: when the last run ended in order; empty if it has not.
        last: when the last finished trial ended; empty if there is none.
        fresh: how many of the finished trials the last run recorded.
        goes_on: how to go on: "with: " and a command, or "in Python, ..."; empty before anything is laid out.
    """

    state: State
    finished: int = 0
    planned: int | None = None
    began: str = ""
    ended: str = ""
    last: str = ""
    fresh: int = 0
    goes_on: str = ""

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest takes at the pace of the last run until its last result; None where there is none."""
        if self.planned is None or not self.fresh:
            return None
        return (self.planned - self.finished) * clock.seconds_between(self.began, self.last) / self.fresh


def standing(database: Database, writer: str) -> Standing:
    """How the comparison in an open database stands; `writer` is who holds its lock, empty if nobody does."""
    comparison = database.comparison()
    if comparison is None:
        return Standing("preparing" if writer else "waiting")
    counts, runs = database.counts(), database.runs()
    finished = sum(n for states in counts.values() for state, n in states.items() if state != "proposed")
    planned = comparison.trials * comparison.repeats * len(counts) if comparison.spec.budget is None else None
    last = runs[-1] if runs else None
    left = finished < planned if planned is not None else not _have_ended(database, comparison)
    left |= comparison.is_open
    state: State = "running"
    if not writer:
        idle: State = "waiting" if last is None else "stopped" if last.ended else "killed"
        state = idle if left else "finished"
    return Standing(
        state, finished, planned,
        last.started if last else "", (last.ended or "") if last else "", database.last_end(),
        database.recorded_by(last.id) if last else 0,
        going_on(database.path, comparison, None if _ran_its_repeats(database, comparison, last) else last),
    )  # fmt: skip


def going_on(file: Path, comparison: Comparison, last: Run | None) -> str:
    """How to go on with a comparison: by the last command, or by what does the same.

    The last command is another one's if it was a script's, or made another file, which was merged into this one.
    """
    with suppress(ValueError):  # recorded before words were quoted
        program, command, *words = shlex.split(str(last.provenance.get("command"))) if last else ("", "")
        ours = command == "confirm" or (command == "run" and _database_of(words, comparison).name == file.name)
        if program in ("hpsearch", "__main__.py") and ours:
            return f"with: {shlex.join(['hpsearch', command, *words])}"
    study = Path(comparison.study_file)
    if study.name == IN_PYTHON or study.suffix == ".py":
        return f"in Python, as it began: {study}"
    shipped = study.name == str(study)  # which is recorded without its folder
    command = shlex.join(["hpsearch", "run", study.stem if shipped else str(study), "--database", str(file)])
    return f"with: {command}"


def _database_of(words: Sequence[str], comparison: Comparison) -> Path:
    """The database of the command `hpsearch run` with these words."""
    of_option = [word for before, word in pairwise(words) if before == "--database"]
    of_option += [word.partition("=")[2] for word in words if word.startswith("--database=")]
    return Path(of_option[0] if of_option else f"{comparison.name}.db")


def _ran_its_repeats(database: Database, comparison: Comparison, last: Run | None) -> bool:
    """Whether the last run was to run only some of the repeats, and has."""
    first, _, end = str(last.provenance.get("only_repeats", "") if last else "").partition("-")
    with suppress(ValueError):
        only = range(int(first), int(end or first) + 1)
        return _have_ended(database, comparison, only)
    return False


def _have_ended(database: Database, comparison: Comparison, only: range | None = None) -> bool:
    """Whether all studies, or those of these repeats, have spent their budget."""
    return all(
        has_ended([trial for trial in database.trials(study.id) if trial.state != "proposed"], comparison.spec)
        for study in database.studies()
        if only is None or study.repeat in only
    )

"""What a person sees while a comparison runs: one bar per method on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from typing import IO, Any, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from hpsearch.contracts.objective import Objective
from hpsearch.driver.loop import Recorded, SetAside
from hpsearch.store.database import Database
from hpsearch.system import clock
from hpsearch.system.stopping import forget

SECONDS_BETWEEN_LINES = 10.0
NEARLY_ALL, OF_AT_LEAST = 0.9, 20
"""Which share of how many trials of a method has to diverge for that to be said."""


class _Forgiving:
    """A stream that may end before the run does: a terminal that was closed, a pipe that nobody reads any more."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            forget(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            forget(self._stream)


class _Count(MofNCompleteColumn):
    """How many of how many; nothing beside a phase, of which nobody knows how far it is."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None or task.completed else Text()


class Display:
    """Shows preparation and trials; as a context manager it leaves the terminal as it found it."""

    def __init__(self, *, quiet: bool = False, group: Callable[[str], str] = str) -> None:
        """With `quiet` nothing is shown. Methods of the same `group` share one bar."""
        self._group, self.quiet = group, quiet
        self._always = Console(
            file=cast(IO[str], _Forgiving(sys.stderr or io.StringIO())), highlight=False, emoji=False
        )
        self._console = Console(file=self._always.file, quiet=quiet, highlight=False, emoji=False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            _Count(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            speed_estimate_period=600,
        )
        self._live = self._console.is_terminal and not quiet
        self._tasks: dict[str, TaskID] = {}
        self._phase: TaskID | None = None
        self._phases: set[str] = set()
        self._has_results = False
        self._last_line = time.monotonic()
        self._objectives: dict[str, Objective] = {}
        self._done: dict[str, int] = {}
        self._begun_with: dict[str, int] = {}
        self._best: dict[str, float] = {}
        self._planned: dict[str, int | None] = {}
        self._lost = {"diverged": 0, "failed": 0}
        self._diverged: dict[str, int] = {}
        self._told_of: set[str] = set()
        self._started = time.monotonic()

    def __enter__(self) -> Display:
        if self._live:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the bars."""
        if self._live:
            self._bars.stop()
            self._live = False

    def say(self, line: str, *, whole: bool = False) -> None:
        """Print a line. A terminal gets it broken between words, unless it is to stay `whole`, to be copied."""
        self._console.print(line, markup=False, soft_wrap=whole or not self._console.is_terminal)

    def always(self, line: str, *, whole: bool = False) -> None:
        """Print a line, quiet or not."""
        self._always.print(line, markup=False, soft_wrap=whole or not self._always.is_terminal)

    def phase(self, what: str) -> None:
        """Show what is being done before the first result: importing, preparing, proposing, training.

        On a terminal it stands until the next phase; elsewhere a line is printed for the first of each kind.
        """
        kind = what.split()[0]
        if self._has_results:
            return
        if not self._live:
            if kind not in self._phases:
                self._phases.add(kind)
                self.say(what)
        elif self._phase is None:
            self._phase = self._bars.add_task(what, total=None, note="")
        else:
            self._bars.update(self._phase, description=what)
        if self._live:
            self._bars.refresh()  # or a short one would never be seen

    def _end_phases(self) -> None:
        self._has_results = True
        if self._phase is not None:
            self._bars.remove_task(self._phase)
            self._phase = None

    def preparing(self, what: str, done: int, total: int) -> None:
        """Show progress of the task's preparation."""
        if self._live:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, note="")
            self._bars.update(self._tasks[what], completed=done, total=total)
        elif done == total or self._line_is_due():
            self.say(f"{what}: {done} of {total}")

    def begin(self, database: Database, planned: int | None, repeats: range | None = None, setting: str = "") -> None:
        """Show the trials of a comparison, `planned` per method; those already recorded count as done.

        None stands for as many as a budget allows. With `repeats` only the trials of these are shown. The comparison of
        a suite's `setting` has one bar for all its methods, beside those of other settings.
        """
        if not setting:
            self._forget()
            self._started = time.monotonic()
        known = dict(self._done)
        for label, best in database.best_objectives().items():
            self._improve(setting or self._group(label), [best], database.existing().objective)
        for label, states in database.counts(repeats).items():
            group = setting or self._group(label)
            self._objectives[group] = database.existing().objective
            self._planned[group] = None if planned is None else (self._planned.get(group) or 0) + planned
            self._done[group] = self._done.get(group, 0) + sum(n for state, n in states.items() if state != "proposed")
            self._diverged[group] = self._diverged.get(group, 0) + states.get("diverged", 0)
            for state in self._lost:
                self._lost[state] += states.get(state, 0)
        new = [group for group in self._done if group not in known]
        self._begun_with |= {group: self._done[group] for group in new}
        if self._live:
            for group in new:
                self._tasks[group] = self._bars.add_task(
                    group, total=self._planned[group], completed=self._done[group], note=self._note(group)
                )
        if trials := sum(self._done[group] for group in new):
            self.say(f"going on with {database.path}, which has {trials} trials")

    def _forget(self) -> None:
        """Begin to count anew, as for the next round of a comparison that grows."""
        for group in self._planned:
            if group in self._tasks:
                self._bars.remove_task(self._tasks.pop(group))
        self._begun_with.clear()
        for of_group in (self._done, self._best, self._planned, self._diverged):
            of_group.clear()
        self._lost = dict.fromkeys(self._lost, 0)

    def recorded(self, recorded: Recorded, setting: str = "") -> None:
        """Count what the loop has just recorded, of a suite's `setting` or of the only comparison."""
        self._end_phases()
        label = setting or self._group(recorded.method)
        self._done[label] += len(recorded.results)
        complete = [r.objective for r in recorded.results if r.outcome == "complete" and r.objective is not None]
        self._improve(label, complete, self._objectives[label])
        for result in recorded.results:
            if result.outcome != "complete":
                self._lost[result.outcome] += 1
            if result.outcome == "failed":
                self.say(f"{label}: a trial failed: {result.reason}")
        if reasons := [result.reason for result in recorded.results if result.outcome == "diverged"]:
            self._diverged[label] += len(reasons)
            self._tell_of_divergence(label, reasons[-1])
        if self._live:
            self._bars.update(self._tasks[label], completed=self._done[label], note=self._note(label))
        elif self._done == self._planned or self._line_is_due():
            counts = ", ".join(
                f"{label} {done}{self._of(label)} {self._note(label)}" for label, done in self._done.items()
            )
            self.say(f"{counts}{self._time_left()}")

    def set_aside(self, told: SetAside, setting: str = "") -> None:
        """Say that a method is set aside; what was taken back of it counts no longer."""
        label = setting or self._group(told.method)
        self._done[label] -= told.taken_back
        self._lost["failed"] -= told.taken_back
        self.say(f"{told.method}{f' of {setting}' if setting else ''}: is set aside in this run, for {told.failures}")
        if self._live:
            self._bars.update(self._tasks[label], completed=self._done[label], note=self._note(label))

    def lost(self) -> str:
        """How many trials of this run and earlier ones did not complete, in words; empty if all did."""
        lost = {state: n for state, n in self._lost.items() if n}
        return "".join(f", {n} trials {state}" for state, n in lost.items())

    def _tell_of_divergence(self, label: str, reason: str) -> None:
        """Say once that nearly all trials of a method diverge, as soon as there are enough to say so."""
        done, diverged = self._done[label], self._diverged[label]
        if (
            done < min(OF_AT_LEAST, self._planned[label] or OF_AT_LEAST)
            or diverged < NEARLY_ALL * done
            or label in self._told_of
        ):
            return
        self._told_of.add(label)
        self.say(
            f"warning: {label}: {diverged} of {done} trials diverged, the last because {reason}; they count at chance "
            "level, and on_failure does not stop a run for them: look at the task and at this method's ranges"
        )

    def _improve(self, label: str, objectives: list[float], objective: Objective) -> None:
        better = max if objective.direction == "maximise" else min
        if found := [*objectives, *([self._best[label]] if label in self._best else [])]:
            self._best[label] = better(found)

    def _note(self, label: str) -> str:
        rate = (self._done[label] - self._begun_with.get(label, 0)) / max(1e-9, time.monotonic() - self._started)
        best = f"best {Objective.text(self._best[label])}" if label in self._best else ""
        return f"{best} {60 * rate:.1f}/min".strip()

    def _of(self, label: str) -> str:
        planned = self._planned[label]
        return "" if planned is None else f"/{planned}"

    def _time_left(self) -> str:
        """Say how long the rest will take, unless a budget decides how many trials that is."""
        planned = [trials for trials in self._planned.values() if trials is not None]
        if len(planned) < len(self._planned):
            return ""
        done = sum(self._done.values())
        fresh = done - sum(self._begun_with.values())
        if not fresh:
            return ""
        left = (sum(planned) - done) * (time.monotonic() - self._started) / fresh
        return f", {clock.duration(left)} left at this rate"

    def _line_is_due(self) -> bool:
        if time.monotonic() - self._last_line < SECONDS_BETWEEN_LINES:
            return False
        self._last_line = time.monotonic()
        return True

"""The loop: propose, submit, collect, record, until every study has its trials.

Everything that decides what comes next is in the database, and every searcher is a pure function of it.
So a comparison that was stopped in any way, at any moment, goes on with the same call and ends with the
same trials table.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, replace

from hpsearch.contracts.errors import DeviceError, TaskError
from hpsearch.contracts.executor import Executor
from hpsearch.contracts.objective import Result
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import trial_seed
from hpsearch.driver import clock
from hpsearch.driver.pack import PackError, Trained, train_pack
from hpsearch.driver.proposing import propose
from hpsearch.store.database import Database
from hpsearch.store.rows import Measured, StudyRow, TrialRow
from hpsearch.study.plan import Plan
from hpsearch.system import stopping
from hpsearch.system.output import noted
from hpsearch.system.provenance import changed_modules, differences, provenance

ATTEMPTS = 2
"""How often a pack is trained before its trials are tried one at a time."""
DEATHS_ALONE = 5
"""How many further tries a trial gets alone while its worker keeps dying."""
FAILURES_IN_A_ROW = 20
"""How many failures in a row set a method aside: a full disk or vanished data must not use up its trials."""


@dataclass(frozen=True)
class Recorded:
    """What the loop yields after each transaction: the results of a method that were just recorded."""

    method: str
    results: Sequence[Result]


@dataclass(frozen=True)
class SetAside:
    """What the loop tells of a method of which trial after trial failed: why, and how many were taken back."""

    method: str
    taken_back: int
    failures: str


@dataclass
class _Pack:
    """The studies of one method that travel together, and how many of their present trials are open."""

    studies: list[StudyRow]
    trial: int
    open: int = 0

    @property
    def method(self) -> str:
        return self.studies[0].method


@dataclass
class _Job:
    """Trials of one pack, all with the same number, to be trained together."""

    pack: _Pack
    trials: list[TrialRow]
    attempts: int = 0
    submitted: float = 0.0
    spent: float = 0.0


def differs_from_last_run(database: Database, plan: Plan) -> list[str]:
    """What is different from the last run and may change results: the machine, versions, the user's own code."""
    runs = database.runs()
    if not runs:
        return []
    last, here = runs[-1].provenance, provenance(**plan.searchers.versions(plan.methods), code=plan.code)
    said = [f"results may not repeat to the last bit: {difference}" for difference in differences(last, here)]
    if changed := changed_modules(last, here):
        said.append(f"the code of {', '.join(changed)} has changed: new trials may measure something else")
    return said


def run(
    database: Database, plan: Plan, executor: Executor, facts: Mapping[str, str | int]
) -> Generator[Recorded | SetAside]:
    """Run a prepared comparison to its end; yields after each record, and may be closed at any of them.

    Args:
        database: open for writing.
        plan: what is compared.
        executor: where packs are trained; some packs wait beside those in training, as `executor.waiting` says.
        facts: for the provenance of this run.

    Raises:
        TaskError: if trial after trial of a method fails, since then the cause lies outside the trials. They are taken
            back, and the next run tries them again; this run comes to the end of the other methods first.
        DeviceError: if no device works any more. Nothing is recorded about the trials in flight.
    """
    loop = _Loop(database, plan, executor.device)
    packs = loop.packs()
    if not packs:
        return
    executor.share(plan.task.files())
    here = provenance(
        workers=executor.workers,
        device=executor.device,
        **plan.searchers.versions(plan.methods),
        code=plan.code,
        **facts,
    )
    loop.run_id = database.start_run(clock.now(), here)
    try:
        yield from _work(loop, packs, executor)
    finally:
        database.end_run(loop.run_id, clock.now())


def _work(loop: _Loop, packs: list[_Pack], executor: Executor) -> Generator[Recorded | SetAside]:
    ready: list[_Job] = []
    flying: dict[Future[Trained], _Job] = {}
    try:
        while packs or ready or flying:
            while len(flying) < executor.workers + executor.waiting:
                # What has to be tried again comes first, then the pack that is furthest behind.
                if ready:
                    job = ready.pop()
                elif (place := loop.choose(packs, bool(flying))) is not None:
                    job = loop.next_job(packs.pop(place))
                else:
                    break
                flying[loop.submit(job, executor)] = job
            done, _ = wait(flying, timeout=1, return_when=FIRST_COMPLETED)
            stopping.check()
            for future in done:
                job, error = flying[future], future.exception()
                told: Recorded | SetAside | None = None
                if error is None:
                    told = loop.record(job, future.result())
                elif isinstance(error, DeviceError) and not executor.workers:
                    raise error
                elif job.pack.method not in loop.set_aside:
                    loop.note_attempt(job, error)
                    if again := _try_again(job, error):
                        ready.extend(again)
                    else:
                        told = loop.record_failure(job, error)
                del flying[future]
                if told is not None:
                    yield told
                if job.pack.method in loop.set_aside:
                    packs[:] = [pack for pack in packs if pack.method not in loop.set_aside]
                    ready[:] = [other for other in ready if other.pack.method not in loop.set_aside]
                elif job.pack.open == 0 and job.pack.trial < loop.plan.spec.trials:
                    job.pack.trial += 1
                    packs.append(job.pack)
        loop.end()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        # Asked to stop: record what is finished, even if the request came while it was being recorded.
        for future, job in flying.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                loop.record(job, future.result())
        raise


class _Loop:
    """The steps of the loop, with what all of them need."""

    run_id: int

    def __init__(self, database: Database, plan: Plan, device: str) -> None:
        self.database, self.plan, self.device = database, plan, device
        self.spaces = plan.spaces
        # Failures at the end of earlier runs count too, or interruptions would let failures use up the trials.
        self.failed_in_a_row = database.last_failures(FAILURES_IN_A_ROW - 1)
        self.set_aside: dict[str, SetAside] = {}
        comparison, self.studies = database.existing(), database.studies()
        self.seed_bits = comparison.seed_bits
        self.doubt_after = max(3, comparison.pack_size)  # failures, as long as nothing has worked
        self.last_end = database.last_end()
        # Kept as the database has them, each read back after it is written: reading all each time would cost ever more.
        self.trials = {study.id: database.trials(study.id) for study in self.studies}
        self.worked = False

    def packs(self) -> list[_Pack]:
        """All packs with something left to do, each at the first trial that some of its studies have not finished."""
        members: dict[tuple[str, int], list[StudyRow]] = {}
        for study in self.studies:
            members.setdefault((study.method, study.pack), []).append(study)
        packs = []
        for studies in members.values():
            trials = [[t for t in self.trials[s.id] if t.state != "proposed"] for s in studies]
            self.worked |= any(t.state != "failed" for finished in trials for t in finished)
            packs.append(_Pack(studies, min(len(finished) for finished in trials) + 1))
        return [pack for pack in packs if pack.trial <= self.plan.spec.trials]

    def choose(self, packs: Sequence[_Pack], busy: bool) -> int | None:
        """The place of the pack to go on with; None if there is none, or if it is better to wait for those in training.

        As long as nothing has worked, a method that only fails waits: perhaps another one shows that the task works.
        """
        places = [place for place, pack in enumerate(packs) if not self._in_doubt(pack.method)]
        if not places and not busy:
            places = list(range(len(packs)))
        return min(places, key=lambda place: packs[place].trial, default=None)

    def _in_doubt(self, method: str) -> bool:
        return not self.worked and len(self.failed_in_a_row[method]) >= self.doubt_after

    def next_job(self, pack: _Pack) -> _Job:
        """A job for the pack's present trial, which is proposed and recorded unless an earlier run did so."""
        if missing := [study for study in pack.studies if len(self.trials[study.id]) < pack.trial]:
            self._propose(pack, missing)
        trials = [self.trials[study.id][pack.trial - 1] for study in pack.studies]
        job = _Job(pack, [trial for trial in trials if trial.state == "proposed"])
        pack.open = len(job.trials)
        return job

    def _propose(self, pack: _Pack, studies: Sequence[StudyRow]) -> None:
        histories = [History.of(self.trials[study.id], self.plan.task.objective) for study in studies]
        seeds = [study.seed for study in studies]
        proposed = propose(self.plan.searchers[pack.method], self.spaces[pack.method], histories, seeds)
        rows = [
            (study.id, pack.trial, self._trial_seed(study, pack.trial), configuration)
            for study, configuration in zip(studies, proposed.configurations, strict=True)
        ]
        stand_ins = {(studies[place].id, pack.trial): why for place, why in proposed.stand_ins.items()}
        self.database.propose(self.run_id, clock.now(), rows, stand_ins, proposed.warnings)
        for study in studies:
            self.trials[study.id].append(self.database.trial(study.id, pack.trial))

    def _trial_seed(self, study: StudyRow, trial: int) -> int:
        return trial_seed(self.plan.spec.seed, study.method, study.repeat, trial, self.seed_bits)

    def submit(self, job: _Job, executor: Executor) -> Future[Trained]:
        """Send a job to be trained."""
        label, repeats = job.pack.method, {study.id: study.repeat for study in job.pack.studies}
        job.attempts += 1
        job.submitted = time.monotonic()
        return executor.submit(
            train_pack,
            self.plan.by_name,
            label,
            [trial.configuration for trial in job.trials],
            [trial.seed for trial in job.trials],
            [(repeats[trial.study_id], trial.trial) for trial in job.trials],
        )

    def record(self, job: _Job, trained: Trained) -> Recorded:
        """Record what a worker returned; not of trials that were taken back meanwhile with those before them."""
        seconds = trained.seconds / len(job.trials)
        started, ended = clock.text(trained.started), clock.text(trained.ended)
        place = (trained.host, trained.device)
        halved = trained.together < len(job.trials)
        measured = Measured(started, ended, seconds, trained.together, job.attempts, *place, halved)
        return self._record(job, trained.results, measured, trained.warnings, trained.output)

    def note_attempt(self, job: _Job, error: BaseException) -> None:
        """Record the end of the error, whatever becomes of the trials."""
        # Too much by the wait for a worker; but a failure that counted as free would make its method look cheap.
        job.spent += (time.monotonic() - job.submitted) / len(job.trials)
        text = (error.trace if isinstance(error, PackError) else "") or _reason(error)
        trials = [(trial.study_id, trial.trial) for trial in job.trials]
        self.database.failed_attempt(self.run_id, clock.now(), trials, job.attempts, text, noted(error))

    def record_failure(self, job: _Job, error: BaseException) -> Recorded | SetAside:
        """Record that a trial fails whenever it is tried, or set its method aside if nothing else came for long.

        Raises TaskError if the study file says that one is enough.
        """
        reason = _reason(error)
        if self.plan.spec.on_failure == "stop":
            (trial,) = job.trials
            study = next(study for study in job.pack.studies if study.id == trial.study_id)
            raise TaskError(
                f"trial {trial.trial} of study {study.repeat} of {study.method} failed {job.attempts} times, the last "
                f'with {reason}; the study file says on_failure = "stop": mend the cause and run again'
            )
        method, in_a_row = job.pack.method, self.failed_in_a_row[job.pack.method]
        if self.worked and len(in_a_row) + 1 >= FAILURES_IN_A_ROW:
            return self._set_aside(method, reason)
        if len(in_a_row) + 1 >= self.doubt_after and self._nothing_else_may_work(method):
            for other, failures in self.failed_in_a_row.items():
                if failures and other != method:
                    self._set_aside(other, reason)
            self._set_aside(method, reason)
            self.end()
        now = clock.now()
        result = Result(None, outcome="failed", reason=reason)
        measured = Measured(now, now, job.spent, 1, job.attempts, platform.node(), self.device)
        recorded = self._record(job, [result], measured, 0, "")
        in_a_row += [(trial.study_id, trial.trial) for trial in job.trials]
        return recorded

    def _nothing_else_may_work(self, method: str) -> bool:
        """Whether nothing has worked, and all methods that have trials left but `method` are in doubt."""
        trials, length = self.trials, self.plan.spec.trials
        left = {s.method for s in self.studies if len(trials[s.id]) < length or trials[s.id][-1].state == "proposed"}
        return not self.worked and all(self._in_doubt(other) for other in left - {method})

    def _set_aside(self, method: str, reason: str) -> SetAside:
        """Take back what failed in a row, with a last one that is not recorded: a kill must not leave it to count."""
        failures = self.failed_in_a_row[method]
        self.database.reopen(failures)
        for study_id in {study_id for study_id, _ in failures}:
            self.trials[study_id] = self.database.trials(study_id)
        said = f"{len(failures) + 1} trials in a row failed, the last with {reason}"
        self.set_aside[method] = SetAside(method, len(failures), said)
        return self.set_aside[method]

    def end(self) -> None:
        """Raise TaskError if a method was set aside: its trials are missing."""
        if not self.set_aside:
            return
        *_, last = self.set_aside.values()
        kept = "" if len(self.set_aside) == len(self.plan.methods) else "; the other methods are complete"
        raise TaskError(
            f"{', '.join(self.set_aside)}: {last.failures}{kept}; "
            "mend the cause and run again: they will be tried again"
        )

    def _record(self, job: _Job, results: Sequence[Result], measured: Measured, warned: int, output: str) -> Recorded:
        recorded = zip(job.trials, results, strict=True)
        rows = [(t.study_id, t.trial, result) for t, result in recorded if t.trial <= len(self.trials[t.study_id])]
        # `last_failures` needs ends in the order of recording, whatever the clocks of workers and driver do.
        self.last_end = measured.ended if measured.ended > self.last_end else clock.just_after(self.last_end)
        self.database.record(self.run_id, rows, replace(measured, ended=self.last_end), warned, output)
        for study_id, trial, _ in rows:
            self.trials[study_id][trial - 1] = self.database.trial(study_id, trial)
        job.pack.open -= len(rows)
        if any(result.outcome != "failed" for *_, result in rows):  # a task that returns "failed" says so itself
            self.worked = True
            self.failed_in_a_row[job.pack.method].clear()
        return Recorded(job.pack.method, [result for *_, result in rows])


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, PackError | DeviceError) else f"{type(error).__name__}: {error}"


def _try_again(job: _Job, error: BaseException) -> list[_Job]:
    """What to try after a failure: the whole job once more, then each of its trials alone, then nothing.

    A worker may die for reasons outside the trial, such as other programs that use up the memory. So a trial whose
    worker dies is tried alone more often than one that raises an error.
    """
    if job.attempts < ATTEMPTS:
        return [job]
    if len(job.trials) > 1:
        return [_Job(job.pack, [trial], job.attempts, spent=job.spent) for trial in job.trials]
    if isinstance(error, BrokenExecutor) and job.attempts < ATTEMPTS + DEATHS_ALONE:
        return [job]
    return []

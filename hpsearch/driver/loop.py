"""The loop: propose, submit, collect, record, until every study has its trials.

Everything that decides what comes next is in the database, and every searcher is a pure function of it.
So a comparison that was stopped in any way, at any moment, goes on with the same call, and ends in the
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
from hpsearch.contracts.seeds import derived_seed
from hpsearch.driver import clock
from hpsearch.driver.pack import PackError, Trained, train_pack
from hpsearch.driver.proposing import propose
from hpsearch.store.database import Database
from hpsearch.store.rows import Measured, StudyRow, TrialRow
from hpsearch.study.plan import Plan
from hpsearch.system import stopping
from hpsearch.system.provenance import differences, provenance

ATTEMPTS = 2
"""How often a pack is trained before its trials are tried one at a time."""
DEATHS_ALONE = 5
"""How often a trial that is trained alone may lose its worker."""
FAILURES_IN_A_ROW = 20
"""After this many the run stops: a full disk or vanished data must not use up a comparison's trials."""


@dataclass(frozen=True)
class Recorded:
    """What the loop tells after each transaction: these trials of this method have their results."""

    method: str
    results: Sequence[Result]


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
    """What is different from the machine and versions of the last run, and may change results."""
    runs = database.runs()
    here = provenance(searcher_version=plan.searcher.version)
    return list(differences(runs[-1].provenance, here)) if runs else []


def run(database: Database, plan: Plan, executor: Executor, facts: Mapping[str, str | int]) -> Generator[Recorded]:
    """Run a prepared comparison to its end; yields after each record, and may be closed at any of them.

    Args:
        database: open for writing.
        plan: what is compared.
        executor: where packs are trained; one pack waits beside those in training.
        facts: for the provenance of this run.

    Raises:
        TaskError: if trial after trial fails, for then the cause lies outside of them. Those trials are
            taken back, and tried again by the next run.
        DeviceError: if no device works any more. Nothing is recorded of the trials that were in flight.
    """
    loop = _Loop(database, plan, executor.device)
    packs = loop.packs()
    if not packs:
        return
    executor.share(plan.task.files())
    here = provenance(workers=executor.workers, device=executor.device, searcher_version=plan.searcher.version, **facts)
    loop.run_id = database.start_run(clock.now(), here)
    try:
        yield from _work(loop, packs, executor)
    finally:
        database.end_run(loop.run_id, clock.now())


def _work(loop: _Loop, packs: list[_Pack], executor: Executor) -> Generator[Recorded]:
    ready: list[_Job] = []
    flying: dict[Future[Trained], _Job] = {}
    try:
        while packs or ready or flying:
            while (ready or packs) and len(flying) < executor.workers + executor.waiting:
                # What has to be tried again comes first, then the pack that is furthest behind.
                job = ready.pop() if ready else loop.next_job(packs.pop(_furthest_behind(packs)))
                flying[loop.submit(job, executor)] = job
            done, _ = wait(flying, timeout=1, return_when=FIRST_COMPLETED)
            stopping.check()
            for future in done:
                job, error = flying[future], future.exception()
                recorded = None
                if error is None:
                    recorded = loop.record(job, future.result())
                elif isinstance(error, DeviceError) and not executor.workers:
                    raise error
                else:
                    loop.note_attempt(job, error)
                    if again := _try_again(job, error):
                        ready.extend(again)
                    else:
                        recorded = loop.record_failure(job, error)
                del flying[future]
                if recorded is not None:
                    yield recorded
                if job.pack.open == 0 and job.pack.trial < loop.plan.spec.trials:
                    job.pack.trial += 1
                    packs.append(job.pack)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        # Asked to stop: what is finished is recorded, also if the request came in the middle of that.
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
        # Those that ended the runs before this one count: an interruption must not use trials up.
        self.failed_in_a_row = database.last_failures(FAILURES_IN_A_ROW - 1)
        self.last_end = database.last_end()
        # As the database has them, and read back from it one by one: all of them at each trial would cost ever more.
        self.trials = {study.id: database.trials(study.id) for study in database.studies()}
        self.worked = False

    def packs(self) -> list[_Pack]:
        """All packs with something left to do, each at the first trial that not all its studies finished."""
        members: dict[tuple[str, int], list[StudyRow]] = {}
        for study in self.database.studies():
            members.setdefault((study.method, study.pack), []).append(study)
        packs = []
        for studies in members.values():
            trials = [[t for t in self.trials[s.id] if t.state != "proposed"] for s in studies]
            self.worked |= any(t.state != "failed" for finished in trials for t in finished)
            packs.append(_Pack(studies, min(len(finished) for finished in trials) + 1))
        return [pack for pack in packs if pack.trial <= self.plan.spec.trials]

    def next_job(self, pack: _Pack) -> _Job:
        """The pack's present trial: proposed and recorded, unless a run before this one did so."""
        if missing := [study for study in pack.studies if len(self.trials[study.id]) < pack.trial]:
            self._propose(pack, missing)
        trials = [self.trials[study.id][pack.trial - 1] for study in pack.studies]
        job = _Job(pack, [trial for trial in trials if trial.state == "proposed"])
        pack.open = len(job.trials)
        return job

    def _propose(self, pack: _Pack, studies: Sequence[StudyRow]) -> None:
        histories = [History.of(self.trials[study.id], self.plan.task.objective) for study in studies]
        seeds = [study.seed for study in studies]
        proposed = propose(self.plan.searcher, self.spaces[pack.method], histories, seeds)
        rows = [
            (study.id, pack.trial, self._trial_seed(study, pack.trial), configuration)
            for study, configuration in zip(studies, proposed.configurations, strict=True)
        ]
        stand_ins = {(studies[place].id, pack.trial): why for place, why in proposed.stand_ins.items()}
        self.database.propose(self.run_id, clock.now(), rows, stand_ins, proposed.warnings)
        for study in studies:
            self.trials[study.id].append(self.database.trial(study.id, pack.trial))

    def _trial_seed(self, study: StudyRow, trial: int) -> int:
        return derived_seed(self.plan.spec.seed, study.method, study.repeat, trial)

    def submit(self, job: _Job, executor: Executor) -> Future[Trained]:
        """Send a job to be trained."""
        label = job.pack.method
        job.attempts += 1
        job.submitted = time.monotonic()
        return executor.submit(
            train_pack,
            self.plan.by_name,
            label,
            [trial.configuration for trial in job.trials],
            [trial.seed for trial in job.trials],
        )

    def record(self, job: _Job, trained: Trained) -> Recorded:
        """Record what a worker returned."""
        seconds = trained.seconds / len(job.trials)
        started, ended = clock.text(trained.started), clock.text(trained.ended)
        place = (trained.host, trained.device)
        halved = trained.together < len(job.trials)
        measured = Measured(started, ended, seconds, trained.together, job.attempts, *place, halved)
        return self._record(job, trained.results, measured, trained.warnings)

    def note_attempt(self, job: _Job, error: BaseException) -> None:
        """Keep the end of what went wrong, whatever becomes of the trials."""
        # A little too much, where it waited for a worker; a failure that counted as free would make methods cheap.
        job.spent += (time.monotonic() - job.submitted) / len(job.trials)
        text = (error.trace if isinstance(error, PackError) else "") or _reason(error)
        trials = [(trial.study_id, trial.trial) for trial in job.trials]
        self.database.failed_attempt(self.run_id, clock.now(), trials, job.attempts, text)

    def record_failure(self, job: _Job, error: BaseException) -> Recorded:
        """Record that a trial fails whenever it is tried.

        Raises TaskError if nothing but failures came for long, or if the study file says that one is enough.
        """
        reason = _reason(error)
        if self.plan.spec.on_failure == "stop":
            (trial,) = job.trials
            study = next(study for study in job.pack.studies if study.id == trial.study_id)
            raise TaskError(
                f"trial {trial.trial} of study {study.repeat} of {study.method} failed {job.attempts} times, the last "
                f'with {reason}; the study file says on_failure = "stop": mend the cause and run again'
            )
        patience = FAILURES_IN_A_ROW if self.worked else max(3, len(job.pack.studies))
        if len(self.failed_in_a_row) + 1 >= patience:
            # This one is not even recorded: a kill between two transactions must not leave it to count.
            self.database.reopen(self.failed_in_a_row)
            raise TaskError(
                f"{len(self.failed_in_a_row) + 1} trials in a row failed, the last with {reason}; "
                "mend the cause and run again: they will be tried again"
            )
        now = clock.now()
        result = Result(None, outcome="failed", reason=reason)
        measured = Measured(now, now, job.spent, 1, job.attempts, platform.node(), self.device)
        recorded = self._record(job, [result], measured, 0)
        self.failed_in_a_row += [(trial.study_id, trial.trial) for trial in job.trials]
        return recorded

    def _record(self, job: _Job, results: Sequence[Result], measured: Measured, warned: int) -> Recorded:
        rows = [(t.study_id, t.trial, result) for t, result in zip(job.trials, results, strict=True)]
        # Ends are in the order of recording, whatever the clocks of workers and driver do: `last_failures` goes by it.
        self.last_end = measured.ended if measured.ended > self.last_end else clock.just_after(self.last_end)
        self.database.record(self.run_id, rows, replace(measured, ended=self.last_end), warned)
        for study_id, trial, _ in rows:
            self.trials[study_id][trial - 1] = self.database.trial(study_id, trial)
        job.pack.open -= len(rows)
        if any(result.outcome != "failed" for result in results):  # one that a task returns is its own verdict
            self.worked = True
            self.failed_in_a_row.clear()
        return Recorded(job.pack.method, results)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, PackError | DeviceError) else f"{type(error).__name__}: {error}"


def _try_again(job: _Job, error: BaseException) -> list[_Job]:
    """All of a job once more, then each of its trials alone, then nothing.

    A death of the worker may come from outside, where somebody kills it or others use up the memory: alone it is tried
    more often than what raises by itself.
    """
    if job.attempts < ATTEMPTS:
        return [job]
    if len(job.trials) > 1:
        return [_Job(job.pack, [trial], job.attempts, spent=job.spent) for trial in job.trials]
    if isinstance(error, BrokenExecutor) and job.attempts < ATTEMPTS + DEATHS_ALONE:
        return [job]
    return []


def _furthest_behind(packs: Sequence[_Pack]) -> int:
    return min(range(len(packs)), key=lambda i: packs[i].trial)

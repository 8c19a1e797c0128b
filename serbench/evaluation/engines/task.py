"""Describe folds and extraction as tasks, and run a task on the machine that an engine chose."""

import contextlib
import itertools
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from serbench import datasets, tables
from serbench.contracts import Needs, Task
from serbench.errors import PluginError, SerbenchError
from serbench.evaluation import kept_models, provenance
from serbench.evaluation.folds.locks import claimed
from serbench.evaluation.plan import Job
from serbench.evaluation.progress import fold_status
from serbench.features.store import Feature
from serbench.files import digest
from serbench.plugins.source_code import source_digest
from serbench.processes import Message, Outcome, Pool, Send
from serbench.results import extra_set
from serbench.results.config import Config
from serbench.results.extra_set import ExtraSet
from serbench.settings import Settings, settings

FOLD, EXTRACT = "serbench.evaluation.folds.fold:run", "serbench.features.extraction:extract"
TEST_KEPT = "serbench.evaluation.folds.extra_predictions:test_kept"
SHARE = 500  # utterances whose features one task extracts


def of_fold(
    job: Job, fold: str, needs: Needs, code: Mapping[str, str], after: tuple[int, ...] = ()
) -> Task:
    """Return the task of a fold; `fold` is its name, `code` comes from `code_of`."""
    message = {"function": FOLD, "item": job.message(), "threads": needs.threads, "code": code}
    return Task(f"fold {fold} of {job.config.name}", message, needs, after)


def of_kept(job: Job, fold: str, needs: Needs) -> Task:
    """Return the task of testing the kept model of a fold on extra test sets, on this machine."""
    message = {"function": TEST_KEPT, "item": job.message(), "threads": needs.threads, "code": {}}
    return Task(f"extra test sets of fold {fold} of {job.config.name}", message, needs)


def of_extraction(
    feature: Feature, cache: Path, paths: Sequence[str], needs: Needs, code: Mapping[str, str]
) -> list[Task]:
    """Return tasks that extract the features of audio files, with the needs of the model.

    One thread computes them, as everywhere: all models share the features.
    """
    tasks, needs = [], replace(needs, threads=1)
    for start in range(0, len(paths), SHARE):
        share = paths[start : start + SHARE]
        item = {
            "feature": asdict(feature),
            "cache": str(cache.resolve()),
            "threads": 1,
            "files": [(path, True) for path in share],
        }
        message = {"function": EXTRACT, "item": item, "threads": 1, "code": code}
        name = f"{feature.name} of {tables.count(len(share), 'utterance')}"
        tasks.append(Task(name, message, needs))
    return tasks


def code_of(config: Config, extras: Sequence[ExtraSet] = ()) -> dict[str, str]:
    """Return version and source digest of each package that computes a run and its extra sets."""
    return {
        package: f"{_version(package)} {source}"
        for package, source in provenance.sources(config, extras).items()
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:  # a module of the user
        return ""


def run_task(message: Message, send: Send, *, shares_folders: bool = True) -> Outcome:
    """Run a task in a fresh process of this machine, and return its result or its error.

    For engines: call it in any process of the machine that computes. The process of the task ends
    with the calling process, even after `kill -9`.

    Args:
        message: the `message` of a `serbench.Task`.
        send: called with every message about the task's progress.
        shares_folders: whether this machine has the driver's results and cache at the same paths.
            If not, the fold uses this machine's SERBENCH_DATA (unless the driver's folder of the
            corpus is here too) and SERBENCH_CACHE, and its outcome holds the files of the result.

    Returns:
        The outcome, with `item` 0: `dataclasses.replace(outcome, item=position)` sets the position.
    """
    item, code = message["item"], message["code"]
    try:
        _require_same_code(code)
        if shares_folders or message["function"] != FOLD:
            return _run(message, item, send)
        with _moved(Job.of(item), code) as job:
            outcome = _run(message, job.message(), send)
            return outcome if outcome.error else replace(outcome, files=_taken(job))
    except SerbenchError as error:
        return Outcome(0, None, str(error))


def _run(message: Message, item: Message, send: Send) -> Outcome:
    with Pool() as pool:
        pool.start(0, message["function"], item, message["threads"])
        while True:
            _, event = pool.next()
            if isinstance(event, Outcome):
                return event
            send(event)


def _require_same_code(planned: Mapping[str, str]) -> None:
    """Refuse to compute with code that differs from the driver's."""
    for package, code in planned.items():
        version, source = _version(package), source_digest(package)
        if f"{version} {source}" == code:
            continue
        theirs = f"{package} {code.rpartition(' ')[0]}".strip()
        ours = f"{package} {version}".strip() if source else f"no {package}"
        if ours == theirs:
            ours += " with other source code"
        raise PluginError(
            f"{platform.node()} has {ours}, but the run was planned with {theirs}: install the "
            "same code on every machine"
        )


@contextlib.contextmanager
def _moved(job: Job, code: Mapping[str, str]) -> Iterator[Job]:
    """Yield the job with the folders of this machine; generate a missing corpus if possible.

    The folder of the result is specific to this fold, its data and its code, so a later attempt
    finds what an earlier one has stored. A folder that another process uses, as for a driver with
    the same results path on another machine, is left to it.
    """
    places = settings()
    result = Path(job.result)
    source = _source(job.config.dataset, job.root, job.page, places)
    name = (
        f"{job.config.name}-{digest([job.result, job.keep_model, dict(job.pins), dict(code)])[:8]}"
    )
    cache = places.cache.resolve()
    for number in itertools.count(1):
        folder = cache / "folds" / (name if number == 1 else f"{name}-{number}")
        with claimed(folder.parent, [folder.name]) as held:
            if not held:
                moved = str(folder / result.name)
                extras: list[Mapping[str, Any]] = []
                for extra in job.extras:
                    found = _source(extra["set"]["dataset"], extra["root"], extra["page"], places)
                    here = {"root": str(found.root), "page": str(found.page or "")}
                    extras.append({**extra, **here})
                moved_job = replace(job, root=str(source.root), cache=str(cache), result=moved)
                yield replace(moved_job, extras=extras, page=str(source.page or ""))
                return


def _source(spec: str, root: str, page: str, places: Settings) -> datasets.Source:
    """Find a corpus where the driver has it, else where it is here; make a generated one."""
    at, described = (Path(each) if each and Path(each).exists() else None for each in (root, page))
    source = datasets.find(spec, places, at, described)
    datasets.make(source)
    return source


def _taken(job: Job) -> dict[str, bytes]:
    """Read the files of a fold's result, by their paths below the run's folder; remove them."""
    result = Path(job.result)
    files = [result]
    if job.keep_model:
        model = kept_models.folder(result.parent, job.fold)
        files += [path for path in sorted(model.rglob("*")) if path.is_file()]
    for extra in job.extras:
        file = extra_set.path(result.parent, ExtraSet(**extra["set"]), job.fold)
        files.append(file if file.exists() else fold_status.failure_file(file))
    try:
        taken = {path.relative_to(result.parent).as_posix(): path.read_bytes() for path in files}
    except OSError as error:
        raise SerbenchError(
            f"the result of the fold on {platform.node()} cannot be read: {error}; run the same "
            "command again"
        ) from error
    shutil.rmtree(result.parent, ignore_errors=True)
    return taken

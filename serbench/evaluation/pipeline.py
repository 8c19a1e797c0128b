"""`evaluate`: plan a run, extract missing features, compute missing folds, and read the result."""

import dataclasses
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench import processes
from serbench.contracts import PathDataset
from serbench.errors import BadParameter, CorpusError, FoldError, SerbenchError, nearest
from serbench.evaluation import fold as worker
from serbench.evaluation import kept_models
from serbench.evaluation.fold import claimed
from serbench.evaluation.plan import Job, Plan, Resources, make_jobs, make_plan
from serbench.features import extraction
from serbench.features.audio import Decoded, Digests, remarks
from serbench.features.store import Feature, Store
from serbench.parameters import is_import_path
from serbench.processes import Engine
from serbench.protocols import leakage, lookup
from serbench.results import fold_file, run
from serbench.results.config import Request
from serbench.settings import Settings, require_device, results_folder, settings

FEW = 100  # utterances; for no more than these, starting processes does not pay


class Listener:
    """Follow the progress of an evaluation: override the methods that you need.

    This class prints nothing, and turns remarks into Python warnings.
    """

    def planned(self, plan: Plan, folder: Path, wanted: int, todo: int) -> None:
        """Show that `wanted` folds of the plan are requested, and that `todo` of them will run."""

    def extracting(self, done: int, total: int) -> None:
        """Show that `done` of `total` utterances are decoded and their features stored."""

    def remarked(self, line: str) -> None:
        """Show a remark on the corpus: odd, but no error."""
        warnings.warn(line, stacklevel=3)  # at the caller of `evaluate`

    def training(self, fold: str, progress: Mapping[str, Any]) -> None:
        """Show a model's "epoch", "epochs", and points of its learning curve."""

    def finished(self, fold: str, error: str) -> None:
        """Show that a fold is done, or that it failed with an error."""


def evaluate(  # noqa: PLR0913 - the options of `serbench evaluate`
    model: str,
    dataset: str,
    *,
    protocol: str | None = None,
    labels: str | None = None,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    trim_db: float | None = 60.0,
    data: str | Path | None = None,
    features: str | None = None,
    precision: str = "float32",
    threads: int | None = None,
    jobs: int | None = None,
    device: str | None = None,
    results: str | Path | None = None,
    listener: Listener | None = None,
    keep_models: bool = False,
    folds: Collection[str] | None = None,
) -> run.Run:
    """Train and test a model on a dataset under a protocol; finished folds are not run again.

    Args:
        model: a model's name; `serbench models` lists them. Or its import path:
            "my_ser:Nearest", "sklearn.svm:SVC".
        dataset: a dataset's name with its parameters; `serbench datasets` lists them.
        protocol: a protocol's name; None is the dataset's default.
        labels: a label set's name; None is the dataset's first.
        seed: the seed of everything random in training.
        params: parameters of the model and its features that differ from the defaults.
        trim_db: where silence begins, in dB; see `serbench.features.audio.Reading`.
        data: the corpus's own folder, if it is not under SERBENCH_DATA.
        features: the name of the features for a model by import path; None takes its attribute
            `features`, or else "functionals" for an estimator, "waveform" for a model.
        precision: the format of training, "float32" or "bfloat16"; scores are always float32.
        threads: threads per fold; None takes those of the model's entry.
        jobs: how many folds run at the same time, each in fresh processes of its own; None fills
            the cores as far as memory allows; 0 runs folds in this process, for debuggers.
            Predictions do not depend on it.
        device: "auto", "cpu" or "cuda"; None is SERBENCH_DEVICE, or "auto". The processes of a fold
            look for it.
        results: the parent folder of all runs; None is SERBENCH_RESULTS, or "results".
        listener: shows the progress.
        keep_models: keep every fold's model in the run's folder, for `serbench.predict`.
        folds: the names of the folds to run; None runs all.

    Returns:
        The run: prints as a table, converts to a data frame.

    Raises:
        SerbenchError: an error that the user can fix; finished folds are kept.
    """
    listener = listener or Listener()
    places = settings()
    if jobs is not None and jobs < 0:
        raise BadParameter(f"jobs is {jobs}, but must be 0 or more")
    wanted_device = require_device(device or places.device)
    if keep_models:
        kept_models.require_keepable(model)
    request = Request(
        model,
        dataset,
        protocol=protocol,
        labels=labels,
        seed=seed,
        params=params or {},
        trim_db=trim_db,
        data=data,
        features=features,
        precision=precision,
        threads=threads,
    )
    plan = make_plan(request, places)  # shared speakers are refused here
    names = [fold.name for fold in plan.folds]
    for name in folds or ():
        if name not in names:
            raise nearest(f"fold of {plan.config.protocol}", name, names)
    chosen = [at for at, name in enumerate(names) if folds is None or name in folds]
    folder = results_folder(results) / plan.config.name
    resources = Resources(folder, places.cache, wanted_device, keep_models, isolated=jobs != 0)
    missing = {path.stem: at for at in chosen if not (path := resources.result(at)).exists()}
    with claimed(folder, list(missing)) as holders:  # other commands may compute other folds
        finished = [at for at in range(len(plan.folds)) if resources.result(at).exists()]
        taken = {missing[stem]: holder for stem, holder in holders.items()}
        waiting = [at for at in missing.values() if at not in finished and at not in taken]
        if not waiting:
            _require_computed(plan, resources, taken)
        if keep_models:
            _require_kept(plan, resources, finished)
        listener.planned(plan, folder, len(chosen) - len(taken), len(waiting))
        for line in (*plan.doubts, *lookup.fold_remarks(plan.corpus, plan.folds)):
            listener.remarked(line)
        audio = extract(plan, waiting, places, listener)
        planned = make_jobs(plan, resources, audio)
        _require_unchanged(plan, (planned[at] for at in finished))
        leaking = leakage.check(plan.corpus, [plan.folds[at] for at in waiting], audio)
        leakage.require_clean(plan.protocol, leaking)  # shared recordings are refused here
        at_once = _at_once(plan, len(waiting), wanted_device) if jobs is None else jobs
        engine = processes.engine(min(at_once, processes.cores()), plan.config.threads)
        _compute(plan, [planned[at] for at in waiting], engine, listener)
    _require_computed(plan, resources, taken)
    return run.read(folder)  # scores are computed from the files alone


def extract(
    plan: Plan, waiting: Sequence[int], places: Settings, listener: Listener
) -> Mapping[str, str]:
    """Decode audio without a stored digest, and extract the features that waiting folds lack.

    The listener receives remarks on odd audio, whether decoded now or earlier.

    Returns:
        The digest of every utterance's samples, by id.

    Raises:
        FoldError: a file cannot be read, or the extractor breaks its contract.
    """
    needed = {id_ for at in waiting for id_ in plan.ids(at)}
    feature = Feature.of(plan.config)
    stored = extraction.audio_digests(plan.corpus, places.cache, plan.source.root)
    store = Store(feature.folder(places.cache))
    utterances = plan.corpus.utterances
    paths = {each.id: str(each.path) for each in utterances if each.path is not None}
    files = [
        (path, id_ in needed)
        for id_, path in paths.items()
        if (key := stored[id_]) is None or (id_ in needed and key not in store)
    ]
    decoded: dict[str, Decoded] = {}

    def receive(_: int, message: processes.Message) -> None:
        decoded.update((row[0], Decoded(*row)) for row in message["digests"])
        listener.extracting(len(decoded), len(files))

    at_once = processes.cores() if len(files) > FEW else 1
    common = {
        "feature": dataclasses.asdict(feature),
        "cache": str(places.cache.resolve()),
        "threads": 1,
    }
    shares = [{**common, "files": files[start::at_once]} for start in range(at_once)]
    engine = processes.engine(at_once if at_once > 1 else 0, threads=1)
    digests = Digests(places.cache, plan.source.root)
    try:
        for outcome in engine(extraction.extract, shares if files else [], receive):
            if outcome.result is None:
                raise FoldError(outcome.error)
    finally:  # keep the digests of decoded audio, even after an error
        digests.add(decoded.values())
    for line in remarks({id_: digests.oddity(Path(path)) for id_, path in paths.items()}):
        listener.remarked(line)
    return {
        id_: decoded[path].digest if path in decoded else str(stored[id_])
        for id_, path in paths.items()
    }


def _at_once(plan: Plan, folds: int, device: str) -> int:
    """Return how many folds fill the cores and fit into memory; at least 1.

    A model that uses a GPU runs one fold at a time, since folds would share its memory.
    """
    if plan.gpus and device != "cpu" and any(Path("/dev").glob("nvidia[0-9]*")):
        return 1
    by_memory = processes.free_memory() / plan.memory
    return max(1, int(min(folds, processes.cores() // plan.config.threads, by_memory)))


def _compute(plan: Plan, waiting: Sequence[Job], engine: Engine, listener: Listener) -> None:
    """Compute all folds, each with `fold.run`, and then report those that failed."""
    names = [plan.folds[job.fold].name for job in waiting]
    failed: dict[int, str] = {}
    for outcome in engine(
        worker.run,
        [job.message() for job in waiting],
        lambda item, progress: listener.training(names[item], progress),
    ):
        listener.finished(names[outcome.item], outcome.error)
        if outcome.error:
            failed[outcome.item] = outcome.error
    if not failed:
        return
    by_error: dict[str, list[str]] = {}
    for item, error in sorted(failed.items()):  # in the protocol's order
        by_error.setdefault(error, []).append(names[item])
    reasons = "\n".join(f"{_folds(alike)}: {error}" for error, alike in by_error.items())
    hint = ""
    if is_import_path(plan.config.model) and plan.config.feature == "waveform":
        hint = (
            f"{plan.config.model} received waveforms of different lengths; if it needs vectors, "
            "add --features functionals\n"
        )
    kept = len(list(Path(waiting[0].result).parent.glob("*.safetensors")))
    raise FoldError(
        f"{reasons}\n{hint}{len(failed)} of {len(plan.folds)} folds failed, {kept} are kept; fix "
        "the cause and run the same command again: only the missing folds run"
    )


def _folds(names: Sequence[str]) -> str:
    """Return "fold 1" or "folds 1, 2"."""
    return f"{'folds' if len(names) > 1 else 'fold'} {', '.join(names)}"


def _require_computed(plan: Plan, resources: Resources, taken: Mapping[int, str]) -> None:
    """Refuse to show a run while the holders of requested folds, by position, compute them."""
    by_holder: dict[str, list[str]] = {}
    for at, holder in taken.items():
        if not resources.result(at).exists():
            by_holder.setdefault(holder, []).append(plan.folds[at].name)
    if by_holder:
        busy = "; ".join(
            f"{_folds(names)} of {resources.folder.name} {'are' if len(names) > 1 else 'is'} being "
            f"computed by {holder}"
            for holder, names in by_holder.items()
        )
        raise SerbenchError(
            f"{busy}: wait for that command, or stop it, and run this one again; what is finished "
            "is kept"
        )


def _require_kept(plan: Plan, resources: Resources, finished: Sequence[int]) -> None:
    """Refuse to keep models in a run whose finished folds have none."""
    lost = [at for at in finished if not kept_models.folder(resources.folder, at).is_dir()]
    if lost:
        names = ", ".join(plan.folds[at].name for at in lost)
        files = ", ".join(resources.result(at).name for at in lost)
        raise SerbenchError(
            f"{len(lost)} of {len(plan.folds)} folds ({names}) are finished, but their models were "
            f"not kept: remove {files} from {resources.folder}, and run the same command again, or "
            "use another --results folder"
        )


def _require_unchanged(plan: Plan, finished: Iterable[Job]) -> None:
    """Refuse finished folds that were computed from other data, or belong to another run."""
    for job in finished:
        facts = fold_file.read(Path(job.result)).facts
        if (facts.config, facts.fold.index) != (job.config, job.fold):
            raise SerbenchError(
                f"{job.result} belongs to another run or fold, so it was copied there: remove it, "
                "and run the same command again"
            )
        changed = [name for name, pin in job.pins.items() if getattr(facts.pins, name) != pin]
        folder, dataset = Path(job.result).parent, plan.source.dataset
        if changed and changed != ["protocol"] and isinstance(dataset, PathDataset):
            kind, _, rest = plan.config.dataset.partition(":")
            name, comma, params = rest.partition(",")
            noun = "table" if dataset.endings else "folder"
            raise CorpusError(
                f"another {noun} called {kind}:{name} has run here, or this one changed since: "
                f"{job.result} was not computed from {plan.source.root}. Use another --results "
                f"folder, or give the {noun} another name, --dataset {kind}:OTHER{comma}{params} "
                f"--data {plan.source.root}; if the old run is no longer needed, remove {folder}"
            )
        if changed:
            raise CorpusError(
                f"the {' and the '.join(changed)} changed since {job.result} was computed: restore "
                f"it, or start a new run in another --results folder, or remove {folder}"
            )

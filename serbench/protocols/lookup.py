"""Find the protocol that a user names, and apply it to a corpus to get checked folds."""

import inspect
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from serbench import tables
from serbench.contracts import Dataset
from serbench.corpus import PARTS, Corpus, Fold, Protocol
from serbench.errors import BadParameter, LeakageError, PluginError, SerbenchError, nearest
from serbench.parameters import checked, parse_name, settable
from serbench.protocols.families import FAMILIES
from serbench.protocols.split_file import file

NAMED = 3  # most folds that a remark names


def find_protocol(spec: str | None, dataset: Dataset) -> Protocol:
    """Return the protocol that a user names, or the dataset's default.

    Args:
        spec: "paper", "kfold:n=5", "file:path=x.csv,leaks=true", a path that ends in .csv, or None
            for `default_protocol`.
        dataset: the dataset, whose own protocols take precedence over those of `FAMILIES`.

    Raises:
        UnknownName: there is no such protocol; the message lists the nearest names.
        BadParameter: a parameter does not exist or has an impossible value.
    """
    own = {protocol.name: protocol for protocol in dataset.protocols}
    spec = default_protocol(dataset) if spec is None else spec
    if spec in own:
        return own[spec]
    name = spec.partition(":")[0]
    if spec.endswith(".csv") and name not in FAMILIES:
        return file(spec)
    if name in own:
        raise BadParameter(f"protocol {name} takes no parameters: write {name}, not {spec}")
    return family(spec, dataset)


def family(spec: str, dataset: Dataset | None = None) -> Protocol:
    """Return a protocol for any corpus, "kfold:n=5".

    Args:
        spec: its name with parameters.
        dataset: its protocols may be parameters, and are listed if the name is unknown.

    Raises:
        UnknownName: there is no such protocol; the message lists the nearest names.
        BadParameter: a parameter does not exist or has an impossible value, or the protocol is made
            from one of a dataset, and there is none.
    """
    name, given = parse_name(spec)
    if name not in FAMILIES:
        own = [protocol.name for protocol in dataset.protocols] if dataset else []
        raise nearest("protocol", name, [*own, *FAMILIES])
    make = FAMILIES[name]
    values = checked(f"protocol {name}", settable(make), given)
    if not needs_base(name):
        return make(**values)

    def find(base: str | None) -> Protocol:
        if dataset is not None:
            return find_protocol(base, dataset)
        if base is None:
            raise BadParameter(
                f"protocol {name} is made from a protocol of a dataset: name a dataset"
            )
        return family(base)

    return make(**values, find=find)


def needs_base(name: str) -> bool:
    """Return whether a protocol for any corpus is made from another protocol of the dataset."""
    return "find" in inspect.signature(FAMILIES[name]).parameters


def default_protocol(dataset: Dataset) -> str:
    """Return the dataset's `default_protocol`, else the name of its first protocol.

    Raises:
        PluginError: the dataset has no protocol.
    """
    names = [getattr(dataset, "default_protocol", None), *(own.name for own in dataset.protocols)]
    name: str | None = next(filter(None, names), None)
    if name is None:
        raise PluginError("the dataset has no protocol of its own: name one, for example kfold:n=5")
    return name


def make_folds(protocol: Protocol, corpus: Corpus) -> list[Fold]:
    """Apply a protocol to a corpus, check the folds, and sort the ids in every set.

    Raises:
        PluginError: there are no folds, two folds have the same name, an id is unknown or twice in
            one set, or the folds of a group differ in their test sets.
        LeakageError: an utterance is in two sets of one fold, whatever the protocol declares.
        SerbenchError: a set is empty on this corpus.
    """
    folds = protocol.folds(corpus)
    where = f"protocol {protocol.name} on corpus {corpus.name} (label set {corpus.label_set})"
    if not folds:
        raise PluginError(f"{where} has no folds: it must give at least one")
    for name, times in Counter(fold.name for fold in folds).items():
        if times > 1:
            raise PluginError(f"{where} has {times} folds named {name!r}: give each its own name")
    ordered = []
    for fold in folds:
        _check_fold(f"fold {fold.name} of {where}", fold, corpus)
        train, validation, test = (tuple(sorted(getattr(fold, part))) for part in PARTS)
        ordered.append(replace(fold, train=train, validation=validation, test=test))
    _check_groups(where, ordered)
    return ordered


def _check_fold(where: str, fold: Fold, corpus: Corpus) -> None:
    for part in PARTS:
        ids: tuple[str, ...] = getattr(fold, part)
        if not ids:
            raise SerbenchError(
                f"{where} has an empty {part} set: choose another protocol or label set"
            )
        if unknown := set(ids) - corpus.by_id.keys():
            raise PluginError(f"{where} names {min(unknown)!r} in {part}, which the corpus lacks")
        if len(set(ids)) < len(ids):
            twice = Counter(ids).most_common(1)[0][0]
            raise PluginError(f"{where} has {twice!r} twice in {part}: name it once")
    for first, second in itertools.combinations(PARTS, 2):
        if shared := set(getattr(fold, first)) & set(getattr(fold, second)):
            raise LeakageError(
                f"{where} has the utterance {min(shared)} in both {first} and {second}: "
                "keep it in one of them; no protocol may share utterances"
            )


def _check_groups(where: str, folds: Sequence[Fold]) -> None:
    first: dict[str, Fold] = {}
    for fold in folds:
        if fold.group and first.setdefault(fold.group, fold).test != fold.test:
            raise PluginError(
                f"{where}: folds {first[fold.group].name} and {fold.name} are in the group "
                f"{fold.group!r} but test on different utterances; a group shares its test set"
            )


def fold_remarks(corpus: Corpus, folds: Sequence[Fold]) -> list[str]:
    """Return a line for each oddity of a corpus and its folds that does not prevent a run.

    Oddities are labels with only one utterance, and training or test sets that lack a label.
    """
    counts = Counter(utterance.label for utterance in corpus.utterances)
    alone = [label for label in corpus.labels if counts[label] == 1]
    lines = list(corpus.remarks)
    if alone:
        have = "label has" if len(alone) == 1 else "labels have"
        lines.append(
            f"{len(alone)} {have} one utterance, so no fold can both train and test on it: "
            f"{', '.join(alone)}"
        )
    for part, means in (("train", "no model can learn it"), ("test", "scores leave it out")):
        lacking = []
        for fold in folds:
            present = {corpus.by_id[id_].label for id_ in getattr(fold, part)}
            labels = [label for label in corpus.labels if label not in present]
            if labels:
                lacking.append(f"fold {fold.name} ({', '.join(labels)})")
        if lacking:
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            lines.append(
                f"{len(lacking)} of {tables.count(len(folds), 'fold')} "
                f"{'lacks' if len(lacking) == 1 else 'lack'} a label in {part}, so {means}: "
                f"{', '.join(lacking[:NAMED])}{more}"
            )
    return lines


def fold_rows(corpus: Corpus, folds: Sequence[Fold]) -> list[dict[str, object]]:
    """Return a row for each set of each fold: utterances, speakers, speakers by sex, labels."""
    sexes = {utterance.sex for utterance in corpus.utterances}
    columns = [sex for sex in ("female", "male", "") if sex in sexes]
    rows: list[dict[str, object]] = []
    for fold, part in itertools.product(folds, PARTS):
        utterances = [corpus.by_id[id_] for id_ in getattr(fold, part)]
        sex_of = {utterance.speaker: utterance.sex for utterance in utterances if utterance.speaker}
        labels = Counter(utterance.label for utterance in utterances)
        rows.append(
            {
                "fold": fold.name,
                "set": part,
                "utterances": len(utterances),
                "speakers": len(sex_of),
                **{sex or "sex unknown": list(sex_of.values()).count(sex) for sex in columns},
                **{label: labels[label] for label in corpus.labels},
            }
        )
    return rows

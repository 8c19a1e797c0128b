"""From the protocol that a user names to the folds of a corpus, checked."""

import itertools
import typing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from serbench.corpus import PARTS, Corpus, Fold, Protocol
from serbench.errors import BadParameter, LeakageError, PluginError, SerbenchError, nearest
from serbench.protocols.families import kfold, loso, random
from serbench.protocols.split_file import file
from serbench.specs import checked, parameters, parse_name

FAMILIES: Mapping[str, Callable[..., Protocol]] = {
    "loso": loso,
    "kfold": kfold,
    "random": random,
    "file": file,
}
"""Protocols for any corpus; their parameters are those of the functions."""


NAMED = 3  # folds that a remark names at most


class Offers(typing.Protocol):
    """A dataset, as far as its protocols go; `default_protocol`, a name, may be absent."""

    @property
    def protocols(self) -> Sequence[Protocol]:
        """The corpus's own."""
        ...


def find(spec: str | None, dataset: Offers) -> Protocol:
    """The protocol that a user names, or the dataset's default.

    Args:
        spec: "paper", "kfold:n=5", "file:path=x.csv,leaks=true", a path that ends in .csv, or None
            for `dataset.default_protocol`, or else the first of `dataset.protocols`.
        dataset: it and the families know protocols.

    Raises:
        UnknownName: nobody knows it; the nearest names are listed.
        BadParameter: a parameter does not exist or has an impossible value.
    """
    own = {protocol.name: protocol for protocol in dataset.protocols}
    spec = default(dataset) if spec is None else spec
    if spec in own:
        return own[spec]
    name = spec.partition(":")[0]
    if spec.endswith(".csv") and name != "file":
        return file(spec)
    if name in own:
        raise BadParameter(f"protocol {name} takes no parameters: write {name}, not {spec}")
    if name not in FAMILIES:
        raise nearest("protocol", name, [*own, *FAMILIES])
    make = FAMILIES[name]
    _, given = parse_name(spec)
    return make(**checked(f"protocol {name}", parameters(make), given))


def default(dataset: Offers) -> str:
    """The name of the protocol that a dataset is evaluated under when none is named.

    Raises:
        PluginError: it has none.
    """
    named: str | None = getattr(dataset, "default_protocol", None)
    if named:
        return named
    if not dataset.protocols:
        raise PluginError("the dataset has no protocol of its own: name one, for example kfold:n=5")
    return dataset.protocols[0].name


def folds(protocol: Protocol, corpus: Corpus) -> list[Fold]:
    """The folds of a protocol on a corpus, each with sorted ids, once they hold what folds promise.

    Raises:
        PluginError: there are no folds, two have one name, an id is unknown or twice in one set,
            or the folds of a group differ in their test sets.
        LeakageError: an utterance is in two sets of one fold, whatever the protocol declares.
        SerbenchError: a set is empty on this corpus.
    """
    found = protocol.folds(corpus)
    where = f"protocol {protocol.name} on corpus {corpus.name} (label set {corpus.label_set})"
    if not found:
        raise PluginError(f"{where} has no folds: it must give at least one")
    for name, times in Counter(fold.name for fold in found).items():
        if times > 1:
            raise PluginError(f"{where} has {times} folds named {name!r}: give each its own name")
    for fold in found:
        _check_fold(f"fold {fold.name} of {where}", fold, corpus)
    ordered = [_ordered(fold) for fold in found]
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


def _ordered(fold: Fold) -> Fold:
    train, validation, test = (tuple(sorted(getattr(fold, part))) for part in PARTS)
    return replace(fold, train=train, validation=validation, test=test)


def _check_groups(where: str, ordered: Sequence[Fold]) -> None:
    first: dict[str, Fold] = {}
    for fold in ordered:
        if fold.group and first.setdefault(fold.group, fold).test != fold.test:
            raise PluginError(
                f"{where}: folds {first[fold.group].name} and {fold.name} are in the group "
                f"{fold.group!r} but test on different utterances; a group shares its test set"
            )


def remarks(corpus: Corpus, found: Sequence[Fold]) -> list[str]:
    """Return a line for each oddity of a corpus and its folds that does not stop a run.

    Oddities are labels with a single utterance, and training or test sets that lack a label.
    """
    counts = Counter(one.label for one in corpus.utterances)
    alone = [label for label in corpus.labels if counts[label] == 1]
    lines = list(corpus.remarks)
    if alone:
        only = "label has" if len(alone) == 1 else "labels have"
        lines.append(
            f"{len(alone)} {only} one utterance, which no fold can both learn and test: "
            f"{', '.join(alone)}"
        )
    for part, means in (("train", "no model can learn it"), ("test", "scores leave it out")):
        lacks = {fold.name: _lacking(corpus, getattr(fold, part)) for fold in found}
        named = [f"fold {name} ({', '.join(labels)})" for name, labels in lacks.items() if labels]
        if named:
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            lines.append(
                f"{len(named)} of {len(found)} folds lack a label in {part}, so {means}: "
                f"{', '.join(named[:NAMED])}{more}"
            )
    return lines


def _lacking(corpus: Corpus, ids: Sequence[str]) -> list[str]:
    there = {corpus.by_id[one].label for one in ids}
    return [label for label in corpus.labels if label not in there]


def summary(corpus: Corpus, found: Sequence[Fold]) -> list[dict[str, object]]:
    """One row for each set of each fold: utterances, speakers, speakers by sex, labels."""
    sexes = {one.sex for one in corpus.utterances}
    shown = [sex for sex in ("female", "male", "") if sex in sexes]
    return [
        {"fold": fold.name, "set": part, **_counts(corpus, getattr(fold, part), shown)}
        for fold in found
        for part in PARTS
    ]


def _counts(corpus: Corpus, ids: Sequence[str], sexes: Sequence[str]) -> dict[str, object]:
    utterances = [corpus.by_id[one] for one in ids]
    sex_of = {one.speaker: one.sex for one in utterances}
    labels = Counter(one.label for one in utterances)
    return {
        "utterances": len(ids),
        "speakers": len(sex_of),
        **{sex or "sex unknown": list(sex_of.values()).count(sex) for sex in sexes},
        **{label: labels[label] for label in corpus.labels},
    }

"""Make a protocol whose test speakers also train, from one that keeps speakers apart."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from serbench.corpus import Corpus, Fold, Protocol, Utterance, sha256
from serbench.errors import BadParameter, SerbenchError
from serbench.protocols.grouping import grouped

Sentences = Literal["apart", "mixed"]


def speaker_dependent(
    base: str = "",
    parts: int = 2,
    sentences: Sentences = "apart",
    *,
    find: Callable[[str | None], Protocol],
) -> Protocol:
    """Train on other utterances of the test speakers, to show what shared speakers are worth.

    Each fold of a speaker-disjoint protocol becomes several folds, one per part of its test set.
    Each part has a share of every test speaker's utterances, even in labels. The utterances of the
    other parts train; equally many training utterances are left out instead, with the same labels
    and sexes if there are enough, and of as few speakers as possible. So both protocols test the
    same utterances, by models that were trained on equally many utterances and selected on the
    same validation set.

    Args:
        base: the speaker-disjoint protocol, "kfold:n=5"; empty is the dataset's default.
        parts: how many parts a test set is divided into. The more there are, the more of a
            speaker's utterances train.
        sentences: "apart" keeps a speaker's utterances of one sentence in one part, so that no
            tested sentence was learned from the same speaker; "mixed" does not.
        find: returns a protocol of the dataset by its name, the default for None.

    Raises:
        BadParameter: there are fewer than two parts, or the base shares speakers itself.
    """
    protocol = find(base or None)
    if parts < 2:
        raise BadParameter(
            f"protocol speaker-dependent has parts={parts}, but one part is tested while others "
            "train: choose parts=2 or more"
        )
    if protocol.leaks:
        raise BadParameter(
            f"protocol {protocol.name} already shares speakers or recordings between its sets: "
            "name a base that keeps speakers apart, such as base=kfold:n=5"
        )
    mixed = ",sentences=mixed" if sentences == "mixed" else ""
    name = f"speaker-dependent:base={protocol.name},parts={parts}{mixed}"

    def folds(corpus: Corpus) -> list[Fold]:
        return [
            each
            for fold in protocol.folds(corpus)
            for each in _divided(corpus, fold, parts, sentences)
        ]

    return Protocol(
        name,
        f"{protocol.name} with {parts} parts of each test set: one is tested, the others train",
        folds,
        leaks="the speakers of every test set also train, with other utterances: it shows what "
        "shared speakers are worth",
        n=protocol.n and protocol.n * parts,
    )


def _divided(corpus: Corpus, fold: Fold, parts: int, sentences: Sentences) -> Iterator[Fold]:
    """Yield the folds that test one part of a fold's test set each."""
    tested: list[list[str]] = [[] for _ in range(parts)]
    for turn, speaker in enumerate(sorted({corpus.by_id[id_].speaker for id_ in fold.test})):
        own = [corpus.by_id[id_] for id_ in fold.test if corpus.by_id[id_].speaker == speaker]
        for part, ids in enumerate(_parts(corpus, own, parts, sentences)):
            tested[(turn + part) % parts] += ids  # so that no part is the largest of all speakers
    for part, ids in enumerate(tested, start=1):
        added = sorted(set(fold.test).difference(ids))
        if not {corpus.by_id[id_].speaker for id_ in ids} & {
            corpus.by_id[id_].speaker for id_ in added
        }:
            said = any(corpus.by_id[id_].sentence for id_ in fold.test)
            remedies = ["fewer parts"] * (parts > 2)
            remedies += ["sentences=mixed"] * (sentences == "apart" and said)
            raise SerbenchError(
                f"the test speakers of fold {fold.name} on corpus {corpus.name} have too few "
                f"utterances to divide them into {parts} parts: choose "
                f"{', '.join([*remedies, 'a base with larger test sets'])}"
            )
        replaced = _replaced(corpus, fold, added)
        yield Fold(
            f"{fold.name}.{part}",
            train=tuple(sorted({*fold.train, *added} - replaced)),
            validation=fold.validation,
            test=tuple(sorted(ids)),
            group=fold.group and f"{fold.group}.{part}",
        )


def _parts(
    corpus: Corpus, own: Sequence[Utterance], parts: int, sentences: Sentences
) -> Iterator[Sequence[str]]:
    """Yield the ids of each part of one speaker's utterances, even in labels."""

    def unit(utterance: Utterance) -> str:
        """Name what stays together; hashed, since `grouped` breaks ties by name."""
        is_whole = sentences == "apart" and utterance.sentence
        return sha256(f"{utterance.speaker} {utterance.sentence}" if is_whole else utterance.id)

    units = replace(corpus, utterances=tuple(replace(one, speaker=unit(one)) for one in own))
    for names in grouped(units, parts):
        yield units.of_speakers(names)


def _replaced(corpus: Corpus, fold: Fold, added: Sequence[str]) -> set[str]:
    """Return training ids, as many as `added`, of the same labels and sexes if possible.

    They are of few speakers, who differ from fold to fold, so that about as many speakers train.
    """

    def turn(id_: str) -> tuple[bool, str, str]:
        speaker = corpus.by_id[id_].speaker
        return not speaker, sha256(f"{fold.name} {speaker}"), id_

    order = sorted(fold.train, key=turn)
    replaced: set[str] = set()
    same: Sequence[Callable[[Utterance], object]] = (
        lambda utterance: (utterance.label, utterance.sex),
        lambda utterance: utterance.label,
        lambda _: None,
    )
    for kind in same:
        lacking = Counter(kind(corpus.by_id[id_]) for id_ in added)
        lacking.subtract(kind(corpus.by_id[id_]) for id_ in replaced)
        for id_ in order:
            if id_ not in replaced and lacking[kind(corpus.by_id[id_])] > 0:
                lacking[kind(corpus.by_id[id_])] -= 1
                replaced.add(id_)
    if len(replaced) < len(added):
        raise SerbenchError(
            f"fold {fold.name} on corpus {corpus.name} has {len(fold.train)} training utterances, "
            f"fewer than the {len(added)} of its test speakers that would replace them: choose a "
            "base with smaller test sets"
        )
    return replaced

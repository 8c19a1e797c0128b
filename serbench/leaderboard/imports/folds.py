"""Find the folds of a protocol in a published table, by their utterances.

So it does not matter what the table calls its folds, nor whether it counts them from 0 or 1; and a
table that was tested on another split is recognised.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from serbench import tables
from serbench.corpus import Fold
from serbench.errors import SerbenchError
from serbench.escaping import shown
from serbench.leaderboard.imports.table import FEW, LONGEST, Table, some

Members = Mapping[str, int]
"""The row of each utterance, by id."""


def members(
    table: Table,
    ids: Sequence[str | None],
    rows: Sequence[int],
    protocol: str,
    folds: Sequence[Fold],
) -> list[Members]:
    """Return for each fold of a protocol the rows of its test utterances.

    Args:
        table: the table.
        ids: the utterance of each row.
        rows: positions of the rows of one seed.
        protocol: the protocol's name, for messages.
        folds: of the protocol.

    Raises:
        SerbenchError: an utterance is there twice or not at all, or the folds are others.
    """
    found: dict[int, tuple[str | None, Members]] = {}
    for name, group in _groups(table, ids, rows).items():
        for at, part in _parts(name, group, protocol, folds):
            if at in found:
                raise SerbenchError(
                    f"the folds {some([str(found[at][0]), str(name)])} of the "
                    f"table are both in the test set of fold {folds[at].name} of protocol "
                    f"{protocol}: {OTHER_SPLIT}"
                )
            found[at] = name, part
    chosen = [found[at][1] if at in found else {} for at in range(len(folds))]
    _require_all(chosen, protocol, folds)
    return chosen


OTHER_SPLIT = "it was tested on another split, so choose the --protocol that was tested"


def _groups(
    table: Table, ids: Sequence[str | None], rows: Sequence[int]
) -> dict[str | None, dict[str, int]]:
    """Return the rows of each of the table's folds; None is the fold of a table without folds."""
    groups: dict[str | None, dict[str, int]] = {}
    column = table.columns.fold
    for at in rows:
        fold = table.rows[at].cells[column] if column else None
        name = ids[at] or ""
        other = groups.setdefault(fold, {}).setdefault(name, at)
        if other != at:
            first, second = (table.rows[place].line for place in (other, at))
            raise SerbenchError(
                f"{table.path.name} has {name} twice, in the lines {first} and {second}: keep one, "
                "choose rows with --where, or name the column of the --seed"
            )
    return groups


def _parts(
    name: str | None, group: Members, protocol: str, folds: Sequence[Fold]
) -> Iterator[tuple[int, Members]]:
    """Yield the folds of the protocol, by position, that test utterances of a fold of the table."""
    tested = [{id_: group[id_] for id_ in fold.test if id_ in group} for fold in folds]
    counted = Counter(id_ for part in tested for id_ in part)
    if untested := sorted(group.keys() - counted.keys()):
        raise SerbenchError(
            f"{tables.count(len(untested), 'utterance')} of the table ({some(untested)}) "
            f"{tables.are(len(untested))} in no test set of protocol {protocol}: {OTHER_SPLIT}"
        )
    fitting = [(at, part) for at, part in enumerate(tested) if part]
    if name is None:
        if max(counted.values()) > 1:
            raise SerbenchError(
                f"protocol {protocol} tests utterances more than once, and the table does not say "
                "in which fold: name its column with --fold"
            )
        yield from fitting
        return
    if len(fitting) != 1:
        mixed = ", ".join(folds[at].name for at, _ in fitting)
        raise SerbenchError(
            f"fold {shown(name, LONGEST)} of the table has test utterances of the folds {mixed} of "
            f"protocol {protocol}: {OTHER_SPLIT}"
        )
    yield fitting[0]


def _require_all(chosen: Sequence[Members], protocol: str, folds: Sequence[Fold]) -> None:
    """Refuse a table that lacks test utterances: no score is of a part of a test set."""
    lacking = [
        (fold, [id_ for id_ in fold.test if id_ not in part])
        for fold, part in zip(folds, chosen, strict=True)
    ]
    lacking = [(fold, ids) for fold, ids in lacking if ids]
    if not lacking:
        return
    total = sum(len(fold.test) for fold in folds)
    count = sum(len(ids) for _, ids in lacking)
    places = "; ".join(
        f"fold {fold.name} lacks {len(ids)} of {len(fold.test)} ({some(ids)})"
        for fold, ids in lacking[:FEW]
    )
    more = f"; and {len(lacking) - FEW} more folds" if len(lacking) > FEW else ""
    raise SerbenchError(
        f"the table has {total - count} of the {total} test utterances of protocol {protocol}: "
        f"{places}{more}. Choose the --protocol that was tested: `serbench protocol show` lists "
        "those of the corpus"
    )

"""What each run of a report is called, so that no two are called alike."""

from collections.abc import Sequence

from serbench.leaderboard.naming import names
from serbench.runs import Run


def titled(runs: Sequence[Run]) -> list[str]:
    """What each run is called, of runs on one corpus; no two alike, unless one is there twice.

    As on the leaderboard, with the seed where nothing else tells two apart, or else the name of
    the run's folder.
    """
    known = names(runs)
    plain = [known[run.name] for run in runs]
    seeded = [
        f"{title}, seed {run.config['seed']}" if plain.count(title) > 1 else title
        for run, title in zip(runs, plain, strict=True)
    ]
    return [
        f"{title} ({run.name})" if seeded.count(title) > 1 else title
        for run, title in zip(runs, seeded, strict=True)
    ]

"""Offers RAVDESS, CREMA-D, IEMOCAP and the synthetic corpus to serbench."""

from collections.abc import Iterable

from serbench.hookspecs import Entry, hookimpl


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    """Name the corpora; each module is imported when its corpus is first used."""
    return [
        Entry(
            "ravdess",
            "serbench_corpora.ravdess:Ravdess",
            "RAVDESS: 1440 acted utterances, 24 speakers, 8 emotions",
        ),
        Entry(
            "crema-d",
            "serbench_corpora.crema_d:CremaD",
            "CREMA-D: 7442 acted utterances, 91 speakers, 6 emotions",
        ),
        Entry(
            "iemocap",
            "serbench_corpora.iemocap:Iemocap",
            "IEMOCAP: 5531 utterances of conversations, 10 speakers, 4 emotions",
        ),
        Entry(
            "toy",
            "serbench_corpora.toy:Toy",
            "synthetic speech, made in seconds: 624 utterances, 12 speakers, 4 emotions",
        ),
    ]

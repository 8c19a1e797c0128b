"""Register RAVDESS, CREMA-D, IEMOCAP, the synthetic corpus and users' own corpora."""

from collections.abc import Iterable

from serbench import Entry, hookimpl


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    """Register the corpora; each module is imported when its corpus is first used."""
    return [
        Entry(
            "ravdess",
            "serbench_corpora.ravdess:Ravdess",
            "RAVDESS: 1440 acted utterances, 24 speakers, 8 emotions",
            default_for=("bench",),
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
            "serbench_corpora.toy.corpus:Toy",
            "synthetic speech, made in seconds: 624 utterances, 12 speakers, 4 emotions",
        ),
        Entry(
            "csv",
            "serbench_corpora.own.csv_table:Csv",
            "your own, csv:my.csv with the columns path,label,speaker[,sex,session,split]",
        ),
        Entry(
            "folder",
            "serbench_corpora.own.audio_folder:AudioFolder",
            "your own, folder:DIR with metadata.csv, or with one folder per label",
        ),
        Entry(
            "audformat",
            "serbench_corpora.own.audformat:Audformat",
            "your own, audformat:DIR with a database in audformat",
            requires=("audformat",),
            install="'serbench-corpora[audformat]'",
        ),
    ]

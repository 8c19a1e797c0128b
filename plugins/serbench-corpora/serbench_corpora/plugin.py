"""Register published corpora, the synthetic corpus and users' own corpora."""

from collections.abc import Iterable

from serbench import DatasetEntry, Entry, hookimpl
from serbench_corpora.pages.registered import page_entries


@hookimpl
def serbench_datasets() -> Iterable[Entry]:
    """Register the corpora; each module is imported when its corpus is first used."""
    return [
        DatasetEntry(
            "ravdess",
            "serbench_corpora.ravdess:Ravdess",
            "actors speak two sentences, in a studio",
            default_for=("bench",),
            language="English",
            speakers=24,
            utterances=1440,
            labels=8,
            licence="CC BY-NC-SA 4.0",
        ),
        DatasetEntry(
            "crema-d",
            "serbench_corpora.crema_d:CremaD",
            "actors speak twelve sentences",
            language="English",
            speakers=91,
            utterances=7442,
            labels=6,
            licence="ODbL 1.0",
        ),
        DatasetEntry(
            "iemocap",
            "serbench_corpora.iemocap:Iemocap",
            "pairs of actors converse, improvised and scripted",
            language="English",
            speakers=10,
            utterances=5531,
            labels=4,
            licence="free for research",
        ),
        DatasetEntry(
            "msp-improv",
            "serbench_corpora.msp.improv:MspImprov",
            "pairs of actors improvise up to given sentences, and read them",
            language="English",
            speakers=12,
            utterances=7798,
            labels=4,
            licence="academic or commercial agreement",
        ),
        DatasetEntry(
            "msp-podcast",
            "serbench_corpora.msp.podcast:MspPodcast",
            "thousands of people speak in podcasts, rated by a crowd",
            language="English",
            utterances=264705,
            labels=8,
            licence="academic or commercial agreement",
        ),
        DatasetEntry(
            "toy",
            "serbench_corpora.toy.corpus:Toy",
            "synthetic speech, made in seconds",
            speakers=12,
            utterances=624,
            labels=4,
            generated=True,
        ),
        *page_entries("serbench_corpora.pages"),
        Entry(
            "toml",
            "serbench_corpora.pages.corpus:Toml",
            "your own, toml:my.toml: a page that describes its file names",
        ),
        Entry(
            "csv",
            "serbench_corpora.own.csv_table:Csv",
            "your own, csv:my.csv with the columns path,label,speaker[,sex,split,...]",
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

from pathlib import Path

import pytest

from serbench.contracts import About, Entry, PathDataset
from serbench.plugins import registry
from serbench_corpora import pages
from serbench_corpora.plugin import serbench_datasets

CLASSES = ("ravdess", "crema-d", "iemocap", "msp-improv", "msp-podcast")
OWN = ("toml", "csv", "folder", "audformat")
PAGES = sorted(page.stem for page in Path(pages.__file__).parent.glob("*.toml"))


def test_all_corpora_and_four_ways_to_ones_own_are_offered() -> None:
    offered = [entry.name for entry in serbench_datasets()]

    assert offered == [*CLASSES, "toy", *PAGES, *OWN]
    assert set(offered) <= set(registry.installed().entries["dataset"])


PUBLISHED = [entry for entry in serbench_datasets() if entry.name not in OWN]


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)
def test_every_corpus_meets_the_contract_of_a_dataset(entry: Entry) -> None:
    dataset = registry.load(entry)()

    assert isinstance(dataset.about, About)
    assert all(vars(dataset.about).values())
    assert dataset.label_sets
    names = [protocol.name for protocol in dataset.protocols]
    assert len(names) == len(set(names))
    manifest = dataset.manifest()
    for label_set in dataset.label_sets.values():
        assert manifest is None or set(label_set) == set(manifest.labels)


@pytest.mark.parametrize("name", OWN)
def test_a_corpus_of_ones_own_is_named_by_its_place(name: str) -> None:
    target = registry.load(registry.find("dataset", name))

    assert isinstance(target, PathDataset)
    assert isinstance(target.about, About)
    assert target.about.title
    assert target.about.obtain

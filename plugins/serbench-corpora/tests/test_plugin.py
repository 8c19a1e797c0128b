import pytest

from serbench import plugins
from serbench.contracts import About
from serbench.hookspecs import Entry
from serbench_corpora.plugin import serbench_datasets


def test_the_four_corpora_are_offered() -> None:
    offered = [entry.name for entry in serbench_datasets()]

    assert offered == ["ravdess", "crema-d", "iemocap", "toy"]
    assert set(offered) <= set(plugins.installed().entries["dataset"])


@pytest.mark.parametrize("entry", serbench_datasets(), ids=lambda entry: entry.name)
def test_every_corpus_meets_the_contract_of_a_dataset(entry: Entry) -> None:
    dataset = plugins.load(entry)()

    assert isinstance(dataset.about, About)
    assert all(vars(dataset.about).values())
    assert dataset.label_sets
    names = [protocol.name for protocol in dataset.protocols]
    assert len(names) == len(set(names))
    manifest = dataset.manifest()
    for label_set in dataset.label_sets.values():
        assert manifest is None or set(label_set) == set(manifest.labels)

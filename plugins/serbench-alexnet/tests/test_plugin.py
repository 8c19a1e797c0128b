import subprocess
import sys

import pytest

from serbench import names, plugins
from serbench.hookspecs import ModelEntry


@pytest.fixture
def entry():
    found = plugins.find("model", "alexnet-mel")
    assert isinstance(found, ModelEntry)
    return found


def test_naming_what_it_offers_imports_nothing_heavy():
    code = (
        "import sys; from serbench_alexnet import plugin; plugin.serbench_models();"
        "plugin.serbench_features(); sys.exit(bool({'torch', 'librosa', 'scipy'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_feature_parameters_are_the_extractors(entry):
    extractor = plugins.load(plugins.find("feature", entry.features))
    assert entry.feature_params == tuple(names.parameters(extractor))


def test_model_and_extractor_agree_on_what_both_know(entry):
    extractor = names.parameters(plugins.load(plugins.find("feature", entry.features)))
    model = names.parameters(plugins.load(entry))
    shared = extractor.keys() & model.keys()
    assert shared == {"n_mels", "hop", "floor_db"}
    assert all(extractor[name] == model[name] for name in shared)


def test_the_defaults_of_a_corpus_are_parameters(entry):
    target = plugins.load(entry)
    for given in entry.defaults.values():
        assert names.checked(entry.name, names.parameters(target), given)

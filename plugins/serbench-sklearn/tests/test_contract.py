"""What serbench-sklearn offers keeps the contracts."""

import importlib.util

import pytest

from serbench.testing import FeatureContract, ModelContract, PackageContract

without_opensmile = pytest.mark.skipif(
    importlib.util.find_spec("opensmile") is None,
    reason="opensmile, an optional extra, is not installed",
)

without_resemblyzer = pytest.mark.skipif(
    importlib.util.find_spec("resemblyzer") is None,
    reason="the weights of Resemblyzer are not installed",
)


class TestPackage(PackageContract):
    plugin = "serbench-sklearn"


class TestDummy(ModelContract):
    plugin = "dummy"
    expected_failures = {"beats_chance": "it is what chance is"}


@pytest.mark.slow
class TestStratified(ModelContract):
    plugin = "dummy"
    params = {"strategy": "stratified"}
    expected_failures = {"beats_chance": "it is what chance is"}


@pytest.mark.slow
class TestLinear(ModelContract):
    plugin = "functionals-linear"


@pytest.mark.slow
class TestSvm(ModelContract):
    plugin = "functionals-svm"


class TestFunctionals(FeatureContract):
    plugin = "functionals"


class TestRecording(FeatureContract):
    plugin = "recording"


class TestSentence(FeatureContract):
    plugin = "sentence"


@without_resemblyzer
@pytest.mark.slow
class TestSpeakerEmbedding(FeatureContract):
    plugin = "speaker-embedding"


@without_opensmile
@pytest.mark.slow
class TestEgemaps(FeatureContract):
    plugin = "egemaps"


@without_opensmile
@pytest.mark.slow
class TestEgemapsLinear(ModelContract):
    plugin = "egemaps-linear"

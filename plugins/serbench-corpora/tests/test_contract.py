"""What serbench-corpora offers keeps the contracts, on look-alikes of the corpora."""

import pytest

from serbench.testing import DatasetContract, PackageContract


@pytest.fixture(autouse=True)
def places(tmp_path_factory, monkeypatch):
    """Nothing of the user's is read or written, and toy is made once."""
    cache = tmp_path_factory.getbasetemp() / "contract-cache"
    monkeypatch.setenv("SERBENCH_CACHE", str(cache))
    monkeypatch.setenv("SERBENCH_DATA", str(cache / "data"))


class TestPackage(PackageContract):
    plugin = "serbench-corpora"


class TestRavdess(DatasetContract):
    plugin = "ravdess"
    data_fixture = "ravdess_tree"
    complete = ("paper", "paper-nested", "emobox", "luna-jimenez")


@pytest.mark.slow
class TestCremaD(DatasetContract):
    plugin = "crema-d"
    data_fixture = "crema_d_tree"
    complete = ("emo-superb",)


@pytest.mark.slow
class TestIemocap(DatasetContract):
    plugin = "iemocap"
    data_fixture = "iemocap_tree"
    complete = ("paper", "session", "emobox")


class TestIemocapWithoutAudio(DatasetContract):
    plugin = "iemocap"


@pytest.mark.slow
class TestToy(DatasetContract):
    plugin = "toy"
    complete = ("kfold:n=6",)

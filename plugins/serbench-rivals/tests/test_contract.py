"""What serbench-rivals offers keeps the contracts."""

import pytest

from serbench.testing import ModelContract, PackageContract


class TestPackage(PackageContract):
    plugin = "serbench-rivals"


@pytest.mark.slow
class TestQcnn(ModelContract):
    plugin = "qcnn"  # as small as its entry makes it for toy


@pytest.mark.slow
class TestQcnnReal(ModelContract):
    plugin = "qcnn"
    params = {"algebra": "real"}

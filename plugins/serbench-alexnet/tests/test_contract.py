"""What serbench-alexnet offers keeps the contracts."""

import pytest

from serbench.testing import FeatureContract, ModelContract, PackageContract


class TestPackage(PackageContract):
    plugin = "serbench-alexnet"


class TestMel(FeatureContract):
    plugin = "mel"


@pytest.mark.slow
class TestAlexNetMel(ModelContract):
    plugin = "alexnet-mel"  # as small as its entry makes it for toy

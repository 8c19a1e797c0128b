from serbench.testing import FeatureContract, PackageContract


class TestExampleFeatures(FeatureContract):
    plugin = "example-features"


class TestPackage(PackageContract):
    plugin = "example-features"

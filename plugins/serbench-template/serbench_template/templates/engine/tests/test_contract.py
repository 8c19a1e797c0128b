from serbench.testing import EngineContract, PackageContract


class TestExampleEngine(EngineContract):
    plugin = "example-engine"


class TestPackage(PackageContract):
    plugin = "example-engine"

from serbench.testing import PackageContract, PerturbationContract


class TestExamplePerturbation(PerturbationContract):
    plugin = "example-perturbation"


class TestPackage(PackageContract):
    plugin = "example-perturbation"

import subprocess
import sys

from serbench.parameters import settable
from serbench.plugins import registry
from serbench_sklearn import plugin
from serbench_sklearn.functionals import Functionals

WITHOUT_TORCH = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import SimpleNamespace

class NoTorch(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("there is no torch here")

sys.meta_path.insert(0, NoTorch())
import numpy as np
from serbench.contracts import Examples
from serbench_sklearn.classifiers import Linear
from serbench_sklearn.functionals import Functionals

waves = np.random.default_rng(0).normal(size=(4, 2000)).astype("float32")
inputs = Functionals()(waves * np.array([[1], [9], [1], [9]], "float32") / 50)
examples = Examples(inputs, np.array([0, 1, 0, 1]), ("a", "a", "b", "b"))
model = Linear(labels=("quiet", "loud"), seed=0)
model.fit(examples, examples, SimpleNamespace(threads=1, report=lambda *a, **k: None))
model.save(Path(sys.argv[1]))
print(Linear.load(Path(sys.argv[1])).predict(inputs).activations.argmax(axis=1))
"""


def test_listening_learning_and_keeping_need_no_torch(tmp_path):
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0 1 0 1]"


def test_parameters_are_what_a_user_may_set():
    models = {entry.name: entry for entry in plugin.serbench_models()}
    names = {
        name: set(settable(registry.load(models[name])))
        for name in ("dummy", "functionals-linear", "functionals-svm")
    }
    assert names == {
        "dummy": {"strategy"},
        "functionals-linear": {"c"},
        "functionals-svm": {"c", "gamma"},
    }


def test_the_licence_and_the_extra_are_named_where_opensmile_is_needed():
    entries = [*plugin.serbench_features(), *plugin.serbench_models()]
    concerned = [entry for entry in entries if "egemaps" in entry.name]
    assert len(concerned) == 2
    for entry in concerned:
        assert "licensed for research only" in entry.summary
        assert entry.requires == ("opensmile",)
        assert entry.install == "'serbench-sklearn[egemaps]'"


def test_the_listing_counts_the_functionals_rightly():
    (entry,) = (entry for entry in plugin.serbench_features() if entry.name == "functionals")
    assert entry.summary.startswith(f"{len(Functionals().names)} statistics")

"""Every model of the package says how near it is to the published system."""

import importlib
import typing

import pytest

from serbench.plugins import registry
from serbench_rivals import plugin
from serbench_rivals.fidelity import Fidelity

ENTRIES = [*plugin.serbench_models()]


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def entry(request):
    return request.param


def system(entry):
    return importlib.import_module(entry.target.partition(":")[0]).SYSTEM


def test_the_first_line_of_its_module_says_its_fidelity(entry):
    module = importlib.import_module(entry.target.partition(":")[0])
    first = module.__doc__.splitlines()[0]
    said = [word for word in typing.get_args(Fidelity) if f"*{word}*" in first]
    assert said == [system(entry).fidelity]
    assert system(entry).fidelity in entry.summary


def test_it_names_its_model_and_lists_its_choices(entry):
    assert system(entry).model == entry.name
    assert system(entry).title == entry.title
    assert system(entry).choices
    assert all(each.endswith(".") for each in system(entry).choices)


def test_its_facts_are_those_of_describe():
    facts = system(ENTRIES[0]).facts()
    assert facts["fidelity"] == system(ENTRIES[0]).fidelity
    assert facts["our_choices"] == list(system(ENTRIES[0]).choices)


def test_its_feature_knows_the_feature_parameters(entry):
    from serbench.parameters import settable

    extractor = settable(registry.load(registry.find("feature", entry.features)))
    assert set(entry.feature_params) <= set(extractor)

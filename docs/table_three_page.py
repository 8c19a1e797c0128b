"""The tables of the page docs/table-three.md, from what the models of serbench-rivals say."""

import importlib

from serbench import tables
from serbench_rivals.fidelity import System

MODULES = ("pepino", "cnn14", "qcnn", "mwa_ser", "audio_resnet_gru")
START, END = "<!-- systems: made by docs/generate.py -->", "<!-- systems: end -->"
HEAD = ("system", "model", "given", "fidelity", "starts from", "Table III says")


def page(text: str) -> str:
    """Return the page with its tables and lists written again."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return "\n\n".join([before + START, _systems(), END + after])


def _systems() -> str:
    found: list[System] = [
        importlib.import_module(f"serbench_rivals.{name}").SYSTEM for name in MODULES
    ]
    rows = [
        (each.title, f"`{each.model}`", each.modality, each.fidelity, each.weights, each.reported)
        for each in found
    ]
    parts = [tables.table(HEAD, rows, "markdown")]
    for each in found:
        choices = "\n".join(f"- {choice}" for choice in each.choices)
        parts.append(f"## {each.title}\n\nSource: {each.source}.\n\n{choices}")
    return "\n\n".join(parts)

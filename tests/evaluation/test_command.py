"""The command that makes a run is read back by the command line as the same run."""

import dataclasses
import shlex
import string
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import serbench
from serbench.cli.app import app
from serbench.errors import SerbenchError
from serbench.evaluation import command, pipeline
from serbench.leaderboard import hub_card
from serbench.parameters import checked, settable
from serbench.report.page import run_details
from serbench.results import run
from serbench.results.config import Request

TRICKY = ["", " ", "5", "1e-5", "true", "null", "NaN", '"a"', "[1]", "a b", "it's", "a=b", "-x"]
TRICKY += ["tag=5", "$HOME", "`id`", "~", "0x10", "1_000", "größe", "\\n", "a\nb", "\x1b[31m"]
TRICKY += ["\u202eabc", "\ud800"]


@pytest.fixture(scope="module")
def asked():
    """A function from a command to the request that `serbench evaluate` makes of it."""

    def read(line):
        made = []
        with pytest.MonkeyPatch.context() as patch:

            def instead(request, means, listener):
                made.append((request, means.folds, means.results))
                raise SystemExit

            patch.setattr(pipeline, "compute_one", instead)
            program, *words = shlex.split(line)
            assert program == "serbench"
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, (done.output, done.exception)
        (found,) = made
        return found

    return read


def _model(  # noqa: PLR0913 - a parameter of every type
    flag: bool = False,
    count: int = 1,
    rate: float = 0.5,
    tag: str = "",
    maybe: str | None = None,
    bound: float | None = None,
    kind: Literal["a", "1"] = "a",
    layer: int | Literal["last"] = "last",
):
    """Parameters of every type that a model may have."""


KNOWN = settable(_model)
TEXT = st.text(st.characters(exclude_characters="\0")) | st.sampled_from(
    TRICKY
)  # no argument of a command holds NUL
NUMBER = st.floats(allow_nan=False)
VALUES = st.fixed_dictionaries(
    {
        "flag": st.booleans(),
        "count": st.integers(),
        "rate": NUMBER,
        "tag": TEXT,
        "maybe": st.none() | TEXT,
        "bound": st.none() | NUMBER,
        "kind": st.sampled_from(["a", "1"]),
        "layer": st.integers() | st.just("last"),
    }
)
VISIBLE = st.text(string.printable[:-5] + "é漢", min_size=1)


@settings(max_examples=50, deadline=None)
@given(
    params=VALUES,
    trim_db=st.none() | st.floats(0.1, 200),
    seed=st.integers(0, 2**64),
    names=st.tuples(VISIBLE, VISIBLE, VISIBLE),
    threads=st.none() | st.integers(1, 64),
    precision=st.sampled_from(["float32", "bfloat16"]),
)
def test_every_request_is_read_back_as_it_was(
    asked, params, trim_db, seed, names, threads, precision
):
    dataset, protocol, labels = names
    request = Request(
        "own:Model",
        dataset,
        protocol,
        labels,
        seed,
        params,
        trim_db,
        features="functionals",
        precision=precision,
        threads=threads,
    )
    read, _, _ = asked(command.evaluate(request))
    assert read == request
    assert checked("own:Model", KNOWN, read.params) == params
    assert {name: type(value) for name, value in read.params.items()} == {
        name: type(value) for name, value in params.items()
    }


@pytest.mark.parametrize("text", TRICKY)
def test_text_is_read_back_as_text_and_fits_on_a_line(asked, text):
    request = Request("dummy", "toy", params={"tag": text})
    line = command.evaluate(request)
    assert line.isprintable()
    assert asked(line)[0].params == {"tag": text}


def test_folds_places_and_what_a_user_left_out(asked):
    request = Request("dummy", "csv:my table,label=a b", "kfold:n=3,seed=1", data="/a b/it's.csv")
    line = command.evaluate(request, folds=["1", "b c"], results="/tmp/a b")
    read, folds, results = asked(line)
    assert (read.protocol, str(read.data), read.labels) == (request.protocol, request.data, None)
    assert (folds, str(results)) == (["1", "b c"], "/tmp/a b")
    assert "--labels" not in line


def test_the_command_is_short_where_nothing_needs_quotes():
    request = Request("dummy", "toy", "kfold:n=3", "toy", params={"strategy": "majority", "c": 5})
    assert command.evaluate(request) == (
        "serbench evaluate --model dummy --dataset toy --protocol kfold:n=3 --labels toy --seed 0 "
        "--precision float32 --trim-db 60 --param strategy=majority --param c=5"
    )


MODEL = '''
from typing import Literal

import numpy as np

from serbench.contracts import Predictions


class Odd:
    """A model with a parameter of every type."""

    version = "1"
    features = "crossings"

    def __init__(
        self,
        labels,
        seed,
        flag: bool = False,
        count: int = 1,
        rate: float = 0.5,
        tag: str = "",
        maybe: str | None = "some",
        kind: Literal["a", "1"] = "a",
    ):
        self.labels = labels

    def fit(self, train, validation, workspace):
        pass

    def predict(self, inputs):
        share = 1 / len(self.labels)
        return Predictions(np.full((len(inputs), len(self.labels)), share, np.float32))
'''


@pytest.fixture
def odd(places, tmp_path, monkeypatch):
    """A run of a model by import path, with other features than its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oddly.py").write_text(MODEL)
    params = {"flag": True, "count": 2, "rate": 1, "tag": "5", "maybe": None, "kind": "1"}
    return serbench.evaluate(
        "oddly:Odd", "tones", jobs=0, params=params, features="waveform", trim_db=100 / 3
    )


@pytest.mark.parametrize("of", ["report", "card"])
def test_the_commands_of_report_and_card_make_the_same_run(odd, of, tmp_path):
    if of == "report":
        _, line = run_details.commands(odd)
    else:
        line = next(
            line for line in hub_card.card(odd).splitlines() if line.startswith("serbench evaluate")
        )
    done = CliRunner().invoke(
        app, [*shlex.split(line)[1:], "--jobs", "0", "--results", str(tmp_path / "again")]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    (found,) = (tmp_path / "again").iterdir()
    assert found.name == odd.name
    assert run.read(found).config == odd.config


def test_a_run_that_was_trimmed_at_no_number_is_refused(odd):
    config = dataclasses.replace(odd.config, reading={"trim_db": "60"})
    with pytest.raises(SerbenchError, match="the run was trimmed at '60', not a number"):
        command.request(config)

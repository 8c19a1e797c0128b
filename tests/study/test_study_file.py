"""Studies as files: what a file means, and the words for each mistake."""

import json
from pathlib import Path

import pytest

from serbench.errors import SerbenchError
from serbench.study import study_file
from serbench.study.matrix import Item, expand, seeds

pytestmark = pytest.mark.usefixtures("places")

ROOT = Path(__file__).parents[2]
PLAIN = '[matrix]\nmodel = "centroid"\ndataset = "tones"\n'


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A function that reads a study from its text."""
    monkeypatch.chdir(tmp_path)

    def of_text(text):
        (tmp_path / "study.toml").write_text(text)
        return study_file.read("study.toml")

    return of_text


def test_every_model_runs_on_every_dataset_with_every_seed_in_the_order_of_the_file(read):
    study = read(
        """
        name = "mine"
        [matrix]
        model = ["preset", { name = "centroid", params = { scale = 2.0 } }]
        dataset = ["tones", { name = "toy:seed=3", protocol = "loso", labels = "toy" }]
        seed = [7, "0-1"]
        trim_db = "none"
        [engine]
        name = "local"
        jobs = 2
        """
    )
    assert (study.name, study.engine, study.options) == ("mine", "local", {"jobs": 2})
    matrix = study.matrix
    assert [row.model for row in matrix.rows] == ["preset", "centroid"]
    assert [(column.dataset, column.protocol) for column in matrix.columns] == [
        ("tones", None),
        ("toy:seed=3", "loso"),
    ]
    assert len(matrix.combinations) == 2 * 2 * 3
    last = matrix.combinations[-1]
    assert (last.row, last.column, last.request.seed) == (1, 1, 1)
    assert last.request.params == {"scale": 2.0}
    assert (last.request.labels, last.request.trim_db) == ("toy", None)


def test_a_study_without_a_name_is_called_as_its_file(read):
    assert read(PLAIN).name == "study"


def test_lists_of_parameters_are_rows_and_add_to_those_of_models_and_datasets(read):
    matrix = read(
        """
        [matrix]
        model = ["centroid", { name = "preset", params = [{ parts = 2 }, { parts = 3 }] }]
        dataset = { name = "tones", params = { nap = 0.1 } }
        params = { scale = 5.0 }
        """
    ).matrix
    assert [row.params for row in matrix.rows] == [
        {"scale": 5.0},
        {"scale": 5.0, "parts": 2},
        {"scale": 5.0, "parts": 3},
    ]
    assert matrix.requests[1].params == {"scale": 5.0, "parts": 2, "nap": 0.1}


def test_what_a_dataset_sets_for_itself_leaves_a_model_in_one_row(read):
    matrix = read(
        """
        [matrix]
        model = "centroid"
        dataset = ["tones", { name = "toy", threads = 2, trim_db = 40 }]
        """
    ).matrix
    assert len(matrix.rows) == 1
    assert [(each.threads, each.trim_db) for each in matrix.requests] == [(None, 60.0), (2, 40.0)]


def test_data_is_relative_to_the_file(read, tmp_path):
    requests = read('[matrix]\nmodel = "centroid"\ndataset = "tones"\ndata = "own"').matrix.requests
    assert requests[0].data.resolve() == tmp_path / "own"


def test_excluded_runs_are_left_out(read):
    matrix = read(
        """
        [matrix]
        model = ["centroid", "preset"]
        dataset = ["tones", "toy"]
        seed = "0-2"
        [[exclude]]
        model = "preset"
        dataset = "toy"
        [[exclude]]
        model = "centroid"
        seed = "1-2"
        """
    ).matrix
    left = [(each.model, each.dataset, each.seed) for each in matrix.requests]
    assert left == [
        ("centroid", "tones", 0),
        ("centroid", "toy", 0),
        *[("preset", "tones", seed) for seed in range(3)],
    ]


def test_extra_test_sets_are_those_of_all_runs(read):
    extras = read(
        f'{PLAIN}[extra]\ntest_on = "toy"\nperturb = ["softer"]\nmap = {{ low = "sad" }}\n'
    ).extras
    assert (extras.test_on, extras.perturb) == (["toy"], ["softer"])
    assert extras.label_map == {"low": "sad"}
    assert not read(PLAIN).extras.test_on


def test_the_papers_table_two_is_a_study_by_its_name():
    study = study_file.read("table-2")
    assert len(study.matrix.requests) == 6
    assert {each.protocol for each in study.matrix.requests} == {"paper"}


def test_the_rivals_of_table_three_are_a_study_by_its_name():
    study = study_file.read("table-3")
    corpora = {"ravdess", "crema-d", "iemocap"}
    assert {each.dataset for each in study.matrix.requests} == corpora
    assert {each.protocol for each in study.matrix.requests} == {"paper"}
    shipped = json.loads((ROOT / "serbench/plugins/shipped.json").read_text())
    rivals = {*shipped["serbench-rivals"]["model"], "wav2vec2-xlsr"}
    assert {each.model for each in study.matrix.requests} == rivals


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "Invalid value (at"),
        ("[matrix\n", "(at line 1, column 8)"),
        (
            'title = "x"\n' + PLAIN,
            "there is no key 'title' (known: name, matrix, exclude, extra, engine)",
        ),
        ("name = 3\n" + PLAIN, "name is 3, but must be text"),
        ("", "[matrix] is missing, but must be a table"),
        ("matrix = 3", "[matrix] is 3, but must be a table"),
        (PLAIN + "seeds = 3", "there is no key 'seeds' in [matrix]; did you mean seed"),
        ('[matrix]\nmodel = "centroid"', '[matrix] has no dataset: write dataset = ["NAME", ...]'),
        ('[matrix]\nmodel = []\ndataset = "tones"', '[matrix] has no model: write model = ["NAME"'),
        ('[matrix]\nmodel = "centrod"\ndataset = "tones"', "no model 'centrod'; did you mean cent"),
        ('[matrix]\nmodel = "centroid"\ndataset = "tone"', "no dataset 'tone'; did you mean tones"),
        ('[matrix]\nmodel = 3\ndataset = "tones"', "model in [matrix] is 3, but must be a table"),
        (
            '[matrix]\nmodel = [{ x = 3 }]\ndataset = "tones"',
            "model in [matrix] has no name: write",
        ),
        (
            '[matrix]\nmodel = { name = "centroid", parms = {} }\ndataset = "tones"',
            "there is no key of model centroid 'parms'; did you mean params",
        ),
        (PLAIN + 'seed = "0:4"', "the seed is '0:4', but must be a number or a range such as 0-4"),
        (PLAIN + "seed = true", "the seed is True, but must be a number"),
        (PLAIN + 'seed = "4-0"', "the seeds are '4-0', but a range must go up"),
        (PLAIN + 'seed = "0-99999"', "have at most 10000 seeds"),
        (PLAIN + "seed = []", "seed of [matrix] is an empty list: write a value, or leave it out"),
        (PLAIN + 'params = "x"', "params of [matrix] is 'x', but must be a table"),
        (PLAIN + 'threads = "2"', "threads of [matrix] is '2', but must be a whole number"),
        (
            PLAIN + 'trim_db = "x"',
            "trim_db of [matrix] is 'x', but must be a finite number or \"none\"",
        ),
        (PLAIN + "labels = 3", "labels of [matrix] is 3, but must be text"),
        (
            '[matrix]\nmodel = "centroid"\ndataset = ["tones", "tones"]',
            "dataset tones is given twi",
        ),
        (
            '[matrix]\nmodel = "centroid"\ndataset = ["tones", "toy"]\ndata = "x"',
            "data in [matrix] is one folder, but there are several datasets: set it for each",
        ),
        (
            '[matrix]\nmodel = { name = "centroid", labels = "two" }\n'
            'dataset = { name = "tones", labels = "two" }',
            "labels is set for centroid and for tones: set it once",
        ),
        (
            '[matrix]\nmodel = { name = "centroid", params = { scale = 1 } }\n'
            'dataset = { name = "tones", params = { scale = 2 } }',
            "parameter scale is set for centroid and for tones: set it once",
        ),
        (PLAIN + "[[exclude]]\nmodle = 1", "no key 'modle' in [[exclude]] 1; did you mean model?"),
        (
            PLAIN + "[[exclude]]",
            "[[exclude]] 1 matches no run of this study: correct it or remove it",
        ),
        (
            PLAIN + "[[exclude]]\nseed = 3",
            "[[exclude]] 1 (seed = 3) matches no run of this study: correct it",
        ),
        (
            PLAIN + '[[exclude]]\nmodel = "centrod"',
            "no model of this study 'centrod'; did you mean centroid? (known: centroid), as "
            "[[exclude]] 1 says",
        ),
        (PLAIN + '[[exclude]]\nmodel = "centroid"', "[[exclude]] leaves out every run: remove"),
        (PLAIN + "exclude = 3", "there is no key 'exclude' in [matrix]"),
        ("exclude = 3\n" + PLAIN, "[[exclude]] 1 is 3, but must be a table"),
        (
            PLAIN + "params = { scale = [1979-05-27] }",
            "parameter scale of [matrix] is [datetime.date(1979, 5, 27)], but must be text without",
        ),
        (PLAIN + "params = { scale = nan }", "parameter scale of [matrix] is nan, but must be"),
        (PLAIN + "trim_db = inf", "trim_db of [matrix] is inf, but must be a finite number or"),
        (PLAIN + 'data = "\\u0000"', "data of [matrix] is '\\x00', but must be text without NUL"),
        (PLAIN + 'protocol = "\\u0000.csv"', "protocol of [matrix] is '\\x00.csv', but must be"),
        (
            '[matrix]\nmodel = "centroid"\ndataset = "csv:\\u0000"',
            "dataset in [matrix] is 'csv:\\x00', but must be text without NUL",
        ),
        (PLAIN + "[engine]\njobs = 2", '[engine] has no name: write name = "local"'),
        (PLAIN + '[engine]\nname = "locl"', "there is no engine 'locl'; did you mean local?"),
        (f'{PLAIN}[extra]\nteston = "toy"', "there is no key 'teston' in [extra]; did you mean"),
        (f"{PLAIN}[extra]\nperturb = [3]", "perturb in [extra] is 3, but must be text"),
    ],
)
def test_a_mistake_is_one_line_with_the_files_name(read, text, words):
    with pytest.raises(SerbenchError) as error:
        read(text)
    assert str(error.value).startswith("study.toml: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused_with_the_studies_that_are_shipped(tmp_path):
    with pytest.raises(
        SerbenchError, match="there is no study file 'table-4'; did you mean table-[23] or table-"
    ):
        study_file.read("table-4")
    with pytest.raises(SerbenchError, match="there is no study file"):
        study_file.read(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(SerbenchError, match=r"latin.toml: it is not UTF-8 text"):
        study_file.read(tmp_path / "latin.toml")


def test_an_exclude_reads_values_as_the_matrix_does(read):
    text = """
        [matrix]
        model = "centroid"
        dataset = ["tones", { name = "toy", data = "corpora/toy" }]
        trim_db = [60, "none"]
        [[exclude]]
        trim_db = "none"
        """
    assert [each.trim_db for each in read(text).matrix.requests] == [60.0, 60.0]
    requests = read(text + '[[exclude]]\ndata = "corpora/toy"').matrix.requests
    assert [each.dataset for each in requests] == ["tones"]


def test_seeds_are_numbers_or_ranges():
    assert seeds("12") == seeds(12) == [12]


def test_ten_thousand_runs_are_a_matter_of_a_second():
    matrix = expand([Item("a")], [Item("b")], {"seed": range(10_000)})
    assert len(matrix.requests) == 10_000
    assert len(matrix.rows) == len(matrix.columns) == 1

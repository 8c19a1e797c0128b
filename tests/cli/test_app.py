"""What a user types and sees: exit codes, words, and how little is imported to say them."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from serbench.cli import app
from serbench.errors import SerbenchError

HEAVY = ("torch", "transformers", "sklearn", "scipy", "librosa", "numba", "pandas", "matplotlib")

pytestmark = pytest.mark.usefixtures("places")


EVALUATE = ("evaluate", "--model", "centroid", "--dataset", "tones")
HERE = (*EVALUATE, "--jobs", "0")  # in this process


@pytest.mark.parametrize(
    "arguments", [["--help"], ["models"], ["datasets"], ["features"], ["protocol", "--help"]]
)
def test_help_and_listings_import_nothing_heavy(arguments):
    heavy = (*HEAVY, "numpy") if "--help" in arguments else HEAVY
    code = (
        "import sys, serbench.cli.app as cli\n"
        f"sys.argv = ['serbench', *{arguments!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_evaluate_prints_a_table_and_a_line_a_fold_where_there_is_no_terminal(run_command):
    done = run_command(*EVALUATE, "--jobs", "1")  # else folds finish in any order
    assert done.returncode == 0
    verbs = ("is", "are", "are")
    lines = [f"fold {n}: finished; {n} of 3 folds {verbs[n - 1]} there" for n in (1, 2, 3)]
    said = [line.partition(", ")[0] for line in done.stderr.splitlines()]  # without the time left
    assert said[-3:] == lines
    for part in ("centroid on tones", "accuracy (WA)", "chance (stratified)"):
        assert part in done.stdout


def test_evaluate_gives_the_numbers_of_every_fold_as_json(run_command):
    made = json.loads(run_command(*HERE, "--format", "json").stdout)
    scored = json.loads(run_command("score", "tones_centroid", "--format", "json").stdout)
    assert made == scored


def test_score_runs_and_leaderboard_read_what_evaluate_left(run_command):
    run_command(*HERE)
    listed = run_command("runs").stdout
    assert "complete" in listed
    scored = json.loads(run_command("score", "tones_centroid", "--format", "json").stdout)
    assert set(scored["metrics"]) == {
        "accuracy",
        "uar",
        "precision",
        "recall",
        "f1",
        "weighted_f1",
    }
    assert len(scored["folds"]) == 3
    one = run_command("score", "tones", "--metric", "uar", "--format", "csv").stdout.splitlines()
    assert one[0].endswith(",uar")
    board = run_command("leaderboard", "show").stdout
    for part in ("| centroid (", "chance (majority)", "Pepino et al. [38]", "CREMA-D"):
        assert part in board


def test_kept_models_are_used_and_exported(run_command, places, tmp_path):
    exporter = ("evaluate", "--model", "exporter", "--dataset", "tones", "--jobs", "0")
    done = run_command(*exporter, "--keep-models")
    assert done.returncode == 0, done.stderr
    tones = places.cache / "corpora" / "tones-1"
    files = [tones / "s1-low-0.wav", tones / "s2-high-1.wav"]
    done = run_command("predict", "tones_exporter", *files, "--format", "csv", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[1] for line in done.stdout.splitlines()] == ["label", "low", "high"]
    assert "the mean probabilities of the models of all 3 folds\n" in done.stderr
    assert "\nNOT NEW to these models: 2 files named like utterances of tones" in done.stderr
    done = run_command("predict", "tones_exporter", files[0], "--fold", "1")
    assert done.stderr.endswith("the model of fold 1\n")
    done = run_command("export", "tones_exporter", "--out", tmp_path / "out", "--fold", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("exporter of fold 2 of tones_exporter")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "--model", "centrod", "--dataset", "tones"], "did you mean centroid"),
        (["evaluate", "--model", "centroid", "--dataset", "tone"], "did you mean tones"),
        ([*EVALUATE, "--param", "scale"], "a parameter is written name=value"),
        ([*EVALUATE, "--trim-db", "much"], "must be a number or none"),
        ([*EVALUATE, "--format", "xml"], "there is no format 'xml'"),
        ([*EVALUATE, "--protocol", "kfold:n=99"], "kfold"),
        (["evaluate", "--model", "centroid", "--dataset", "tones:takes=x"], "takes of tones"),
        ([*EVALUATE, "--keep-models"], "centroid cannot be kept, since it has no save and load"),
        (["predict", "nothing", "x.wav"], "there is no run 'nothing'"),
        (["predict", "nothing", "x.wav", "--format", "xml"], "there is no format 'xml'"),
        (["export", "nothing", "--out", "x"], "there is no run 'nothing'"),
        (["score", "nothing"], "there is no run 'nothing'"),
        (["score", "nothing", "--metric", "x"], "there is no run 'nothing'"),
        (["protocol", "show", "--dataset", "tones", "--protocol", "x"], "no protocol 'x'"),
        (["protocol", "export", "--dataset", "tones", "--out", "x.txt"], "must end in .csv or"),
        (["download", "tones"], "tones cannot be downloaded: it is made"),
    ],
)
def test_a_mistake_is_one_line_on_standard_error_and_exit_code_1(run_command, arguments, words):
    done = run_command(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("serbench: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", LONG],
        ["leaderboard", "badge", LONG],
        ["evaluate", "--model", "centroid", "--dataset", "toy:seed=" + "9" * 300],
    ],
)
def test_a_name_too_long_is_one_line(run_command, arguments):
    done = run_command(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("serbench: cannot ")
    assert done.stderr.endswith(": File name too long\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "a\x1bb"), r"write a\x1bb: Permission denied"),
        (OSError(28, "No space left on device"), "write the disk: No space left on device"),
        (SerbenchError("no \u202erun\x07"), r"serbench: no \u202erun\x07"),
    ],
)
def test_what_the_system_refuses_is_one_line_that_no_terminal_obeys(
    monkeypatch, capsys, error, words
):
    def fails():
        raise error

    monkeypatch.setattr(app, "app", fails)
    with pytest.raises(SystemExit, match="1"):
        app.main()
    assert capsys.readouterr().err.removesuffix("\n").endswith(words)


def test_a_fault_of_the_code_keeps_its_traceback(monkeypatch):
    def fails():
        raise OSError("not the system's")

    monkeypatch.setattr(app, "app", fails)
    with pytest.raises(OSError, match="not the system's"):
        app.main()


def test_an_unknown_option_is_exit_code_2(run_command):
    assert run_command("evaluate", "--modle", "x").returncode == 2


def test_protocols_are_shown_exported_and_checked(run_command, tmp_path):
    listed = run_command("protocol", "show", "--dataset", "tones").stdout
    assert "loso" in listed
    shown = run_command("protocol", "show", "--dataset", "tones", "--protocol", "kfold:n=3").stdout
    assert "digest" in shown
    out = tmp_path / "split.csv"
    assert run_command("protocol", "export", "--dataset", "tones", "--out", out).returncode == 0
    assert run_command(*HERE, "--protocol", out).returncode == 0
    clean = run_command("protocol", "check", "--dataset", "tones")
    assert clean.returncode == 0
    assert "speaker-disjoint: yes; identical recordings in two sets: none of 72;" in clean.stdout
    leaky = run_command("protocol", "check", "--dataset", "tones", "--protocol", "random:n=3")
    assert leaky.returncode == 1
    assert "speaker-disjoint: no, 18 of 18 validation speakers train (72 of 72" in leaky.stdout


@pytest.mark.parametrize(("jobs", "number"), [(1, "SIGTERM"), (2, "SIGINT")])
def test_ctrl_c_keeps_finished_folds_and_says_how_to_go_on(places, jobs, number):
    command = [sys.executable, "-m", "serbench", *EVALUATE, "--jobs", str(jobs)]
    child = subprocess.Popen(
        [*command, "--param", "nap=2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(places.results.glob("*/*.safetensors")):
        assert child.poll() is None
        time.sleep(0.05)
    os.kill(child.pid, getattr(signal, number))
    _, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert re.search("of 3 folds (is|are) finished and kept in", said)
    assert "run the same command again to continue" in said
    assert "Traceback" not in said


def test_ctrl_c_is_one_line_and_exit_code_130_from_the_first_moment_on():
    # the interpreter's own start is not ours: the first signal comes when ours minds signals
    code = (
        "import signal; before = signal.signal\n"
        "signal.signal = lambda *words: (before(*words), print(flush=True))\n"
        "from serbench.__main__ import main; main()"
    )
    for number, delay in enumerate((0.001, 0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.3, 0.5, 0.8)):
        child = subprocess.Popen(
            [sys.executable, "-c", code, *EVALUATE, "--param", "nap=3", "--jobs", str(number % 3)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        child.stdout.readline()
        time.sleep(delay)
        os.killpg(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=30)
        assert child.returncode == 130, (delay, said)
        assert said.splitlines()[-1].startswith("serbench: stopped"), (delay, said)
        assert "Traceback" not in said, (delay, said)
        assert "Exception ignored" not in said, (delay, said)


def test_a_command_that_may_not_be_interrupted_is_not():
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    code += "from serbench import __main__; from serbench.cli import app; "
    code += "app.main = lambda: signal.raise_signal(signal.SIGINT); __main__.main()"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_h_is_help_for_every_command_and_wraps_whole_summaries(run_command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = run_command("-h").stdout
    assert text == run_command("--help").stdout
    assert "..." not in text.partition("Commands:")[2]
    assert max(map(len, text.splitlines())) <= 60
    assert "Show only this corpus." in run_command("leaderboard", "show", "-h").stdout


def test_one_fold_is_not_one_folds(run_command):
    done = run_command(*HERE, "--fold", "1")
    assert "protocol kfold:n=3 (1 fold, 2 test speakers, 24 test utterances)" in done.stdout
    assert "incomplete: 2 of 3 folds are missing" in done.stdout
    assert "1 of 1 fold is there" in done.stderr
    assert "Do not compare means over some of a protocol's folds" in done.stdout


def test_quiet_prints_only_the_result_and_errors(run_command, places):
    quiet = run_command(*HERE, "--quiet")
    assert quiet.stderr == ""
    assert quiet.stdout == run_command(*HERE).stdout
    wrong = run_command("evaluate", "--model", "centroid", "--dataset", "tone", "-q")
    assert wrong.stderr.startswith("serbench: there is no dataset 'tone'")


def test_verbose_says_versions_folders_and_stages(run_command, places):
    lines = run_command(*HERE, "--verbose").stderr.splitlines()
    assert lines[0].startswith("versions: python 3.")
    assert lines[1].startswith(f"folders: corpora {places.data}, cache {places.cache}, results ")
    assert lines[2].startswith("centroid on tones, seed 0: 3 of 3 folds to compute, protocol kfold")
    assert lines.index("fold 1: starting") < lines.index("fold 1: training")


def test_a_terminal_gets_the_next_commands(run_command, places):
    run_command(*HERE)
    ours, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "serbench", *EVALUATE],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(ours)
    os.close(theirs)
    (run,) = places.results.iterdir()
    assert done.stderr.endswith(
        f"\nnext: serbench report {run.name} --out report\n"
        + (f"      serbench leaderboard submit {run.name} --submitter NAME\n")
    )


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["evaluate", "--model", "functionals-"], ["functionals-linear", "functionals-svm"]),
        (["evaluate", "--dataset", "rav"], ["ravdess"]),
        (["evaluate", "--features", "wave"], ["waveform"]),
        (["evaluate", "--engine", "loc"], ["local"]),
        (["evaluate", "--dataset", "ravdess", "--protocol", "paper-"], ["paper-nested"]),
        (["protocol", "show", "--dataset", "ravdess", "--protocol", "k"], ["kfold"]),
        (["compare", "other", "tones_"], ["tones_centroid_paper_seed0_1a2b3c4d"]),
        (["models", "functionals-l"], ["functionals-linear"]),
        (["protocols", "lo"], ["loso"]),
    ],
)
def test_names_are_completed_without_numpy(places, words, names):
    run = places.results / "tones_centroid_paper_seed0_1a2b3c4d"
    run.mkdir(parents=True)
    (run / "fold-1.safetensors").touch()
    code = (
        "import sys\n"
        "from serbench.cli import app\n"
        "try:\n    app.app(prog_name='serbench')\nfinally:\n"
        f"    print([name for name in {(*HEAVY, 'numpy')!r} if name in sys.modules])"
    )
    asked = {"COMP_WORDS": " ".join(["serbench", *words]), "COMP_CWORD": str(len(words))}
    path = os.environ["PYTHONPATH"].split(os.pathsep)
    without_tiny = os.pathsep.join(folder for folder in path if not folder.endswith("tiny"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **os.environ,
            **asked,
            "_SERBENCH_COMPLETE": "complete_bash",
            "PYTHONPATH": without_tiny,  # its module with hooks imports numpy
        },
    )
    assert done.stdout.splitlines() == [*names, "[]"], done.stderr


def test_a_model_is_described_with_its_parameters_and_their_defaults(run_command):
    text = run_command("models", "functionals-svm").stdout
    assert text.startswith("functionals-svm: Gaussian SVM on functionals")
    assert "Features: functionals. A fold needs 1 thread, " in text
    rows = [line.split() for line in text.splitlines()]
    assert ["c", "float", "or", "null", "null", "scikit-learn's"] in [row[:6] for row in rows]
    done = run_command("models", "functionals-svmm")
    assert "did you mean functionals-svm" in done.stderr


def test_datasets_say_which_corpora_are_here_and_how_to_get_others(run_command, places):
    audio = places.data / "ravdess" / "Actor_01" / "03-01-01-01-01-01-01.wav"
    audio.parent.mkdir(parents=True)
    audio.touch()
    (places.data / "crema-d").mkdir()
    lines = run_command("datasets").stdout.splitlines()
    rows = {line.partition(" ")[0]: line.split() for line in lines}
    assert rows["dataset"] == [
        *("dataset", "language", "speakers", "utterances", "labels", "licence", "here")
    ]
    assert rows["ravdess"][:5] == ["ravdess", "English", "24", "1440", "8"]
    assert rows["ravdess"][-1] == "yes"
    assert rows["crema-d"] == ["crema-d", "English", "91", "7442", "6", "ODbL", "1.0", "no"]
    assert rows["emo-db"][:5] == ["emo-db", "German", "10", "535", "7"]
    assert rows["toy"][-4:] == ["made", "at", "first", "use"]
    text = run_command("datasets", "crema-d").stdout
    assert f"Not in {places.data / 'crema-d'}: `serbench download crema-d` fetches" in text
    assert "Protocols: paper, paper-nested" in text
    assert f"Here: {places.data / 'ravdess'}" in run_command("datasets", "ravdess").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["features", "waveform"], "Mono 16 kHz samples"),
        (["engines", "local"], "the number of tasks at a time"),
        (["perturbations", "softer"], "of the amplitude, from 0 to 1"),
        (["datasets", "csv"], "the utterance's name in results"),
        (["datasets", "toy:seed=3"], "default: kfold:n=6"),
        (["protocols"], "kfold                 Test each of n groups of speakers once"),
        (["protocols", "random"], "stratified by label"),
    ],
)
def test_other_names_are_described(run_command, arguments, words):
    assert words in run_command(*arguments).stdout

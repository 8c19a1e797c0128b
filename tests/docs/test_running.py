"""What works through pages notices what is untrue in them."""

from pathlib import Path

import pytest
import standing_in
from blocks import blocks
from running import Reader, Untrue


@pytest.fixture
def page(tmp_path):
    """Write a page; `'''` stands for a fence."""

    def write(text):
        path = tmp_path / "page.md"
        path.write_text(text.replace("'''", "```"))
        return path

    return write


@pytest.fixture
def read(page, tmp_path):
    """Work through a page's text, and tell in which folder that was."""

    def read(text):
        folder = tmp_path / "reader"
        folder.mkdir()
        reader = Reader(folder, {"SERBENCH_CACHE": str(tmp_path), "SERBENCH_DATA": str(tmp_path)})
        reader.read(page(text))
        return reader.work

    return read


def test_python_goes_on_where_it_stopped_and_an_error_has_its_line(read):
    good = "'''python\nx = 1\n'''\n\n'''python\nassert x == 1\n'''\n"
    with pytest.raises(Untrue, match=r"page.md:9 ended with 1(.|\n)*page.md\", line 11"):
        read(good + "\n'''python\ny = 2\nassert x == y\n'''\n")


def test_a_shell_keeps_its_folder_and_variables(read):
    work = read(
        "'''bash\nmkdir inner\ncd inner\nexport A='a b'\n'''\n\n'''bash\necho \"$A\" > said\n'''\n"
    )
    assert (work / "inner" / "said").read_text() == "a b\n"


@pytest.mark.parametrize("line", ["false\ntrue", "echo $nothing", "false | true"])
def test_a_command_that_fails_is_untrue_wherever_it_stands(read, line):
    with pytest.raises(Untrue, match="ended with 1"):
        read(f"'''bash\n{line}\n'''\n")


def test_an_exit_code_may_be_said(read):
    read("<!-- exit code: 3 -->\n'''bash\nexit 3\n'''\n")


def test_an_exit_code_that_is_said_and_is_not_is_untrue(read):
    with pytest.raises(Untrue, match="ended with 0, not 3"):
        read("<!-- exit code: 3 -->\n'''bash\ntrue\n'''\n")


SHOWN = "'''bash\necho one; echo two 2\n'''\n\nprints\n\n{}'''text\n{}\n'''\n"


@pytest.mark.parametrize("wanted", ["one\ntwo 2", "...\ntwo ...", "one  \ntwo    2"])
def test_what_is_shown_below_may_leave_out_and_space_differently(read, wanted):
    read(SHOWN.format("", wanted))


@pytest.mark.parametrize("wanted", ["one", "two 2", "one\ntwo 3"])
def test_another_output_than_is_shown_is_untrue(read, wanted):
    with pytest.raises(Untrue, match="and not"):
        read(SHOWN.format("", wanted))


@pytest.mark.parametrize("words", ["<!-- not compared: it is a test -->\n", "## Next\n\n"])
def test_what_is_not_its_output_is_not_compared(read, words):
    read(SHOWN.format(words, "three"))


def test_what_is_not_run_is_not_run(read):
    read("<!-- not run: it would fail -->\n'''bash\nfalse\n'''\n")


def test_a_comment_is_of_the_next_block_only(page):
    text = "<!-- not run: a reason\non two lines -->\n'''bash\n'''\n\n'''bash\n'''\n"
    first, second = blocks(page(text))
    assert first.words == {"not run": "a reason on two lines"}
    assert second.words == {}


def test_blocks_in_lists_and_with_tildes_are_found_and_directives_are_not(page):
    text = "- a list\n\n  '''bash\n  a\n  '''\n\n~~~python\nb\n~~~\n\n'''{toctree}\nc\n'''\n"
    assert [block.text for block in blocks(page(text))] == ["a\n", "b\n"]


def test_a_block_that_begins_with_a_name_is_a_file_that_can_be_imported(read):
    text = "'''python\n# mine.py\nx = 5\n'''\n\n'''python\nimport mine\nassert mine.x == 5\n'''\n"
    assert (read(text) / "mine.py").exists()


def test_an_entry_point_must_lead_somewhere(read):
    with pytest.raises(Untrue, match="lead nowhere: .*no_such_module"):
        read("'''toml\n[project.entry-points.serbench]\nmine = \"no_such_module\"\n'''\n")


def test_nobody_gives_what_is_not_in_the_table(read):
    with pytest.raises(Untrue, match="nobody knows how to give 'a pony'"):
        read("<!-- given: a pony -->\n'''bash\ntrue\n'''\n")


def test_recordings_are_given(read):
    text = "<!-- given: recordings a.wav b.flac -->\n'''bash\ntest -s a.wav -a -s b.flac\n'''\n"
    read(text)


@pytest.mark.parametrize(
    ("typed", "run"),
    [
        ("models", "models"),
        ("protocol show --dataset crema-d", "protocol show --dataset crema-d"),
        ("evaluate --model dummy --dataset toy:seed=3", "... small-toy:seed=3"),
        ("score ravdess_alexnet", "score small-ravdess_alexnet"),
        (
            "evaluate --model alexnet-mel --jobs 2 --param epochs=9 --param dropout=0.3",
            "evaluate --model alexnet-mel --param dropout=0.3 --param epochs=1 "
            "--param width=0.05 --jobs 0",
        ),
        ("report a --out toys", "report a --out toys --picture none"),
        ("report a --picture png --out b", "report a --picture png --out b"),
    ],
)
def test_large_corpora_and_slow_models_have_stand_ins(typed, run, tmp_path, monkeypatch):
    monkeypatch.setenv("SERBENCH_RESULTS", str(tmp_path))
    made = " ".join(standing_in.words(typed.split()))
    assert made.endswith(run.removeprefix("... "))


def test_a_study_has_stand_ins_in_a_copy_of_its_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('model = ["alexnet-mel", "dummy"]\ndataset = "toy"\n')
    made = standing_in.words(["study", "run", str(path)])
    assert made == ["study", "run", str(tmp_path / "small" / "study.toml"), "--jobs", "0"]
    assert Path(made[2]).read_text() == (
        'model = [{ name = "alexnet-mel", params = { epochs = 1, width = 0.05 } }, "dummy"]\n'
        'dataset = "small-toy"\n'
    )


def test_a_run_that_the_page_was_given_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("SERBENCH_RESULTS", str(tmp_path))
    (tmp_path / "ravdess_dummy_paper_seed0_1").mkdir()
    assert standing_in.words(["score", "ravdess_dummy"]) == ["score", "ravdess_dummy"]
    assert standing_in.source("f('ravdess_dummy', \"toy\")") == "f('ravdess_dummy', \"small-toy\")"

"""The workflows: what they may do, and that their steps do it on a submission of a stranger."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import serbench
from serbench.leaderboard import build
from serbench.leaderboard.reproduction.outcome import reproduce
from serbench.leaderboard.reproduction.proposal import propose
from serbench.leaderboard.submissions.pack import Statements, submit
from serbench.leaderboard.submissions.reproduction_record import write
from serbench.settings import settings

FOLDER = Path(__file__).resolve().parent.parent / ".github" / "workflows"
NAMES = (
    "ci",
    "leaderboard",
    "leaderboard-comment",
    "leaderboard-record",
    "leaderboard-site",
    "release",
)

pytestmark = pytest.mark.usefixtures("places")


def workflow(name):
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text())


def steps(name):
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def script(name, step):
    (found,) = (one["run"] for one in steps(name) if one.get("name") == step)
    return found


def test_there_are_no_others():
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_actions_have_a_version_and_no_text_of_strangers_is_put_into_a_script(name):
    for step in steps(name):
        used = step.get("uses", "actions/x@v1")
        assert re.fullmatch(r"actions/[a-z-]+@v\d+|pypa/gh-action-pypi-publish@release/v1", used)
        assert "${{" not in step.get("run", "")
    assert "pull_request_target" not in workflow(name)[True]  # YAML reads "on" as a truth value


@pytest.mark.parametrize("name", ["ci", "leaderboard"])
def test_what_sees_a_strangers_files_can_only_read(name):
    made = workflow(name)
    assert made["permissions"] == {"contents": "read"}
    assert "secrets" not in (FOLDER / f"{name}.yml").read_text()
    assert not [job for job in made["jobs"].values() if "permissions" in job]
    checkouts = [one for one in steps(name) if one.get("uses", "").startswith("actions/checkout")]
    assert checkouts
    for checkout in checkouts:
        assert checkout["with"]["persist-credentials"] is False


def test_submissions_are_verified_by_the_code_of_the_branch_they_are_for():
    checkout = steps("leaderboard")[0]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_what_may_write_runs_no_code_of_the_request():
    assert workflow("leaderboard-comment")["permissions"] == {
        "actions": "read",
        "pull-requests": "write",
    }
    text = (FOLDER / "leaderboard-comment.yml").read_text()
    assert "checkout" not in text
    assert workflow("leaderboard-comment")[True]["workflow_run"]["workflows"] == ["leaderboard"]
    assert workflow("leaderboard")["name"] == "leaderboard"


def test_what_may_write_to_the_repository_runs_only_what_is_merged():
    made = workflow("leaderboard-record")
    assert made[True] == {"push": {"branches": ["main"], "paths": ["leaderboard/submissions/**"]}}
    assert made["permissions"] == {"contents": "write", "pull-requests": "read"}
    checkout = steps("leaderboard-record")[0]["with"]
    assert (checkout["ref"], checkout["persist-credentials"]) == ("main", False)
    with_token = [one["name"] for one in steps("leaderboard-record") if "GH_TOKEN" in str(one)]
    assert with_token == ["Who", "Commit"]
    for name in with_token:
        assert "serbench" not in script("leaderboard-record", name)


def test_the_site_is_what_is_merged_and_none_of_its_links_is_dead(tmp_path):
    made = workflow("leaderboard-site")
    assert made[True]["push"] == {"branches": ["main"], "paths": ["leaderboard/**"]}
    assert made["permissions"] == {"contents": "read"}
    (job,) = made["jobs"].values()
    assert job["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    checkout = steps("leaderboard-site")[0]["with"]
    assert checkout == {"ref": "main", "persist-credentials": False}
    subprocess.run(
        ["bash", "-e", "-c", script("leaderboard-site", "Gather")],
        cwd=FOLDER.parents[1],
        env={**os.environ, "RUNNER_TEMP": str(tmp_path)},
        check=True,
    )
    site = tmp_path / "site"
    pages = [site / "index.html", *site.glob("runs/*/*.html")]
    assert len(pages) == 1 + len(list(site.glob("submissions/*/*/card.json"))) > 20
    for page in pages:
        for link in re.findall('href="([^"]+)"', page.read_text()):
            assert link.startswith("#") or (page.parent / unquote(link)).is_file(), (page, link)


def test_what_publishes_runs_no_code_of_the_repository_and_only_after_all_was_installed():
    made = workflow("release")
    assert made[True] == {"push": {"tags": ["v*"]}}
    assert made["permissions"] == {"contents": "read"}
    assert "secrets" not in (FOLDER / "release.yml").read_text()
    publish = made["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert (publish["needs"], made["jobs"]["install"]["needs"]) == ("install", "build")
    assert [step.get("uses", "").partition("@")[0] for step in publish["steps"]] == [
        "actions/download-artifact",
        "",
        "pypa/gh-action-pypi-publish",
    ]
    assert not [job for job in made["jobs"].values() if job is not publish and "permissions" in job]
    distributions = [path.parent.name for path in FOLDER.parent.parent.glob("plugins/*/*.toml")]
    assert publish["strategy"]["matrix"]["distribution"] == ["serbench", *sorted(distributions)]
    assert publish["environment"] == "${{ matrix.distribution }}"


@pytest.mark.parametrize("name", ["serbench", "serbench-corpora"])
def test_a_job_publishes_the_files_of_its_distribution_alone(name, tmp_path):
    (tmp_path / "dist").mkdir()
    for other in ("serbench", "serbench_corpora"):
        for ending in ("-0.1.0.tar.gz", "-0.1.0-py3-none-any.whl"):
            (tmp_path / "dist" / f"{other}{ending}").touch()
    command = ["bash", "-e", "-c", script("release", "Choose")]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "NAME": name}, check=True)
    stem = name.replace("-", "_")
    assert {path.name for path in (tmp_path / "chosen").iterdir()} == {
        f"{stem}-0.1.0.tar.gz",
        f"{stem}-0.1.0-py3-none-any.whl",
    }


def test_ci_runs_the_tests_on_every_system_and_python_with_the_newest_versions():
    job = workflow("ci")["jobs"]["newest"]
    systems = ["ubuntu-latest", "windows-latest", "macos-latest"]
    pythons = ["3.11", "3.12", "3.13", "3.14"]
    assert job["strategy"]["matrix"] == {"system": systems, "python": pythons}
    install = script("ci", "Install")
    assert "constraint" not in install
    assert "python -m pytest" in script("ci", "Tests")


def test_the_account_is_the_servers_word():
    (step,) = [one for one in steps("leaderboard") if one.get("name") == "Verify"]
    assert step["env"] == {"LOGIN": "${{ github.event.pull_request.user.login }}"}


def test_ci_runs_what_is_there():
    assert (FOLDER.parent.parent / script("ci", "Tests and checks")).is_file()


class Runner:
    """A clone of a repository with a pull request, where steps run as they stand."""

    def __init__(self, folder):
        self.folder, self.temp = folder / "clone", folder / "temp"
        self.temp.mkdir()
        self.origin = folder / "origin"
        (folder / "bin").mkdir()
        program = folder / "bin" / "serbench"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m serbench "$@"\n')
        program.chmod(0o755)
        server = folder / "bin" / "gh"  # the account that opened a commit's request, from a file
        server.write_text(
            "#!/bin/sh\n"
            '[ "$1" = auth ] || sed -n "s|^$(basename "$(dirname "$2")") ||p" "$LOGINS"\n'
        )
        server.chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary.md"),
            "NUMBER": "7",
            "LOGIN": "Eve",
            "GH_REPO": "serbench/serbench",
            "LOGINS": str(folder / "logins"),
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "t"),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "t@example.org"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }

    def git(self, *words):
        done = subprocess.run(
            ["git", *words], cwd=self.origin, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message):
        self.git("add", ".")
        self.git("commit", "--quiet", f"--message={message}")

    def step(self, workflow, name):
        text = script(workflow, name)
        return subprocess.run(
            ["bash", "-e", "-c", text],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
        )

    @property
    def report(self):
        return (self.temp / "report" / "report.txt").read_text()


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Two submissions; the second has a submitter whose name is meant to do harm."""
    home = tmp_path_factory.mktemp("sent")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("data", "cache", "results"):
            patch.setenv(f"SERBENCH_{name.upper()}", str(home / name))
        for seed, name in enumerate(["Ada", "Mallory `::error::` @all"]):
            run = serbench.evaluate("centroid", "tones", jobs=0, seed=seed)
            submit(run, home / "submissions", Statements(name=name))
        yield home / "submissions" / "tones"


@pytest.fixture
def runner(sent, tmp_path):
    """Its main branch has the first submission; `offer` sends a change of it as number 7."""
    made = Runner(tmp_path)
    made.origin.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    first = next(sent.glob("*seed0*"))
    shutil.copytree(first, made.origin / "leaderboard" / "submissions" / "tones" / first.name)
    (made.origin / "code.py").write_text("print('ours')\n")
    board = made.origin / "leaderboard"
    build.build(board / "submissions", board, settings(), account="github:ada")
    made.commit("base")
    return made


def offer(runner, change):
    runner.git("checkout", "--quiet", "-b", "theirs")
    change(runner.origin / "leaderboard" / "submissions" / "tones")
    (runner.origin / "code.py").write_text("print('theirs')\n")
    runner.commit("theirs")
    runner.git("checkout", "--quiet", "main")
    (runner.origin / "later.txt").write_text("the branch went on meanwhile\n")
    runner.commit("later")
    runner.git("checkout", "--quiet", "--detach")
    runner.git("merge", "--quiet", "--no-edit", "theirs")
    runner.git("update-ref", "refs/pull/7/merge", "HEAD")
    runner.git("checkout", "--quiet", "main")
    clone = ["git", "clone", "--quiet", "--depth=1", f"file://{runner.origin}", runner.folder]
    subprocess.run(clone, check=True, env=runner.env)
    done = runner.step("leaderboard", "Fetch")
    assert done.returncode == 0, done.stderr


def test_what_is_new_is_verified_and_shown_in_the_table_and_what_is_gone_is_named(runner, sent):
    def change(tones):
        shutil.copytree(second := next(sent.glob("*seed1*")), tones / second.name)
        shutil.rmtree(next(tones.glob("*seed0*")))

    runner.env["LOGIN"] = "Ada"
    offer(runner, change)
    assert (runner.folder / "code.py").read_text() == "print('ours')\n"
    done = runner.step("leaderboard", "Verify")
    assert done.returncode == 0, runner.report
    assert (done.stdout, done.stderr) == ("", "")
    gone, new, submitter, *rest = runner.report.splitlines()
    assert gone.startswith("removed leaderboard/submissions/tones/tones_centroid_kfold-n-3_seed0")
    assert new.startswith("ok recomputed leaderboard/submissions/tones/tones_centroid_")
    assert submitter == "  submitter github:ada, who sends it"
    assert not [line for line in rest if line.startswith("ok ")]
    assert "sent by github:ada" in runner.report.partition("The table with it:")[2]


def test_what_is_bad_fails_and_makes_no_table(runner, sent):
    def change(tones):
        shutil.copytree(second := next(sent.glob("*seed1*")), bad := tones / second.name)
        (bad / "fold-01.safetensors").write_bytes(b"no result")
        next(tones.glob("*seed0*/fold-02.safetensors")).unlink()

    runner.env["LOGIN"] = "ada"
    offer(runner, change)
    assert runner.step("leaderboard", "Verify").returncode == 1
    assert runner.report.count("REJECTED") == 2
    assert "fold-02.safetensors is on the card, but not in the folder" in runner.report
    assert "The table" not in runner.report


def card_changed(tones):
    card = next(tones.glob("*seed0*/card.json"))
    card.write_text(card.read_text().replace('"Ada"', '"Eve"'))


def removed(tones):
    shutil.rmtree(next(tones.glob("*seed0*")))
    (tones / "README.md").touch()


def renamed(tones):
    next(tones.glob("*seed0*")).rename(tones / "tones_other")


@pytest.mark.parametrize("change", [card_changed, removed, renamed])
def test_what_the_ledger_has_as_anothers_is_left_alone(runner, change):
    offer(runner, change)
    assert runner.step("leaderboard", "Verify").returncode == 1
    assert runner.report.startswith(
        "REFUSED leaderboard/submissions/tones/tones_centroid_kfold-n-3_seed0_21256ac3: the ledger "
        "has it as of github:ada, not of github:eve\n"
    )
    assert "The table" not in runner.report


def test_a_record_may_be_added_to_anothers_and_counts(runner):
    def change(tones):
        folder = next(tones.glob("*seed0*"))
        proposal = propose(folder, results=runner.temp / "reproduced")
        write(folder, reproduce(proposal, jobs=0).record("Eve"))

    offer(runner, change)
    assert runner.step("leaderboard", "Verify").returncode == 0, runner.report
    assert "  submitter github:ada, in the ledger since " in runner.report
    assert "says the submitter" not in runner.report
    assert "; checked reproduced;" in runner.report


def edited(text):
    return text.replace("github:ada", "github:eve")


def added_to(text):
    line = "2020-01-01T00:00:00Z,github:eve,tones/mine," + "a" * 32 + "," + "b" * 16
    return text + line + "\n"


def emptied(text):
    return text.splitlines()[0] + "\n"


@pytest.mark.parametrize("change", [edited, added_to, emptied])
def test_a_request_that_touches_the_ledger_is_refused(runner, sent, change):
    def changed(tones):
        book = tones.parents[1] / "ledger.csv"
        book.write_text(change(book.read_text()))
        shutil.copytree(second := next(sent.glob("*seed1*")), tones / second.name)

    offer(runner, changed)
    assert "github:ada" in (runner.folder / "leaderboard" / "ledger.csv").read_text()
    assert runner.step("leaderboard", "Verify").returncode == 1
    assert runner.report.startswith(
        "REFUSED leaderboard/ledger.csv: it is written when a request is merged, and never by one\n"
    )
    assert workflow("leaderboard")[True]["pull_request"]["paths"] == [
        "leaderboard/submissions/**",
        "leaderboard/ledger.csv",
    ]


def test_a_copy_is_named_and_what_is_not_in_the_ledger_yet_was_there_before_it(runner, sent):
    (runner.origin / "leaderboard" / "ledger.csv").unlink()
    runner.commit("as if the ledger were not written yet")

    def change(tones):
        shutil.copytree(second := next(sent.glob("*seed1*")), tones / second.name)

    offer(runner, change)
    assert runner.step("leaderboard", "Verify").returncode == 0, runner.report
    first = "tones_centroid_kfold-n-3_seed0_21256ac3"
    assert f"look at: it has no rank: same predictions as {first}\n" in runner.report
    assert "  submitter github:eve, who sends it\n" in runner.report


def test_who_opened_each_request_is_recorded_in_the_order_of_merging(runner, sent):
    tones = runner.origin / "leaderboard" / "submissions" / "tones"
    first, second = next(tones.glob("*seed0*")), next(sent.glob("*seed1*"))
    proposal = propose(first, results=runner.temp / "reproduced")
    commits = {}
    for name, change in {
        "Eve": lambda: shutil.copytree(second, tones / second.name),
        "": lambda: (tones / "README.md").touch(),
        "Mallory": lambda: write(first, reproduce(proposal, jobs=0).record("Mallory")),
    }.items():
        runner.git("checkout", "--quiet", "-b", f"of-{name}")
        change()
        runner.commit("theirs")
        runner.git("checkout", "--quiet", "main")
        runner.git("merge", "--quiet", "--no-ff", "--no-edit", f"of-{name}")
        commits[runner.git("rev-parse", "HEAD")] = name
    logins = [f"{commit} {name}\n" for commit, name in commits.items() if name]
    Path(runner.env["LOGINS"]).write_text("".join(logins))
    runner.git("config", "receive.denyCurrentBranch", "ignore")
    clone = ["git", "clone", "--quiet", f"file://{runner.origin}", runner.folder]
    subprocess.run(clone, check=True, env=runner.env)
    before = (runner.folder / "leaderboard" / "ledger.csv").read_text()
    for step in ("Who", "Record", "Commit"):
        done = runner.step("leaderboard-record", step)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    merged = (runner.temp / "merged").read_text().splitlines()
    assert merged == [f"{commit} {name}" for commit, name in commits.items()]
    book = runner.git("show", "main:leaderboard/ledger.csv") + "\n"
    assert book.startswith(before)
    lines = [line.split(",") for line in book[len(before) :].splitlines()]
    assert [line[1] for line in lines] == ["github:eve", "github:mallory"]
    assert lines[0][2] == f"tones/{second.name}"
    assert lines[1][2].startswith(f"tones/{first.name}/reproductions/")
    assert lines[0][0] < lines[1][0]
    page = runner.git("show", "main:leaderboard/README.md")
    assert "sent by github:eve" in page
    assert "; checked reproduced;" in page
    head = runner.git("rev-parse", "main")
    for step in ("Who", "Record", "Commit"):  # nothing is left to do
        assert runner.step("leaderboard-record", step).returncode == 0
    assert runner.git("rev-parse", "main") == head


@pytest.mark.parametrize(
    ("workflow_name", "step", "file"),
    [("leaderboard", "Show", "summary.md"), ("leaderboard-comment", "Write", "comment.md")],
)
def test_nothing_gets_out_of_the_fence(tmp_path, workflow_name, step, file):
    runner = Runner(tmp_path)
    runner.folder.mkdir()
    (runner.temp / "report").mkdir()
    hostile = b"```\n@all <img src=x>\x1b[31m\x00\n~~~\n" + b"\xc3" * 10 + "ü".encode() * 50_000
    (runner.temp / "report" / "report.txt").write_bytes(hostile)
    assert runner.step(workflow_name, step).returncode == 0
    text = (runner.temp / file).read_text()
    assert len(text.encode()) < 65_000
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert fences == ["```text", "```"]
    assert text.endswith("\n```\n")
    assert "'''\n@all <img src=x>[31m\n~~~\nüü" in text


def test_a_link_is_not_posted(tmp_path):
    runner = Runner(tmp_path)
    runner.folder.mkdir()
    (runner.temp / "report").mkdir()
    (runner.temp / "report" / "report.txt").symlink_to("/etc/hostname")
    assert runner.step("leaderboard-comment", "Write").returncode != 0
    assert not (runner.temp / "comment.md").exists()

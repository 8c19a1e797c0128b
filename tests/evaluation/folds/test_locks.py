"""Commands side by side in one results folder, as processes of their own."""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from serbench.evaluation.folds.locks import claimed
from serbench.features.audio import Digests
from serbench.report.tables.section_tables import costs
from serbench.results.run import folders, read

NO_LOCKS = """
import errno, fcntl, os, sys
def flock(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
sys.argv[0] = "serbench"
from serbench.cli.app import main
main()
"""
NO_MODULES = """
import sys
sys.modules["fcntl"] = sys.modules["resource"] = None
sys.argv[0] = "serbench"
from serbench.cli.app import main
main()
"""
EVALUATE = ("evaluate", "--model", "centroid", "--dataset", "tones", "--jobs", "0")
KINDS = {
    "locks": ["-m", "serbench"],
    "no locks": ["-c", NO_LOCKS],
    "no modules": ["-W", "ignore:only soft file lock", "-c", NO_MODULES],
}


@pytest.fixture(params=KINDS)
def program(request):
    """The command line, with locks, without them and on a system without fcntl and resource."""
    return KINDS[request.param]


def start(program, *options, nap=1):
    command = [sys.executable, *program, *EVALUATE, "--param", f"nap={nap}", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes)


def locks(places):
    return sorted(path.name for path in places.results.glob("*/.*.lock"))


def until(true):
    for _ in range(3000):  # a minute: starting processes takes long on a busy machine
        if true():
            return
        time.sleep(0.02)
    raise TimeoutError


def left(places):
    (folder,) = places.results.iterdir()
    return sorted(path.name for path in folder.iterdir())


def test_commands_with_different_folds_work_side_by_side(places, program):
    # nothing is in the cache: both decode and extract at the same time
    children = [start(program, "--fold", name) for name in ("1", "2", "3")]
    for child in children:
        _, said = child.communicate(timeout=60)
        assert child.returncode == 0, said
    assert left(places) == [f"fold-0{n}.safetensors" for n in (1, 2, 3)]
    run = read(folders(places.results)[0])
    assert run.missing == 0


def test_a_command_with_the_same_folds_is_refused_with_their_holder(places, program):
    first = start(program, nap=30)
    until(lambda: len(locks(places)) == 3)
    second = start(program, nap=30)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 1
    assert re.fullmatch(
        rf"serbench: folds 1, 2, 3 of tones_centroid_\S+ are being computed by process {first.pid} "
        rf"on host {socket.gethostname()} since \d\d\d\d-\d\d-\d\d \d\d:\d\d: wait for that "
        r"command, or stop it, and run this one again; finished folds are kept\n",
        said,
    ), said
    first.kill()
    first.communicate()


def test_a_command_computes_what_is_free_and_then_says_what_is_not(places, run_command):
    assert run_command(*EVALUATE, "--fold", "1").returncode == 0
    (folder,) = places.results.iterdir()
    with claimed(folder, ["fold-02"]):
        second = run_command(*EVALUATE)
    assert second.returncode == 1
    *_, line, refusal = second.stderr.splitlines()
    assert line == "fold 3: finished; 2 of 2 folds are there"
    assert refusal.startswith(f"serbench: fold 2 of {folder.name} is being computed by process ")
    assert f" by process {os.getpid()} on host " in refusal
    assert left(places) == ["fold-01.safetensors", "fold-03.safetensors"]
    assert run_command(*EVALUATE).returncode == 0


def test_a_command_that_was_killed_blocks_nothing(places, program):
    killed(places, program)
    takes_over(places, program)


def killed(places, program):
    child = start(program, nap=30)
    until(lambda: len(locks(places)) == 3)
    child.kill()
    child.communicate()
    assert len(locks(places)) == 3


def takes_over(places, program):
    child = start(program, nap=30)
    until(lambda: holder(places) == str(child.pid))
    child.kill()
    child.communicate()


def holder(places):
    return "".join(p.read_text() for p in places.results.glob("*/.fold-01.lock")).partition("\n")[0]


def test_a_lock_of_another_host_stays_where_only_files_lock(places):
    program = KINDS["no locks"]
    killed(places, program)
    (folder,) = places.results.iterdir()
    for path in folder.glob(".*.lock"):
        path.write_text("4711\nanother-host\n")
    child = start(program, nap=30)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 1
    assert " are being computed by process 4711 on host another-host since " in said
    assert f" (if that process is gone, remove the .lock files from {folder}): wait for " in said
    for path in folder.glob(".*.lock"):
        path.unlink()
    takes_over(places, program)


def test_memory_is_not_recorded_where_the_system_cannot_tell_it(places):
    assert start(KINDS["no modules"], nap=0).wait(timeout=60) == 0
    run = read(folders(places.results)[0])
    assert run.missing == 0
    assert [fold.facts.peak_memory_mb for fold in run.folds] == [0.0] * 3
    ((*_, memory, _, _, _),) = costs([run], ["centroid"]).rows
    assert memory is None


def test_more_folds_are_claimed_than_files_may_be_open(places):
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from serbench.evaluation.folds.locks import claimed\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))\n"
        "with claimed(Path(sys.argv[1]), [f'fold-{n}' for n in range(1000)]) as held:\n"
        "    print(len(held), len(list(Path(sys.argv[1]).iterdir())))\n"
        "print(Path(sys.argv[1]).exists())\n"
    )
    command = [sys.executable, "-c", code, places.results]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["0", "1000", "False"], done.stderr


def test_the_locks_of_many_runs_may_be_more_than_the_files_that_may_be_open(places):
    code = (
        "import contextlib, resource, sys; from pathlib import Path\n"
        "from serbench.evaluation.folds.locks import claimed\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))\n"
        "with contextlib.ExitStack() as claims:\n"
        "    for run in range(4):\n"
        "        names = [f'fold-{n}' for n in range(250)]\n"
        "        claims.enter_context(claimed(Path(sys.argv[1], str(run)), names))\n"
        "    print(len(list(Path(sys.argv[1]).glob('*/.*.lock'))))\n"
    )
    command = [sys.executable, "-c", code, places.results]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["1000"], done.stderr


def test_a_name_is_claimed_once_and_free_again(tmp_path):
    with (
        claimed(tmp_path / "run", ["a", "b"]) as first,
        claimed(tmp_path / "run", ["b", "c"]) as two,
    ):
        assert first == {}
        assert list(two) == ["b"]
        assert two["b"].startswith(f"process {os.getpid()} on host {socket.gethostname()} since ")
    assert not (tmp_path / "run").exists()


def test_the_lock_file_of_a_killed_process_names_its_new_holder_alone(tmp_path):
    (tmp_path / ".a.lock").write_text(f"4711\n{'another-host' * 20}\n")
    with claimed(tmp_path, ["a"]):
        text = (tmp_path / ".a.lock").read_text()
    assert text == f"{os.getpid()}\n{socket.gethostname()}\n"


REMEMBER = """
import sys
from pathlib import Path
from serbench.features.audio import Decoded, Digests
who, folder = sys.argv[1], Path(sys.argv[2])
for n in range(50):
    Digests(folder, folder).add([Decoded(str(folder / f"{who}-{n}"), [0, 0, 0], "digest", "")])
"""


def test_digests_that_commands_remember_at_the_same_time_are_all_kept(tmp_path):
    commands = [[sys.executable, "-c", REMEMBER, who, tmp_path] for who in "abc"]
    assert [child.wait(60) for child in [subprocess.Popen(one) for one in commands]] == [0, 0, 0]
    assert len(Digests(tmp_path, tmp_path)._rows) == 150
    assert [path.suffix for path in (tmp_path / "audio").iterdir()] == [".json"]

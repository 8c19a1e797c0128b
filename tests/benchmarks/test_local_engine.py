"""Folds in two processes beside the same folds in one: two must be nearly twice as fast."""

import shutil

import pytest

import serbench

FOLDS = {"model": "alexnet-mel", "dataset": "toy", "params": {"epochs": 20}}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("way", "jobs"), [("one process", 1), ("ours", 2)])
def test_folds_in_processes(benchmark, ratios, tmp_path, way, jobs):
    serbench.evaluate(**FOLDS, folds=["1"], results=tmp_path)  # makes the corpus and its features

    def evaluate():
        return serbench.evaluate(**FOLDS, jobs=jobs, results=tmp_path)

    def forget():
        shutil.rmtree(tmp_path)

    run = benchmark.pedantic(evaluate, setup=forget, rounds=2)
    assert run.missing == 0
    ratios.took("six folds of M1 on the toy corpus", way, benchmark)

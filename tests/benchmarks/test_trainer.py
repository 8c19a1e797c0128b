"""Fine-tuning beside what a user would write instead: the Trainer of transformers.

The same network from the same checkpoint, the same utterances, steps, learning rate, precision and
threads, convolutions frozen, two epochs from the start, no validation. By default a small wav2vec
2.0 with random weights on noise as long as utterances of RAVDESS and IEMOCAP are. With
SERBENCH_BENCH_DATA (a RAVDESS folder) and SERBENCH_BENCH_CHECKPOINT (an encoder of transformers)
that encoder on a part of RAVDESS. All ways take turns, and the fastest round of each counts. By
length, the Trainer sorts a quarter of the utterances at a time, ours all of so few.
"""

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from serbench_corpora.iemocap import Iemocap
from serbench_corpora.ravdess import Ravdess
from serbench_torch.devices import threads
from serbench_torch.training import Steps
from serbench_transformers import checkpoints, loading
from serbench_transformers.batching import LAYOUTS
from serbench_transformers.learning import Labelled, Scorer, Stems, task
from serbench_transformers.network import Network
from serbench_transformers.recipes import Recipe

pytest.importorskip("accelerate", reason="the Trainer needs it")

COUNT, LABELS = 128, 4
# of one thread the processor's time is what it takes, whoever else is at work
THREADS, ROUNDS = 1, 2
RECIPE = Recipe("cross-entropy", "linear", 2)
# arithmetic in the proportions of wav2vec2-base: the convolutions need 0.6 of what the layers do
SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 192,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 2,
    "conv_dim": (16,) * 7,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
}
LIKE = {"RAVDESS-like": Ravdess, "IEMOCAP-like": Iemocap}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    given = os.environ.get("SERBENCH_BENCH_CHECKPOINT")
    if given:
        return checkpoints.resolve(given)
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForSequenceClassification,
    )

    folder = tmp_path_factory.mktemp("small")
    Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**SMALL)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return checkpoints.resolve(str(folder))


def _corpora():
    return ["RAVDESS"] if "SERBENCH_BENCH_DATA" in os.environ else sorted(LIKE)


def _examples(corpus, count=COUNT):
    """Waves and their labels."""
    random = np.random.default_rng(1)
    if corpus in LIKE:
        known = LIKE[corpus]().lengths()
        seconds = known.trimmed * np.interp(
            random.uniform(0, 100, count), known.percent, known.seconds
        )
        samples = (16000 * seconds).astype(int)
        waves = [random.normal(0, 0.1, length).astype(np.float32) for length in samples]
        return waves, np.arange(count) % LABELS
    from serbench import audio

    read = Ravdess().read(Path(os.environ["SERBENCH_BENCH_DATA"])).utterances[::15]
    return [audio.read(one.path) for one in read], np.arange(len(read)) % LABELS


def _ours(batching):
    def made(checkpoint, waves, truth, epochs, _):
        return _loop(checkpoint, waves, truth, epochs, batching)

    return made


def _loop(checkpoint, waves, truth, epochs, batching):
    model = loading.classifier(checkpoint, [str(n) for n in range(LABELS)], head="projector")
    encoder = loading.encoder_of(model, checkpoint.folder)
    network = Network(model, encoder, 0, None, LAYOUTS[batching])
    scorer = Scorer(network, RECIPE.loss, "cpu", "float32", batching)
    train, nobody = Labelled(Stems(scorer, waves), truth), Labelled(Stems(scorer, []), truth[:0])
    todo = task(scorer, train, nobody, dataclasses.replace(RECIPE, epochs=epochs), 0)
    steps = Steps(todo)

    def run():
        network.train()
        for epoch in range(1, epochs + 1):
            for batch in todo.batches(epoch):
                steps.take(batch)

    return run


def _trainer(strategy):
    def made(checkpoint, waves, truth, epochs, folder):
        from transformers import AutoFeatureExtractor, Trainer, TrainingArguments

        model = loading.classifier(checkpoint, [str(n) for n in range(LABELS)], head="projector")
        if hasattr(model, "freeze_feature_encoder"):
            model.freeze_feature_encoder()
        extract = AutoFeatureExtractor.from_pretrained(checkpoint.folder)
        name = extract.model_input_names[0]
        data = [
            {
                name: extract(wave, sampling_rate=16000)[name][0],
                "labels": int(label),
            }
            for wave, label in zip(waves, truth, strict=True)
        ]

        def collate(rows):
            batch = extract.pad(
                [{name: row[name]} for row in rows], padding=True, return_tensors="pt"
            )
            return {**batch, "labels": torch.tensor([row["labels"] for row in rows])}

        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=RECIPE.batch,
            num_train_epochs=epochs,
            learning_rate=RECIPE.lr,
            max_grad_norm=0.0,
            train_sampling_strategy=strategy,
            optim="adamw_torch_fused",
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        return Trainer(
            model, arguments, data_collator=collate, train_dataset=data, processing_class=extract
        ).train

    return made


OURS = "ours"  # by this name the ratios know it
WAYS = {
    "trainer": _trainer("random"),
    "trainer, by length": _trainer("group_by_length"),
    "ours, sorted": _ours("sorted"),
    OURS: _ours("packed"),
}
# how many times as fast as the Trainer packed batches are at least; for real data nothing is said
CLAIMS = {"IEMOCAP-like": 4.0, "RAVDESS-like": 1.3}


@pytest.mark.parametrize("corpus", _corpora())
def test_two_epochs(benchmark, ratios, checkpoint, tmp_path, capsys, corpus):
    benchmark.group = "fine-tuning, all ways together"
    waves, truth = _examples(corpus)
    seconds = {way: [] for way in WAYS}

    def in_turn():
        for way, made in WAYS.items():
            run = made(checkpoint, waves, truth, RECIPE.epochs, tmp_path)
            started = time.process_time()
            run()
            seconds[way].append(time.process_time() - started)

    with threads(THREADS):
        for made in WAYS.values():  # whatever happens once in a process
            made(checkpoint, waves[: RECIPE.batch], truth[: RECIPE.batch], 1, tmp_path)()
        benchmark.pedantic(in_turn, rounds=ROUNDS)
    fastest = {way: min(found) for way, found in seconds.items()}
    speed = {way: fastest["trainer"] / best for way, best in fastest.items()}
    benchmark.extra_info["times as fast as the Trainer"] = speed
    with capsys.disabled():
        print(f"\n{corpus}, {sum(map(len, waves)) / 16000:.0f} s of audio, {RECIPE.epochs} epochs")
        for way, best in fastest.items():
            print(f"  {way:20} {best:6.2f} s  {speed[way]:5.2f} times the Trainer's speed")
    assert speed[OURS] > CLAIMS.get(corpus, 0.0)
    for way, best in fastest.items() if corpus in CLAIMS else ():
        ratios.heard(f"fine-tuning, {corpus}", way, best)

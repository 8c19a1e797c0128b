"""Fine-tuning beside what a user would write instead: the Trainer of transformers.

The same network from the same checkpoint, the same utterances, steps, learning rate, precision and
threads, convolutions frozen, two epochs from the start, no validation. By default a small wav2vec
2.0 with random weights on noise of RAVDESS-like and IEMOCAP-like lengths. With SERBENCH_BENCH_DATA
(a RAVDESS folder) and SERBENCH_BENCH_CHECKPOINT (an encoder of transformers) that encoder on the
first training set of RAVDESS.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from serbench_torch.devices import threads
from serbench_torch.training import Steps
from serbench_transformers import checkpoints, loading
from serbench_transformers.learning import Labelled, Scorer, Stems, task
from serbench_transformers.network import Network
from serbench_transformers.recipes import Recipe

pytest.importorskip("accelerate", reason="the Trainer needs it")

COUNT, LABELS, THREADS = 64, 4, 2
RECIPE = Recipe("cross-entropy", "linear", 2)
SMALL = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "conv_dim": (64,) * 7,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
}
# seconds; RAVDESS, trimmed, has a mean of 3.1, IEMOCAP's logarithms have 1.31 and a spread of 0.63
LENGTHS = {
    "RAVDESS-like": lambda random: random.uniform(2.2, 4.2, COUNT),
    "IEMOCAP-like": lambda random: np.clip(random.lognormal(1.31, 0.63, COUNT), 0.6, 34.0),
}


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
    return ["RAVDESS"] if "SERBENCH_BENCH_DATA" in os.environ else sorted(LENGTHS)


def _examples(corpus):
    """Waves and their labels."""
    random = np.random.default_rng(0)
    if corpus in LENGTHS:
        waves = [
            random.normal(0, 0.1, int(16000 * length)).astype(np.float32)
            for length in LENGTHS[corpus](random)
        ]
        return waves, np.arange(COUNT) % LABELS
    from serbench import audio
    from serbench_corpora.ravdess import Ravdess

    read = Ravdess().read(Path(os.environ["SERBENCH_BENCH_DATA"])).utterances[::15]
    return [audio.read(one.path) for one in read], np.arange(len(read)) % LABELS


def _ours(checkpoint, waves, truth):
    model = loading.classifier(checkpoint, [str(n) for n in range(LABELS)], head="projector")
    network = Network(model, loading.encoder_of(model, checkpoint.folder), 0)
    scorer = Scorer(network, RECIPE.loss, "cpu", "float32")
    train, nobody = Labelled(Stems(scorer, waves), truth), Labelled(Stems(scorer, []), truth[:0])
    todo = task(scorer, train, nobody, RECIPE, 0)
    steps = Steps(todo)

    def run():
        network.train()
        for epoch in range(1, RECIPE.epochs + 1):
            for batch in todo.batches(epoch):
                steps.take(batch)

    return run


def _trainer(strategy):
    def made(checkpoint, waves, truth, folder):
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
                "length": len(wave),
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
            num_train_epochs=RECIPE.epochs,
            learning_rate=RECIPE.lr,
            train_sampling_strategy=strategy,
            optim="adamw_torch_fused",
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        return Trainer(model, arguments, data_collator=collate, train_dataset=data).train

    return made


WAYS = {
    "trainer": _trainer("random"),
    "trainer, by length": _trainer("group_by_length"),
    "ours": None,
}


@pytest.mark.parametrize("corpus", _corpora())
@pytest.mark.parametrize("way", WAYS)
def test_two_epochs(benchmark, checkpoint, tmp_path, corpus, way):
    benchmark.group = f"fine-tuning, two epochs, {corpus}"
    waves, truth = _examples(corpus)

    def setup():
        made = WAYS[way]
        run = made(checkpoint, waves, truth, tmp_path) if made else _ours(checkpoint, waves, truth)
        return (run,), {}

    with threads(THREADS):
        benchmark.pedantic(lambda run: run(), setup=setup, rounds=2, warmup_rounds=1)
    benchmark.extra_info["seconds of audio"] = float(sum(map(len, waves)) / 16000)

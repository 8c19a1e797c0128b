"""Fine-tuning beside what a user would write instead: the Trainer of transformers.

The same network from the same checkpoint, the same utterances, steps, learning rate, precision and
threads, convolutions frozen, two epochs from the start, no validation. By default a small wav2vec
2.0 with random weights on noise as long as utterances of RAVDESS and IEMOCAP are. With
SERBENCH_BENCH_DATA (a RAVDESS folder) and SERBENCH_BENCH_CHECKPOINT (an encoder of transformers)
that encoder on a part of RAVDESS; Whisper's own front end, which the Trainer gets its inputs of,
makes each 30 s long, whatever was said. All ways take turns, and the fastest round of each counts.
By length, the Trainer sorts 16 utterances for every 64 that there are, ours all of so few.

With SERBENCH_BENCH_DEVICE=cuda the encoder is as large as wav2vec2-large, in bfloat16 all ways.
"""

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from serbench_corpora.iemocap import Iemocap
from serbench_corpora.ravdess import Ravdess
from serbench_torch.devices import arithmetic
from serbench_torch.training import Steps
from serbench_transformers.checkpoints import loading
from serbench_transformers.checkpoints.checkpoint import resolve
from serbench_transformers.encoders.batching import LAYOUTS
from serbench_transformers.finetuning.learning import Labelled, Scorer, Stems, task
from serbench_transformers.finetuning.network import Network
from serbench_transformers.finetuning.recipes import Recipe

pytest.importorskip("accelerate", reason="the Trainer needs it")

LABELS = 4
DEVICE = os.environ.get("SERBENCH_BENCH_DEVICE", "cpu")
PRECISION = "bfloat16" if DEVICE == "cuda" else "float32"
CLAIM = 2.0  # times as fast as the Trainer, with a real encoder on real utterances
# of one thread the processor's time is what it takes, whoever else is at work
THREADS = 1
RECIPE = Recipe("cross-entropy", "linear", 2)
CONFIG = {
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
}


@dataclass(frozen=True)
class Like:
    """Utterances as long as a corpus's, and an encoder.

    Its arithmetic has the proportions of wav2vec2-base, whose convolutions need 0.6 of what its
    layers do. It is as wide as the time allows: the narrower, the more is overhead, which grows
    with the utterances and not with their padding.

    Attributes:
        dataset: the corpus.
        count: of utterances.
        width: of a frame.
        layers: how many.
        channels: of the convolutions.
        claim: how many times as fast as the Trainer packed batches are at least.
        rounds: of which the fastest counts.
    """

    dataset: type
    count: int
    width: int
    layers: int
    channels: int
    claim: float
    rounds: int

    @property
    def config(self):
        """The words of the encoder's configuration."""
        return CONFIG | {
            "num_conv_pos_embeddings": 32 if self.width < 1024 else 128,
            "num_conv_pos_embedding_groups": 2 if self.width < 1024 else 16,
            "hidden_size": self.width,
            "intermediate_size": 4 * self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": max(2, self.width // 64),
            "conv_dim": (self.channels,) * 7,
        }


LIKE = {
    "IEMOCAP-like": Like(Iemocap, 128, width=48, layers=2, channels=16, claim=4.0, rounds=1),
    "RAVDESS-like": Like(Ravdess, 32, width=192, layers=4, channels=64, claim=1.3, rounds=3),
}
if DEVICE == "cuda":
    LARGE = {"count": 256, "width": 1024, "layers": 24, "channels": 512, "rounds": 2}
    LIKE = {
        "IEMOCAP-like": Like(Iemocap, claim=2.5, **LARGE),
        "RAVDESS-like": Like(Ravdess, claim=1.3, **LARGE),
    }


def _checkpoint(corpus, folder):
    if corpus not in LIKE:
        return resolve(os.environ["SERBENCH_BENCH_CHECKPOINT"])
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForSequenceClassification,
    )

    config = Wav2Vec2Config(**LIKE[corpus].config)
    Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return resolve(str(folder))


REAL = ("SERBENCH_BENCH_DATA", "SERBENCH_BENCH_CHECKPOINT")


def _corpora():
    return ["RAVDESS"] if any(map(os.environ.get, REAL)) else sorted(LIKE)


def _examples(corpus):
    """Waves and their labels."""
    random = np.random.default_rng(1)
    if corpus in LIKE:
        known, count = LIKE[corpus].dataset().lengths(), LIKE[corpus].count
        seconds = known.trimmed * np.interp(
            random.uniform(0, 100, count), known.percent, known.seconds
        )
        samples = (16000 * seconds).astype(int)
        waves = [random.normal(0, 0.1, length).astype(np.float32) for length in samples]
        return waves, np.arange(count) % LABELS
    from serbench.features import audio

    read = Ravdess().read(Path(os.environ["SERBENCH_BENCH_DATA"])).utterances[::15]
    return [audio.read(one.path) for one in read], np.arange(len(read)) % LABELS


def _ours(batching):
    def made(checkpoint, waves, truth, epochs, _):
        return _loop(checkpoint, waves, truth, epochs, batching)

    return made


def _loop(checkpoint, waves, truth, epochs, batching):
    model = loading.classifier(checkpoint, [str(n) for n in range(LABELS)], head="projector")
    encoder = loading.encoder_of(model, checkpoint.folder)
    network = Network(model, encoder, 0, None, LAYOUTS[batching]).to(DEVICE)
    scorer = Scorer(network, RECIPE.loss, DEVICE, batching)
    train = Labelled(Stems(scorer, waves, PRECISION), truth)
    nobody = Labelled(Stems(scorer, []), truth[:0])
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
            use_cpu=DEVICE == "cpu",
            bf16=PRECISION == "bfloat16",
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


def _now():
    """Seconds of the processor's time, or, once a GPU is done, of the clock."""
    if DEVICE == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


@pytest.mark.parametrize("corpus", _corpora())
def test_two_epochs(benchmark, ratios, tmp_path, capsys, corpus):
    missing = [name for name in REAL if not os.environ.get(name)]
    if corpus not in LIKE and missing:
        pytest.skip(f"set {missing[0]} too: a real encoder needs a RAVDESS folder to learn from")
    benchmark.group = "fine-tuning, all ways together"
    checkpoint = _checkpoint(corpus, tmp_path / "encoder")
    waves, truth = _examples(corpus)
    seconds = {way: [] for way in WAYS}

    def in_turn():
        for way, made in WAYS.items():
            run = made(checkpoint, waves, truth, RECIPE.epochs, tmp_path)
            started = _now()
            run()
            seconds[way].append(_now() - started)

    with arithmetic(THREADS):
        for made in WAYS.values():  # whatever happens once in a process
            made(checkpoint, waves[: RECIPE.batch], truth[: RECIPE.batch], 1, tmp_path)()
        benchmark.pedantic(in_turn, rounds=LIKE[corpus].rounds if corpus in LIKE else 1)
    fastest = {way: min(found) for way, found in seconds.items()}
    speed = {way: fastest["trainer"] / best for way, best in fastest.items()}
    benchmark.extra_info["times as fast as the Trainer"] = speed
    with capsys.disabled():
        print(f"\n{corpus}, {sum(map(len, waves)) / 16000:.0f} s of audio, {RECIPE.epochs} epochs")
        for way, best in fastest.items():
            print(f"  {way:20} {best:6.2f} s  {speed[way]:5.2f} times the Trainer's speed")
    assert speed[OURS] > (LIKE[corpus].claim if corpus in LIKE else CLAIM)
    of = corpus if corpus in LIKE else f"{corpus}, {checkpoint.folder.name}"
    of += "" if DEVICE == "cpu" else f", {DEVICE}"
    for way, best in fastest.items():
        ratios.heard(f"fine-tuning, {of}", way, best)

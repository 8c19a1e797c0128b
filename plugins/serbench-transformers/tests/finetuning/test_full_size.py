"""The paper's M2 in its full size, with random weights: equality, and the memory of a step."""

import json
import subprocess
import sys

import pytest

# of jonatasgrosman/wav2vec2-large-xlsr-53-english, as its config.json has it
XLSR = {
    "activation_dropout": 0.05,
    "attention_dropout": 0.1,
    "conv_bias": True,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "feat_proj_dropout": 0.05,
    "final_dropout": 0.1,
    "hidden_dropout": 0.05,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "layerdrop": 0.05,
    "mask_time_prob": 0.05,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "vocab_size": 33,
}
LABELS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")

STEP = """
import sys, resource, dataclasses
import numpy as np
import torch
from pathlib import Path
from serbench_transformers.checkpoints import checkpoint, loading
from serbench_transformers.finetuning.learning import Labelled, Scorer, Stems, task
from serbench_transformers.finetuning.network import Network
from serbench_transformers.finetuning.recipes import RECIPES

folder, checkpointing, labels = Path(sys.argv[1]), sys.argv[2] == "yes", sys.argv[3].split(",")
torch.set_num_threads(2)
found = checkpoint.resolve(str(folder), weights=False)
model = loading.classifier(found, labels, head="linear", weights="random")
network = Network(model, loading.encoder_of(model, found.folder), 0)
if checkpointing:
    model.activation_checkpointing_enable({"use_reentrant": False})
scorer = Scorer(network, "bce", "cpu")
waves = [np.random.default_rng(i).normal(0, 0.1, 64000).astype(np.float32) for i in range(4)]
truth = np.arange(4)
recipe = dataclasses.replace(RECIPES["paper"], batch=4)
train, validation = (Labelled(Stems(scorer, each), truth) for each in (waves, []))
todo = task(scorer, train, validation, recipe, 0)
network.train()
for batch in todo.batches(1):
    todo.optimizer.zero_grad()
    loss = todo.loss(batch)
    loss.backward()
    todo.optimizer.step()
assert torch.isfinite(loss)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2)
"""


@pytest.fixture
def xlsr(tmp_path):
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor

    Wav2Vec2Config(**XLSR).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(
        tmp_path
    )
    return tmp_path


@pytest.mark.slow
def test_forward_is_that_of_transformers_and_alone_is_as_in_a_batch(xlsr):
    import numpy as np
    import torch

    from serbench_transformers.checkpoints import checkpoint, loading
    from serbench_transformers.finetuning.network import Network

    found = checkpoint.resolve(str(xlsr), weights=False)
    model = loading.classifier(found, LABELS, head="linear", weights="random").eval()
    torch.nn.init.normal_(model.classifier.weight)  # so that scores differ by more than rounding
    network = Network(model, loading.encoder_of(model, found.folder), 0).eval()
    identity = 1024 * 1025  # the projector, which `head="linear"` leaves as it is
    assert sum(each.numel() for each in network.parameters()) - identity == 315_446_920
    lengths = (24000, 64000, 40000, 30000)
    random = np.random.default_rng(0)
    waves = [random.normal(0, 0.1, length).astype(np.float32) for length in lengths]
    prepared = [network.encoder.preprocess(wave) for wave in waves]
    with torch.inference_mode():
        ours = network(network.stems(prepared))
        model.config._attn_implementation = "sdpa"
        theirs = torch.cat([model(each[None]).logits for each in prepared])
    assert ours.std(dim=0).min() > 0.05
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("checkpointing", "gigabytes"), [("no", 8), ("yes", 6)])
def test_a_training_step_of_four_utterances_of_four_seconds_fits(xlsr, checkpointing, gigabytes):
    command = [sys.executable, "-c", STEP, xlsr, checkpointing, ",".join(LABELS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = float(done.stdout.split()[-1])
    print(json.dumps({"checkpointing": checkpointing, "peak_gb": round(peak, 2)}))
    assert 5 < peak < gigabytes

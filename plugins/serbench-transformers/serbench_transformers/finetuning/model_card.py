"""Write the README of an exported checkpoint: its origin, and its use with plain transformers."""

from collections.abc import Mapping
from pathlib import Path

from serbench import replacing
from serbench_transformers.finetuning.learning import Scorer

_PAGE = """---
library_name: transformers
license: {licence}
base_model: {checkpoint}
---

A speech emotion classifier, made with serbench from `{checkpoint}` (revision {revision}). It takes
mono audio of 16 kHz, one utterance of 0.1 s or more at a time, with silence at both ends cut as in
the training run. A `pipeline` that pads or computes probabilities differently gives other scores.

```python
import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

extractor = AutoFeatureExtractor.from_pretrained(folder)
model = AutoModelForAudioClassification.from_pretrained(folder)
{table}

def probabilities(wave):
    inputs = extractor(wave, sampling_rate=16000, padding="longest", return_tensors="pt")
{cut}    with torch.inference_mode():
        logits = model(**inputs).logits[0]
    return {probabilities}


label = model.config.id2label[int(probabilities(wave).argmax())]
```
"""

# transformers accepts only 30 s for Whisper; the model was trained on each utterance's own length
_TABLE = """positions = model.encoder.embed_positions.weight
"""
_CUT = """    frames = inputs["input_features"].shape[-1] // 2  # its own length
    inputs = {"input_features": inputs["input_features"][..., : 2 * frames]}
    model.encoder.embed_positions = torch.nn.Embedding.from_pretrained(positions[:frames])
    model.config.max_source_positions = frames
"""

_PROBABILITIES = {
    "softmax": "logits.softmax(-1)",
    "sigmoid": "logits.sigmoid() / logits.sigmoid().sum()",
}


def write(folder: Path, facts: Mapping[str, object], scorer: Scorer) -> None:
    """Write README.md."""
    whisper = scorer.network.model.config.model_type == "whisper"
    page = _PAGE.format(
        **{name: facts[name] for name in ("licence", "checkpoint", "revision")},
        table=_TABLE if whisper else "",
        cut=_CUT if whisper else "",
        probabilities=_PROBABILITIES[scorer.link],
    )
    with replacing(folder / "README.md") as temporary:
        temporary.write_text(page, encoding="utf-8")

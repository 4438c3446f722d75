"""Makes fixtures/preprocess/dinov3.json: what transformers' DINOv3ViTImageProcessor makes of pictures.

    python -m venv .venv && .venv/bin/pip install torch torchvision transformers pillow
    .venv/bin/python packages/core/scripts/make-dinov3-cases.py

Run it only to make the file again. A formula makes the pictures, and test/dinov3.test.ts repeats it.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "scripts"))
from reference import picture  # before torchvision

import transformers

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "preprocess" / "dinov3.json"
# Shrunk, enlarged in one direction, of the size that is asked for.
CASES = [
    (97, 61, dict(size=dict(height=8, width=12))),
    (7, 30, dict(size=dict(height=9, width=11), resample=3)),
    (10, 6, dict(size=dict(height=6, width=10), do_normalize=False)),
]  # fmt: skip


def values(width, height, config):
    processor = transformers.DINOv3ViTImageProcessor(**config)
    x = processor(picture(width, height), return_tensors="pt")["pixel_values"]
    return dict(picture=[width, height], config=config, shape=list(x.shape), data=[round(v, 6) for v in x.flatten().tolist()])


made = dict(madeWith=f"transformers {transformers.__version__}", cases=[values(*case) for case in CASES])
OUT.write_text(json.dumps(made) + "\n")

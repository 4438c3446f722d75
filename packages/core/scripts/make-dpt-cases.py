"""Makes fixtures/preprocess/dpt.json: what transformers' DPTImageProcessor makes of pictures of many sizes.

    python -m venv .venv && .venv/bin/pip install torch torchvision transformers pillow
    .venv/bin/python packages/core/scripts/make-dpt-cases.py

Run it only to make the file again. A formula makes the pictures, and test/dpt-processor.test.ts repeats it.
"""

import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "scripts"))
from reference import picture  # before torchvision

import numpy as np
import PIL
import transformers
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil, get_resize_output_image_size

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "preprocess" / "dpt.json"
STATISTICS = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
# Depth Anything; DPT on MiDaS; edges that lie half-way between two multiples; neither proportions nor multiples.
RESIZES = [
    dict(size=dict(height=518, width=518), keep_aspect_ratio=True, ensure_multiple_of=14),
    dict(size=384, keep_aspect_ratio=True, ensure_multiple_of=32),
    dict(size=dict(height=42, width=63), keep_aspect_ratio=False, ensure_multiple_of=14),
    dict(size=dict(height=49, width=77), keep_aspect_ratio=True, ensure_multiple_of=14),
    dict(size=dict(height=21, width=33)),
]
PICTURES = [(640, 480), (480, 640), (518, 518), (1000, 667), (4032, 3024), (97, 61), (61, 97), (49, 77), (77, 49), (1, 1), (333, 1000)]
PIXELS = [
    (97, 61, dict(size=dict(height=42, width=42), keep_aspect_ratio=True, ensure_multiple_of=14, **STATISTICS)),
    (61, 97, dict(size=dict(height=56, width=42), keep_aspect_ratio=True, ensure_multiple_of=14, resample=2)),
    (30, 41, dict(size=dict(height=49, width=33), keep_aspect_ratio=False, ensure_multiple_of=14, resample=1)),
    (37, 52, dict(do_resize=False, do_pad=True, size_divisor=14, **STATISTICS)),
    (42, 28, dict(do_resize=False, do_pad=True, size_divisor=14)),
    (19, 45, dict(size=20, keep_aspect_ratio=True, do_pad=True, size_divisor=16, **STATISTICS)),
    # facebook/dpt-dinov2-*: bytes minus the mean in bytes.
    (23, 31, dict(do_resize=False, do_rescale=False, do_pad=True, size_divisor=14,
                  image_mean=[123.675, 116.28, 103.53], image_std=[58.395, 57.12, 57.375])),
]  # fmt: skip


def resized(config, width, height):
    size = config["size"] if isinstance(config["size"], dict) else dict(height=config["size"], width=config["size"])
    made = get_resize_output_image_size(
        np.zeros((1, height, width)),
        (size["height"], size["width"]),
        config.get("keep_aspect_ratio", False),
        config.get("ensure_multiple_of", 1),
    )
    return [width, height, made.width, made.height]


def pixels(width, height, config):
    processor = DPTImageProcessorPil(**config)
    x = processor(picture(width, height), return_tensors="np")["pixel_values"]
    digest = hashlib.sha256(np.ascontiguousarray(x, dtype="<f4").tobytes()).hexdigest()
    return dict(picture=[width, height], config=config, shape=list(x.shape), sha256=digest)


def main():
    sizes = [dict(config=config, sizes=[resized(config, *p) for p in PICTURES]) for config in RESIZES]
    made = dict(
        madeWith=f"transformers {transformers.__version__}, Pillow {PIL.__version__}; sizes are width, height, resized width, height",
        sizes=sizes,
        pixels=[pixels(*case) for case in PIXELS],
    )
    OUT.write_text(json.dumps(made) + "\n")
    print(len(made["pixels"]), "pictures,", OUT.stat().st_size, "bytes")


main()

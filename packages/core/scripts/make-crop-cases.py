"""Makes fixtures/preprocess/timm-crops.json: results of timm's evaluation transform on pictures of many sizes.

    python -m venv .venv && .venv/bin/pip install torch torchvision timm pillow
    .venv/bin/python packages/core/scripts/make-crop-cases.py

Run it only to make the file again. A formula makes the pictures, and test/timm-processor.test.ts repeats it.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "scripts"))
from reference import picture  # before torchvision

import timm

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "preprocess" / "timm-crops.json"
STATISTICS = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def case(width, height, **cfg):
    pretrained_cfg = STATISTICS | dict(interpolation="bicubic", crop_mode="center") | cfg
    data_config = timm.data.resolve_data_config(pretrained_cfg=pretrained_cfg)
    x = timm.data.create_transform(**data_config, is_training=False)(picture(width, height)).numpy()
    # The corners and the middle would differ with any other size, crop or filter.
    rows, columns = x.shape[1:]
    places = [(c, r, k) for c in range(3) for r in (0, rows // 2, rows - 1) for k in (0, columns // 2, columns - 1)]
    values = [float(f"{x[place]:.7g}") for place in places]
    return dict(picture=[width, height], pretrained_cfg=pretrained_cfg, shape=list(x.shape), values=values)


def main():
    cases = []
    for size, crop in ((64, 0.875), (64, 0.9), (64, 0.95), (64, 1.0), (62, 0.965), (56, 0.88)):
        for width, height in ((100, 75), (111, 83), (75, 100), (97, 61), (61, 97), (64, 64), (300, 101)):
            cases.append(case(width, height, input_size=[3, size, size], crop_pct=crop))
    for interpolation in ("bilinear", "nearest", "lanczos"):
        cases.append(case(101, 77, input_size=[3, 48, 48], crop_pct=0.9, interpolation=interpolation))
    for crop in (0.9, 1.0):
        for mode in ("center", "squash"):
            for sizes in ([3, 40, 72], [3, 72, 40]):
                for width, height in ((100, 75), (75, 100), (333, 251)):
                    cases.append(case(width, height, input_size=sizes, crop_pct=crop, crop_mode=mode))
    OUT.write_text(json.dumps(dict(madeWith=f"timm {timm.__version__}", cases=cases)) + "\n")
    print(len(cases), "cases,", OUT.stat().st_size, "bytes")


main()

"""Cuts random crops from the photographs that scikit-image carries, for measures/recall.mjs. Each photograph is a class.

    python benchmarks/photo-crops.py OUT [CROPS]     default: 50 crops of each

Needs scikit-image and pillow. The crops are not committed; the licences of the photographs are in skimage/data/README.txt.
"""

import sys
from pathlib import Path

import numpy
import skimage
from PIL import Image

out, crops = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 50
names = "astronaut brick camera cell chelsea clock_motion coffee coins grass gravel horse hubble_deep_field ihc moon motorcycle_left retina rocket".split()
random = numpy.random.default_rng(24)
for name in names:
    path = next((Path(skimage.__file__).parent / "data").glob(f"{name}.*"))
    picture = Image.open(path).convert("RGB")
    (out / name).mkdir(parents=True, exist_ok=True)
    for i in range(crops):
        edge = int(min(picture.size) * random.uniform(0.3, 0.8))
        left, top = (random.integers(0, size - edge + 1) for size in picture.size)
        box = (left, top, left + edge, top + edge)
        picture.crop(box).resize((256, 256), Image.BICUBIC).save(out / name / f"{i:03}.png")

"""Draws the pictures that measures/accuracy.mjs and measures/fine-tuned.mjs measure on: scenes of the demo model's recipe from fresh seeds.

First the artwork, in an empty folder:
    npm i --ignore-scripts sharp@0.35.5 @iconify-json/noto@1.2.9 @iconify-json/twemoji@1.2.5 @iconify-json/openmoji@1.2.29
    node ../packages/demo-model/recipe/rasterise_sprites.mjs sprites
Then, with Python 3.11, torch 2.13 (CPU), numpy and pillow:
    python accuracy-pictures.py --sprites sprites --out pictures

Writes OUT/SET/CLASS/NUMBER.png. No seed below is used in training or in the recipe's own evaluation sets. The pictures
hold artwork under CC BY 4.0 and CC BY-SA 4.0 (see the recipe) and are not committed.
"""
import argparse
import sys
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "packages/demo-model/recipe"))
from data import HELD_OUT_VENDORS, TRAIN_VENDORS, Scenes, load_sprites

BATCH = 50
SETS = {  # name: (vendors, seed, pictures)
    "test": (TRAIN_VENDORS, 920_001, 2000),
    "held-out": (HELD_OUT_VENDORS, 920_002, 500),
    "training": (TRAIN_VENDORS, 920_003, 1000),
    "validation": (TRAIN_VENDORS, 920_004, 1000),
    **{f"calibration-{k}": (TRAIN_VENDORS, 921_000 + k, 64) for k in range(10)},
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--sprites", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--sets", nargs="+", default=list(SETS))
    a = p.parse_args()
    for name in a.sets:
        vendors, seed, count = SETS[name]
        sprites, classes = load_sprites(a.sprites, vendors)
        scenes = Scenes(sprites, classes, 224, seed)
        # The classes take turns in the test sets. Calibration knows no labels, so there they come as they fall.
        balanced = torch.arange(count) % len(classes)
        for batch, labels in enumerate(balanced.split(BATCH)):
            given = None if name.startswith("calibration") else labels
            images, labels = scenes.batch(batch, len(labels), labels=given)
            pixels = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
            for k, (image, label) in enumerate(zip(pixels, labels.tolist())):
                folder = Path(a.out) / name / classes[label].replace(" ", "_")
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(folder / f"{batch * BATCH + k:04d}.png")
        print(name, count, flush=True)


if __name__ == "__main__":
    main()

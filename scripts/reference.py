"""What the scripts share that ask the reference libraries, torchvision, timm and transformers, for right answers."""

import numpy as np
import torch
from PIL import Image


def stand_in_for_operators():
    """Builds of torchvision without operators cannot be imported otherwise; none of them is used here."""
    try:
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        return None
    # They go when this goes.
    return operators


OPERATORS = stand_in_for_operators()


def picture(width, height):
    """Smooth, with some structure. The tests repeat the formula."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(13 * x + 7 * y + x * y // 8) % 256, (31 * (x // 2) + 11 * y) % 256, (5 * (x ^ y) + y // 4) % 256]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))

"""Code shared by the scripts that make expected results with the reference libraries torchvision, timm and transformers."""

import numpy as np
import torch
from PIL import Image


def stand_in_for_operators():
    """Lets torchvision be imported if it was built without its operators, none of which is used here."""
    try:
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        return None
    # The operators exist only as long as this object, so the caller keeps it.
    return operators


OPERATORS = stand_in_for_operators()


def picture(width, height):
    """A smooth picture with some structure. The tests repeat this formula."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(13 * x + 7 * y + x * y // 8) % 256, (31 * (x // 2) + 11 * y) % 256, (5 * (x ^ y) + y // 4) % 256]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))

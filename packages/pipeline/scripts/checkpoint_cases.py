"""Makes the cases of make-checkpoint-cases.py: weights from a recipe, files as a library writes them, and its answers."""

import copy
import json
import math
import pathlib
import sys
import tempfile

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "scripts"))
from reference import picture  # before torchvision

import timm
import transformers
from timm.models._hub import save_config_for_hf

CASES = []
VERSIONS = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, timm {timm.__version__}"


def recipe(seed, index, shape, kind):
    """Values hashed from their position, all exact in float32. `kind` scales them: see test/checkpoint-recipe.ts."""
    size = math.prod(shape)
    u = np.uint64
    i = np.arange(1, size + 1, dtype=u)
    mask = u(0xFFFFFFFF)
    h = (i * u(0x9E3779B1)) & mask
    h ^= ((u(index + 1) * u(0x85EBCA6B)) & mask) ^ ((u(seed) * u(0xC2B2AE35)) & mask)
    h = ((h ^ (h >> u(16))) * u(0x7FEB352D)) & mask
    h = ((h ^ (h >> u(15))) * u(0x846CA68B)) & mask
    h ^= h >> u(16)
    unit = (h.astype(np.int64) % 2048 - 1024) / 1024
    if kind == "gain":
        values = 1 + unit / 4
    elif kind == "small":
        values = unit / 4
    else:
        fan = math.prod(shape[1:])
        values = 2 * unit * 2.0 ** -round(math.log2(fan) / 2)
    return values.reshape(shape)


def kind_of(name, shape):
    if len(shape) > 1 and math.prod(shape[1:]) > 1:
        return "matrix"
    norm = any(part in name for part in ("norm", "gamma", "lambda", "ls1", "ls2")) and not name.endswith("bias")
    return "gain" if norm else "small"


def fill(model, seed):
    """Sets the model's parameters from a recipe, and returns the recipe: [name, shape, kind] of each."""
    state = model.state_dict()
    tensors = []
    for index, (name, value) in enumerate(state.items()):
        if not value.is_floating_point():
            continue
        # Tables of tokens and positions are added and not multiplied, so they need no scaling as matrices.
        table = any(part in name for part in ("cls_token", "pos_embed", "position_embedding", "class_embedding", "reg_token", "dist_token", "distillation_token", "mask_token", "logit_scale"))
        kind = "small" if table else kind_of(name, value.shape)
        tensors.append([name, list(value.shape), kind])
        state[name] = torch.from_numpy(np.array(recipe(seed, len(tensors) - 1, tuple(value.shape), kind))).to(value.dtype)
    model.load_state_dict(state)
    return tensors


def numbers(values):
    return [float(f"{v:.9g}") for v in np.asarray(values, dtype=np.float64).ravel()]


class Case:
    """One checkpoint. `with_` derives variants, as people change published files."""

    def __init__(self, id, right, seed, files, tensors, tests):
        self.data = dict(id=id, right=right, madeWith=VERSIONS, seed=seed, files=files, tensors=tensors, tests=tests)

    def write(self):
        CASES.append(self.data)

    def with_(self, id, right, files=None, rename=None, more=(), tests=None, **fields):
        data = copy.deepcopy(self.data) | dict(id=id, right=right)
        if files is not None:
            data["files"] = files(data["files"])
        if rename is not None:
            data["tensors"] = [[rename(name), *rest] for name, *rest in data["tensors"]]
        data["tensors"] += [list(extra) for extra in more]
        if tests is not None:
            data["tests"] = tests
        data |= fields
        case = Case.__new__(Case)
        case.data = data
        case.write()
        return case


MEAN, STD = [0.5, 0.4, 0.3], [0.25, 0.3, 0.2]


class Processor:
    """Saves the usual processor, but computes with the one on Pillow, because torchvision's resizing rounds differently."""

    def __init__(self, kind, **fields):
        fields = dict(image_mean=MEAN, image_std=STD) | fields
        self.saved = getattr(transformers, f"{kind}ImageProcessor")(**fields)
        self.pillow = getattr(transformers, f"{kind}ImageProcessorPil")(**fields)

    def save_pretrained(self, folder):
        self.saved.save_pretrained(folder)

    def __call__(self, image):
        return self.pillow(image, return_tensors="np")["pixel_values"]


processor_of = Processor


def probabilities(config, logits):
    if getattr(config, "problem_type", None) == "regression":
        return None
    if getattr(config, "problem_type", None) == "multi_label_classification" or len(logits) == 1:
        return numbers(1 / (1 + np.exp(-np.asarray(logits))))
    e = np.exp(np.asarray(logits) - max(logits))
    return numbers(e / e.sum())


def hugging_face(id, right, seed, model, processor, outputs, drop_files=(), change=None, processor_class=None):
    tensors = fill(model.eval(), seed)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        from safetensors import safe_open

        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            saved = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}
        files = {"config.json": json.loads(pathlib.Path(folder, "config.json").read_text())}
        if processor is not None:
            processor.save_pretrained(folder)
            files["preprocessor_config.json"] = json.loads(pathlib.Path(folder, "preprocessor_config.json").read_text())
    # Names on disk may differ from those of the module. `rename_to_saved` then finds the pairs by shape and value.
    by_module = {name: (name, *rest) for name, *rest in tensors}
    stored = []
    if set(saved) == set(by_module):
        stored = tensors
    else:
        stored = rename_to_saved(model, saved, tensors)
    for name in drop_files:
        files.pop(name, None)
    if change:
        change(files)
    with torch.no_grad():
        x = torch.from_numpy(np.asarray(processor(picture(50, 37)))).double()
        found = outputs(model.double(), x)
    tests = []
    for task, values in found.items():
        test = dict(task=task, values=numbers(values))
        if task == "image-classification":
            labels = [str(model.config.id2label[i]) for i in range(len(test["values"]))]
            test |= dict(labels=labels, probabilities=probabilities(model.config, test["values"]))
        tests.append(test)
    case = Case(id, right, seed, files, stored, tests)
    case.write()
    return case


def rename_to_saved(model, saved, tensors):
    """Replaces names by those on disk, which transformers may change while saving. The recipe makes all values unique."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        from safetensors.torch import load_file

        values = load_file(f"{folder}/model.safetensors")
    state = model.state_dict()
    pairs = []
    for name, shape, kind in tensors:
        match = [k for k, v in values.items() if list(v.shape) == shape and torch.equal(v, state[name].to(v.dtype))]
        if match:
            pairs.append([match[0], shape, kind])
        else:
            pairs.append([f"!{name}", shape, kind])  # Not saved, but it uses up its index in the recipe.
    return pairs


def of_timm(id, right, seed, architecture, size=32, model_args=None, pretrained=None, labels=None, feature=False, change=None, num_classes=3):
    tiny = dict(embed_dim=24, depth=2, num_heads=2, patch_size=8, img_size=size) | (model_args or {})
    tiny = {k: v for k, v in tiny.items() if v != "default"}
    model = timm.create_model(architecture, num_classes=num_classes, **tiny).eval()
    tensors = fill(model, seed)
    cfg = dict(input_size=[3, size, size], fixed_input_size=True, interpolation="bicubic", crop_pct=0.9, crop_mode="center", mean=MEAN, std=STD) | (pretrained or {})
    model.pretrained_cfg = dict(model.pretrained_cfg) | cfg
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.json")
        extra = dict(label_names=labels) if labels else {}
        save_config_for_hf(model, path, model_config=extra, model_args=tiny)
        config = json.loads(path.read_text())
    data_config = timm.data.resolve_data_config(pretrained_cfg=model.pretrained_cfg)
    transform = timm.data.create_transform(**data_config, is_training=False)
    x = transform(picture(50, 37)).unsqueeze(0).double()
    with torch.no_grad():
        y = model.double()(x)[0].numpy()
    test = dict(task="image-feature-extraction" if num_classes == 0 else "image-classification", values=numbers(y))
    if num_classes:
        names = labels or [f"LABEL_{i}" for i in range(num_classes)]
        test |= dict(labels=names, probabilities=probabilities(object(), test["values"]))
    files = {"config.json": config}
    if change:
        change(files)
    case = Case(id, right, seed, files, tensors, [test])
    case.write()
    return case


def logits(model, x):
    return {"image-classification": model(x).logits[0]}


def hidden_class(model, x):
    return {"image-feature-extraction": model(x).last_hidden_state[0, 0]}


def image_features(model, x):
    features = model.get_image_features(pixel_values=x)
    return {"image-feature-extraction": getattr(features, "pooler_output", features)[0]}

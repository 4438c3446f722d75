"""Makes core's tables about other libraries: the arguments behind timm's names of plain ViTs, and the defaults of
transformers' image processors.

    python -m venv .venv && .venv/bin/pip install torch timm transformers torchvision pillow
    .venv/bin/python packages/core/scripts/make-tables.py           # writes both files
    .venv/bin/python packages/core/scripts/make-tables.py --check   # builds every listed model of timm and compares it

Run it only after a release of timm or transformers. The files that it writes are committed.
"""

import json
import pathlib
import sys
import warnings

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "scripts"))
import reference  # before torchvision

import timm
import timm.models.deit
import timm.models.eva
import timm.models.vision_transformer
import transformers
from timm.models import _registry
from transformers.image_processing_backends import TorchvisionBackend
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

SOURCE = pathlib.Path(__file__).parent.parent / "src"
MODULES = (timm.models.vision_transformer, timm.models.deit, timm.models.eva)

# Arguments that `parseModelConfig` understands, and arguments that do not change inference or are in the checkpoint's files.
UNDERSTOOD = {
    "img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias", "init_values", "class_token",
    "no_embed_class", "reg_tokens", "pre_norm", "fc_norm", "global_pool", "act_layer", "dynamic_img_size", "num_classes",
}  # fmt: skip
# The same for the class Eva, whose arguments have other names.
UNDERSTOOD_OF_EVA = {
    "img_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "qkv_bias", "qkv_fused", "swiglu_mlp",
    "swiglu_align_to", "scale_mlp", "init_values", "class_token", "no_embed_class", "num_reg_tokens", "use_fc_norm",
    "use_abs_pos_emb", "use_rot_pos_emb", "rope_type", "rope_temperature", "ref_feat_shape", "global_pool",
    "dynamic_img_size", "num_classes",
}  # fmt: skip
PLUMBING = {
    "pretrained_filter_fn", "pretrained_strict", "feature_cfg", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir",
    "weight_init", "fix_init",
}  # fmt: skip


def entry_arguments(name):
    """The class that the entry point of `name` constructs, and its arguments: (class, arguments)."""
    caught = {}

    class Caught(Exception):
        pass

    def catch(model_class, variant, pretrained, **arguments):
        caught.update(model_class=model_class, arguments=arguments)
        raise Caught

    originals = [module.build_model_with_cfg for module in MODULES]
    try:
        for module in MODULES:
            module.build_model_with_cfg = catch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            timm.model_entrypoint(name)()
    except Caught:
        pass
    finally:
        for module, original in zip(MODULES, originals):
            module.build_model_with_cfg = original
    return caught["model_class"].__name__, {k: v for k, v in caught["arguments"].items() if k not in PLUMBING}


def function_of(value):
    """The class or function inside partial applications, and the arguments that they apply."""
    applied = {}
    while hasattr(value, "func"):
        applied = {**value.keywords, **applied}
        value = value.func
    return value, applied


def translated(name, model_class, arguments):
    """The arguments as the table holds them, or the reason as text if core cannot run the model."""
    if model_class == "Eva":
        return translated_eva(arguments)
    out = {}
    if model_class == "VisionTransformerDistilled":
        out["distilled"] = True
    for key, value in arguments.items():
        if key in UNDERSTOOD:
            if key == "act_layer" and not isinstance(value, str):
                value = {"SiLU": "silu", "GELU": "gelu"}.get(value.__name__, value.__name__)
            if key == "global_pool" and value not in ("token", "avg", "map", ""):
                return f"its head pools by '{value}'"
            out[key] = list(value) if isinstance(value, tuple) else value
        elif key == "norm_layer":
            kind, applied = function_of(value)
            if getattr(kind, "__name__", kind) != "LayerNorm" or set(applied) - {"eps"}:
                return "its norms are no layer norms"
            out["norm_eps"] = applied["eps"]
        elif key == "mlp_layer":
            kind, applied = function_of(value)
            if kind.__name__ == "SwiGLUPacked" or (
                kind.__name__ == "GluMlp" and applied.get("gate_last") is False and applied["act_layer"].__name__ == "SiLU"
            ):
                out["mlp_layer"] = "swiglu_packed"
            else:
                return f"its MLP is {kind.__name__}"
        elif key in ("final_norm", "proj_bias"):
            if not value:
                return {"final_norm": "it has no final norm", "proj_bias": "its projections have no bias"}[key]
        elif value is False or value is None:
            continue
        else:
            return {
                "qk_norm": "it normalises queries and keys",
                "scale_attn_norm": "it has norms inside the attention",
                "scale_mlp_norm": "it has norms inside the MLP",
                "block_fn": f"its blocks are {getattr(value, '__name__', value)}",
                "attn_layer": f"its attention is '{value}'",
                "embed_norm_layer": "it normalises patches",
                "pool_include_prefix": "its mean includes the class token",
            }.get(key, f"{key} is {value}")
    return out


def translated_eva(arguments):
    """The same for the class Eva. Its mean pooling is a default of the class."""
    rotary = arguments.get("use_rot_pos_emb", False)
    reasons = {
        "attn_type": "its attention is '{}'",
        "scale_attn_inner": "it has norms inside the attention",
        "use_post_norm": "its norms follow the attention and the MLP",
        "use_pre_transformer_norm": "it normalises the input of its blocks",
        "rope_grid_offset": "its rotary positions start at {}",
        "rope_grid_indexing": "its rotary positions are ordered '{}'",
    }
    out = {"eva": True, "global_pool": "avg"}
    for key, value in arguments.items():
        if key == "norm_layer":
            kind, applied = function_of(value)
            if kind.__name__ != "LayerNorm" or set(applied) - {"eps"}:
                return "its norms are no layer norms"
            out["norm_eps"] = applied.get("eps", 1e-6)
        elif key == "rope_rotate_half":
            if value != (arguments.get("rope_type") == "dinov3"):
                return "its rotary positions pair other channels"
        elif key == "rope_type" and value not in ("cat", "dinov3"):
            return f"its rotary positions are '{value}'"
        elif key in UNDERSTOOD_OF_EVA:
            out[key] = list(value) if isinstance(value, tuple) else value
        elif value not in (False, None):
            return reasons.get(key, f"{key} is {{}}").format(value)
    if not rotary:
        out = {key: value for key, value in out.items() if not key.startswith("rope_") and key != "ref_feat_shape"}
    return out


def models_of_timm():
    names = sorted(name for module in ("vision_transformer", "deit", "eva") for name in timm.list_models(module=module))
    models, refused = {}, {}
    for name in names:
        what = translated(name, *entry_arguments(name))
        size = timm.get_pretrained_cfg(name).input_size
        if isinstance(what, dict) and size != (3, 224, 224):
            what["input_size"] = list(size)
        (refused if isinstance(what, str) else models)[name] = what
    aliases = {}
    for old, new in sorted(_registry._deprecated_models.items()):
        target = (new or "").split(".")[0]
        if target in models and old not in models:
            aliases[old] = target
    others = {}
    for module, why in (
        ("vision_transformer_hybrid", "convolutions stand before its blocks"),
        ("vision_transformer_relpos", "its positions are relative"),
        ("vision_transformer_sam", "it attends in windows"),
        ("naflexvit", "its pictures keep their proportions (NaFlex)"),
        ("beit", "its positions are relative"),
    ):
        for name in sorted(timm.list_models(module=module)):
            others[name] = why
    return models, {**refused, **others}, aliases


# Processors with steps of their own that core has, and the fields of these steps. A value stands for code without a field.
OWN_STEPS = {
    "DPTImageProcessor": {"ensure_multiple_of": None, "keep_aspect_ratio": None, "do_pad": None},
    "DINOv3ViTImageProcessor": {"rescale_first": True},
}


def processors_of_transformers():
    """Defaults of those image processors that only resize, crop, rescale and normalise, and of those in OWN_STEPS."""
    types, defaults = {}, {}
    fields = (
        "do_resize", "size", "default_to_square", "resample", "do_center_crop", "crop_size", "do_rescale",
        "rescale_factor", "do_normalize", "image_mean", "image_std",
    )  # fmt: skip
    for model_type, names in IMAGE_PROCESSOR_MAPPING_NAMES.items():
        name = names.get("torchvision")
        cls = getattr(transformers, name, None) if name else None
        if cls is None or not issubclass(cls, TorchvisionBackend):
            continue
        own = {}
        for base in cls.__mro__[: cls.__mro__.index(TorchvisionBackend)]:
            for key, value in vars(base).items():
                if not key.startswith("__") and key not in ("_abc_impl", "model_input_names"):
                    own.setdefault(key, value)
        # `post_process_*` methods read outputs. Any other method that a processor overrides changes its pixels.
        code = [k for k, v in own.items() if (callable(v) or isinstance(v, (classmethod, staticmethod, property))) and not k.startswith("post_process")]
        steps = OWN_STEPS.get(name, {})
        changes = own.get("do_pad") or own.get("do_normalize") is False or [k for k in code if k != "valid_kwargs"]
        if changes and not steps:
            continue
        short = name.removesuffix("ImageProcessor")
        values = {f: getattr(cls, f, steps.get(f)) for f in (*fields, *steps)}
        values["resample"] = int(values["resample"])
        # A step that the class does not set is off, so it is written as false.
        defaults[short] = {k: bool(v) if k.startswith("do_") else v for k, v in values.items() if v is not None or k.startswith("do_")}
        types[model_type] = short
    return types, defaults


def typescript(text):
    return "// Generated by scripts/make-tables.py. Change that script instead.\n" + text


def dumps(table):
    rows = (f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in table.items())
    return "{\n" + "\n".join(rows) + "\n}"


def write():
    models, refused, aliases = models_of_timm()
    (SOURCE / "vit/families/timm-models.ts").write_text(
        typescript(
            f"""
/**
 * The models of timm {timm.__version__} by name: the arguments that each entry point passes to the model's class, without the
 * class's defaults. `input_size` is that of the first published weights, unless it is 224.
 */
export const timmModels: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {dumps(models)};

/** Older names for the same models. */
export const timmAliases: Readonly<Record<string, string>> = {dumps(aliases)};

/** Names of models that cannot run here, each with the reason. */
export const timmRefusals: Readonly<Record<string, string>> = {dumps(refused)};
"""
        )
    )
    types, defaults = processors_of_transformers()
    (SOURCE / "io/processor-defaults.ts").write_text(
        typescript(
            f"""
/** Defaults of the image processors of transformers {transformers.__version__}, by their names without `ImageProcessor`. */
export const processorDefaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {dumps(defaults)};

/** The image processor of each `model_type`, for files that name none. */
export const processorByModelType: Readonly<Record<string, string>> = {dumps(types)};
"""
        )
    )
    print(f"{len(models)} models, {len(aliases)} aliases, {len(refused)} refused; {len(defaults)} processors")


def with_plain_names(shapes):
    """Shapes of the class Eva under the names of its plain ViT: what lies apart is joined, and keys without bias get one."""
    out = {}
    for name, shape in shapes.items():
        path, _, last = name.rpartition(".")
        if last in ("gamma_1", "gamma_2"):
            out[f"{path}.ls{last[-1]}.gamma"] = shape
        elif last in ("q_bias", "v_bias"):
            out[f"{path}.qkv.bias"] = [3 * shape[0]]
        elif path.endswith((".q_proj", ".k_proj", ".v_proj")):
            out[f"{path[:-6]}qkv.{last}"] = [3 * shape[0], *shape[1:]]
        elif path.endswith((".fc1_g", ".fc1_x")):
            out[f"{path[:-2]}.{last}"] = [2 * shape[0], *shape[1:]]
        else:
            out[name] = shape
    return out


def check():
    """Builds every model without allocating memory, and compares the names and shapes of its tensors with core's."""
    import subprocess

    models, _, _ = models_of_timm()
    told = subprocess.run(
        ["node", str(pathlib.Path(__file__).parent / "print-timm-shapes.mjs")], capture_output=True, text=True, check=True
    )
    ours = json.loads(told.stdout)
    wrong = 0
    for name in models:
        with torch.device("meta"):
            model = timm.create_model(name, num_classes=1000)
        theirs = {k: list(v.shape) for k, v in model.state_dict().items()}
        if models[name].get("eva"):
            theirs = with_plain_names(theirs)
        epsilon = next(m.eps for m in model.modules() if isinstance(m, torch.nn.LayerNorm))
        found = ours.get(name)
        if found is None or found["shapes"] != theirs or found["epsilon"] != epsilon:
            wrong += 1
            print(name, "differs", {k: (theirs.get(k), (found or {}).get("shapes", {}).get(k)) for k in {*theirs, *(found or {}).get("shapes", {})} if theirs.get(k) != (found or {}).get("shapes", {}).get(k)})
    print(f"{len(models) - wrong} of {len(models)} models have the tensors that timm gives them")
    sys.exit(1 if wrong else 0)


check() if "--check" in sys.argv[1:] else write()

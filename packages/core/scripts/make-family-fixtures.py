"""Makes fixtures/families: tiny seeded models of transformers and timm, their outputs, and positions interpolated by PyTorch.

    python -m venv .venv && .venv/bin/pip install torch transformers timm safetensors
    .venv/bin/python packages/core/scripts/make-family-fixtures.py

Run it only to make the files again: the tests read the committed ones. Models compute in float64, files hold float32.
pixels.safetensors holds the pictures of all cases, by the name of the run. Each <case>.safetensors holds the weights as the
library saves them, under `weights.*`, and the outputs, under `runs.<run>.*`. <case>.json is the library's config.json, or for
timm the arguments of its VisionTransformer.
"""

import json
import pathlib
import tempfile

import timm
import torch
import transformers
from safetensors.torch import load_file, save_file
from timm.layers.mlp import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "families"
VERSIONS = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, timm {timm.__version__}"

SIZES = {"trained": (16, 16), "larger": (24, 20), "smaller": (8, 12)}
GEOMETRY = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, patch_size=4, image_size=16)


def randomise(model, seed):
    """Sets random parameters. They are large enough to make attention uneven, and no norm or layer scale is 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1:
                fan = p[0].numel() if p.dim() in (2, 4) else 1
                p.copy_(noise * (1.5 / fan**0.5 if fan > 1 else 0.7))
            elif name.endswith("bias") or "embedding" in name:
                p.copy_(0.2 * noise)
            else:
                p.copy_(1 + 0.3 * noise)
    return model.eval()


PIXELS = {
    run: torch.randn((2, 3, *size), generator=torch.Generator().manual_seed(i)) for i, (run, size) in enumerate(SIZES.items())
}


def write(case, config, weights, runs):
    tensors = {f"weights.{name}": x.float().contiguous() for name, x in weights.items()}
    for run, outputs in runs.items():
        tensors |= {f"runs.{run}.{name}": x.float().contiguous() for name, x in outputs.items()}
    save_file(tensors, OUT / f"{case}.safetensors", metadata={"made_with": VERSIONS})
    (OUT / f"{case}.json").write_text(json.dumps(config, indent=1) + "\n")


def hugging_face(case, model, seed, outputs, interpolate=True, skip=()):
    """Writes a case of transformers. `outputs` calls the model and names the tensors to store."""
    randomise(model, seed)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        weights = load_file(f"{folder}/model.safetensors")
        config = json.loads(pathlib.Path(folder, "config.json").read_text())
    model.double()
    runs = {}
    for run, x in PIXELS.items():
        flag = {"interpolate_pos_encoding": run != "trained"} if interpolate else {}
        with torch.no_grad():
            runs[run] = outputs(model, x.double(), flag)
    weights = {name: x for name, x in weights.items() if not any(part in name for part in skip)}
    write(case, config, weights, runs)


def of_timm(case, seed, arguments, **objects):
    """Writes a case of timm. For sizes other than the trained one, timm itself interpolates the positions."""
    model = randomise(VisionTransformer(**arguments, **objects, dynamic_img_size=True), seed)
    weights = {name: x.clone() for name, x in model.state_dict().items()}
    model.double()
    runs = {}
    for run, x in PIXELS.items():
        with torch.no_grad():
            output = model(x.double())
        runs[run] = {"logits" if arguments["num_classes"] else "embedding": output}
    write(case, arguments, weights, runs)


def logits(model, x, flag):
    return {"logits": model(x, **flag).logits}


def hidden(model, x, flag):
    return {"last_hidden_state": model(x, **flag).last_hidden_state}


def pooled(model, x, flag):
    outputs = model(x, **flag)
    return {"last_hidden_state": outputs.last_hidden_state, "pooler_output": outputs.pooler_output}


def depth(model, x, flag):
    return {"predicted_depth": model(x, **flag).predicted_depth}


def unmasked(model, x, flag):
    """Outputs of a masked autoencoder. Ascending noise makes it keep the patches in order."""
    patches = x.shape[2] * x.shape[3] // 16
    noise = torch.arange(patches, dtype=x.dtype).repeat(len(x), 1)
    return {"last_hidden_state": model(x, noise=noise, **flag).last_hidden_state}


def clip_outputs(model, x, flag):
    features = model.get_image_features(pixel_values=x, **flag)
    return {"embedding": getattr(features, "pooler_output", features)}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(PIXELS, OUT / "pixels.safetensors", metadata={"made_with": VERSIONS})
    plain = dict(GEOMETRY, intermediate_size=40, num_labels=3)
    vit = transformers.ViTConfig(**plain, qkv_bias=False)
    hugging_face("vit", transformers.ViTForImageClassification(vit), 1, logits)
    dino = transformers.ViTModel(transformers.ViTConfig(**plain), add_pooling_layer=False)
    hugging_face("dino", dino, 2, hidden)
    hugging_face("vit-msn", transformers.ViTMSNForImageClassification(transformers.ViTMSNConfig(**plain)), 30, logits)
    deit = transformers.DeiTConfig(**plain)
    hugging_face("deit-distilled", transformers.DeiTForImageClassificationWithTeacher(deit), 3, logits)
    hugging_face("deit-one-head", transformers.DeiTForImageClassification(deit), 4, logits)
    mae = transformers.ViTMAEConfig(**dict(plain, num_labels=2), mask_ratio=0.0)
    hugging_face("mae", transformers.ViTMAEModel(mae), 5, unmasked)

    dinov2 = dict(GEOMETRY, num_labels=3, mlp_ratio=3)
    model = transformers.Dinov2ForImageClassification(transformers.Dinov2Config(**dinov2))
    hugging_face("dinov2", model, 6, logits, interpolate=False)
    model = transformers.Dinov2Model(transformers.Dinov2Config(**dinov2, use_swiglu_ffn=True))
    hugging_face("dinov2-swiglu", model, 7, hidden, interpolate=False)
    registers = transformers.Dinov2WithRegistersConfig(**dinov2, num_register_tokens=3)
    model = transformers.Dinov2WithRegistersForImageClassification(registers)
    hugging_face("dinov2-registers", model, 8, logits, interpolate=False)
    stages = dict(neck_hidden_sizes=[4, 6], reassemble_factors=[2, 0.5], fusion_hidden_size=6)
    backbone = transformers.Dinov2Config(
        **GEOMETRY, mlp_ratio=2, out_indices=[1, 2], apply_layernorm=False, reshape_hidden_states=False
    )
    dpt = transformers.DPTConfig(backbone_config=backbone, **stages, use_bias_in_fusion_residual=False)
    hugging_face("dpt-dinov2", transformers.DPTForDepthEstimation(dpt), 19, depth, interpolate=False)

    vision = dict(GEOMETRY, intermediate_size=40)
    text = dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    clip = transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=6)
    hugging_face("clip", transformers.CLIPModel(clip), 9, clip_outputs, skip=("text",))
    tower = transformers.CLIPVisionConfig(**vision, projection_dim=6)
    model = transformers.CLIPVisionModelWithProjection(tower)
    hugging_face("clip-tower", model, 10, lambda m, x, f: {"embedding": m(x, **f).image_embeds})

    owlvit = transformers.OwlViTConfig(vision_config=vision, text_config=text, projection_dim=6)
    hugging_face("owlvit", transformers.OwlViTModel(owlvit), 19, clip_outputs, skip=("text",))

    # What an export names pooler_output: a pooler of its own, the class token of DINOv2, that of CLIP without its projection.
    hugging_face("vit-pooler", transformers.ViTModel(transformers.ViTConfig(**plain)), 16, pooled)
    model = transformers.Dinov2Model(transformers.Dinov2Config(**dinov2))
    hugging_face("dinov2-pooled", model, 17, pooled, interpolate=False)
    hugging_face("clip-vision", transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**vision)), 18, pooled)

    tiny = dict(img_size=16, patch_size=4, embed_dim=16, depth=2, num_heads=2, mlp_ratio=2.5, num_classes=3)
    of_timm("timm-vit", 11, tiny)
    of_timm("timm-mean", 12, dict(tiny, global_pool="avg"))
    of_timm("timm-deit3", 13, dict(tiny, no_embed_class=True, init_values=1e-6))
    giant = dict(tiny, num_classes=0, init_values=1e-5, reg_tokens=3, no_embed_class=True, mlp_ratio=4.0)
    of_timm("timm-dinov2-giant", 14, giant, mlp_layer=SwiGLUPacked, act_layer=torch.nn.SiLU)
    of_timm("timm-no-class-token", 15, dict(tiny, class_token=False, global_pool="avg"))
    of_timm("timm-siglip", 16, dict(tiny, class_token=False, global_pool="map", act_layer="gelu_tanh"))
    of_timm("timm-map-registers", 17, dict(tiny, class_token=False, reg_tokens=2, global_pool="map"))

    table = torch.randn((1, 2, 5, 7), generator=torch.Generator().manual_seed(20), dtype=torch.float64)
    rows = lambda x: x.permute(0, 2, 3, 1).reshape(-1, 2)
    tables = {"table": rows(table)}
    for size in [(5, 7), (10, 14), (3, 3), (1, 16), (13, 2)]:
        for name, antialias in [("bicubic", False), ("bicubic-antialiased", True)]:
            resized = torch.nn.functional.interpolate(table, size=size, mode="bicubic", antialias=antialias)
            tables[f"{name}.{size[0]}x{size[1]}"] = rows(resized)
    tensors = {name: x.float().contiguous() for name, x in tables.items()}
    save_file(tensors, OUT / "interpolation.safetensors", metadata={"made_with": VERSIONS})


main()

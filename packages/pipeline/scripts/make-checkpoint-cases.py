"""Makes fixtures/checkpoints.ndjson.gz, one case a line: tiny checkpoints in the many forms that people publish, and the
answers of transformers and timm to a picture.

    python -m venv .venv && .venv/bin/pip install torch torchvision transformers timm pillow safetensors
    .venv/bin/python packages/pipeline/scripts/make-checkpoint-cases.py

Run it only to make the file again: the tests read the committed one. A case holds the files that its library wrote, or a
variant of them. In place of weights it holds a recipe of names, shapes and a seed, from which test/checkpoint-recipe.ts
computes the same values. checkpoint_cases.py makes a case, and this file lists the cases. The libraries compute in float64.
"""

import gzip
import json
import pathlib

from checkpoint_cases import CASES, hidden_class, hugging_face, image_features, logits, numbers, of_timm, processor_of

import timm
import torch
import transformers

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "checkpoints.ndjson.gz"
GEOMETRY = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40, image_size=32, patch_size=8)
THREE = dict(id2label={0: "cat", 1: "dog", 2: "owl"}, label2id={"cat": 0, "dog": 1, "owl": 2})


def config_with(**fields):
    def change(files):
        files["config.json"] |= fields
        files["config.json"] = {k: v for k, v in files["config.json"].items() if v is not ...}
        return files

    return change


def vit_cases():
    size = dict(size={"height": 32, "width": 32})
    vit = lambda **more: transformers.ViTForImageClassification(transformers.ViTConfig(**GEOMETRY, **{**THREE, **more}))
    plain = hugging_face("vit", "a plain ViT with a classifier", 1, vit(), processor_of("ViT", **size), logits)
    for prefix in ("module.", "model.", "_orig_mod.", "backbone.", "base_model.model.", "module._orig_mod.", "student.net."):
        slug = prefix.strip(".").replace(".", "-").replace("_", "-").strip("-")
        plain.with_(f"vit-prefix-{slug}", f"all names begin with '{prefix}'", rename=lambda name: prefix + name)
    plain.with_("vit-partly-prefixed", "the body has a wrapper's name in front, the head has not",
                rename=lambda name: name if name.startswith("classifier") else f"backbone.{name}")  # fmt: skip
    plain.with_("vit-no-architectures", "the tensors tell that there is a classifier", files=config_with(architectures=...))
    plain.with_("vit-wrong-architectures", "architectures names a model without a classifier, the tensors have one", files=config_with(architectures=["ViTModel"]))
    plain.with_("vit-numeric-labels", "id2label holds numbers: their texts are the names", files=config_with(id2label={"0": 3, "1": 7, "2": 9}),
                tests=[plain.data["tests"][0] | dict(labels=["3", "7", "9"])])  # fmt: skip
    plain.with_("vit-processor-nested", "the processor stands in processor_config.json",
                files=lambda f: {"config.json": f["config.json"], "processor_config.json": {"image_processor": f["preprocessor_config.json"]}})  # fmt: skip
    plain.with_("vit-both-processors", "processor_config.json with an image_processor comes before preprocessor_config.json",
                files=lambda f: f | {"processor_config.json": {"image_processor": f["preprocessor_config.json"]},
                                     "preprocessor_config.json": {"image_processor_type": "CLIPImageProcessor", "crop_size": 32}})  # fmt: skip
    refusals(plain)
    for id, right, fields in (
        ("vit-multi-label", "each probability is a sigmoid", dict(problem_type="multi_label_classification")),
        ("vit-one-label", "one label: a sigmoid, not always 1", dict(id2label={0: "cat"}, label2id={"cat": 0})),
        ("vit-regression", "one number, which is the answer", dict(id2label={0: "age"}, label2id={"age": 0}, problem_type="regression")),
        ("vit-regression-two", "two numbers, which are the answer", dict(id2label={0: "x", 1: "y"}, label2id={"x": 0, "y": 1}, problem_type="regression")),
    ):
        hugging_face(id, right, 2, vit(**fields), processor_of("ViT", **size), logits)
    body = lambda **more: transformers.ViTModel(transformers.ViTConfig(**GEOMETRY, **more), add_pooling_layer=False)
    backbone = hugging_face("vit-backbone", "a body alone", 3, body(**THREE), processor_of("ViT", **size), hidden_class)
    backbone.with_("vit-backbone-no-architectures", "a body whose config names no class", files=config_with(architectures=...))
    error = dict(task="image-classification", code="INVALID_WEIGHTS", mentions="classifier")
    backbone.with_("vit-backbone-classifier-config", "a classifier's config with a body's weights: embeddings work, labels do not",
                   files=config_with(architectures=["ViTForImageClassification"]), tests=[*backbone.data["tests"], error])  # fmt: skip
    backbone.with_("vit-no-labels", "num_labels 0", files=config_with(id2label={}, label2id={}, num_labels=0))
    pooled = transformers.ViTModel(transformers.ViTConfig(**GEOMETRY))
    hugging_face("vit-pooler", "a pooler that nothing reads", 4, pooled, processor_of("ViT", **size), hidden_class)
    odd = GEOMETRY | dict(image_size=37)
    hugging_face("vit-odd-size", "the patch does not divide the size: the rest is dropped", 5, transformers.ViTForImageClassification(transformers.ViTConfig(**odd, **THREE)), processor_of("ViT", size={"height": 37, "width": 37}), logits)
    msn = transformers.ViTMSNForImageClassification(transformers.ViTMSNConfig(**GEOMETRY, **THREE))
    hugging_face("vit-msn", "ViT-MSN, with names that transformers saves half with a prefix", 6, msn, processor_of("ViT", **size), logits)
    mae = transformers.ViTMAEForPreTraining(transformers.ViTMAEConfig(**GEOMETRY, mask_ratio=0.0, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=16))
    noise = lambda model, x: {"image-feature-extraction": model.vit(x, noise=torch.arange(16, dtype=x.dtype)[None]).last_hidden_state[0, 0]}
    hugging_face("mae-with-decoder", "the decoder of the pre-training is left alone", 7, mae, processor_of("ViT", **size), noise)


def refusals(plain):
    unread = lambda name: [dict(task="image-classification", code="INVALID_WEIGHTS", mentions=name)]
    for id, name, shape in (
        ("unread-block", "vit.encoder.layer.0.attention.q_norm.weight", [12]),
        ("unread-layer-scale", "vit.encoder.layer.1.layer_scale1.lambda1", [24]),
        ("unread-embedding", "vit.embeddings.register_tokens", [1, 4, 24]),
        ("unread-block-beyond", "vit.encoder.layer.2.layernorm_before.weight", [24]),
        ("unread-head", "classifier.0.weight", [24, 24]),
        ("unread-lora", "vit.encoder.layer.0.attention.attention.query.lora_A.weight", [2, 24]),
        ("unread-pre-norm", "vit.pre_layernorm.weight", [24]),
    ):
        plain.with_(id, f"'{name}', which nothing reads, is an error", more=[[name, shape, "small"]], tests=unread(name))
    harmless = [["vit.embeddings.mask_token", [1, 1, 24], "small"], ["vit.pooler.dense.weight", [24, 24], "small"], ["vit.embeddings.position_ids", [1, 17], "small"], ["decoder.0.weight", [8, 24], "small"], ["logit_scale", [], "small"]]
    plain.with_("harmless-extras", "tensors that no answer depends on", more=harmless)
    bad = lambda f, **fields: f | {"preprocessor_config.json": f["preprocessor_config.json"] | fields}
    for id, fields, mentions in (
        ("processor-pads", dict(do_pad=True, pad_size={"height": 40, "width": 40}), "do_pad"),
        ("processor-unknown", dict(image_processor_type="SomeNewImageProcessor"), "SomeNewImageProcessor"),
        ("processor-flips", dict(do_flip_channel_order=True), "do_flip_channel_order"),
    ):
        plain.with_(id, f"{mentions} is refused by name", files=lambda f: bad(f, **fields), tests=[dict(task="image-classification", code="INVALID_CONFIG", mentions=mentions)])


def deit_cases():
    size = dict(size={"height": 38, "width": 38}, crop_size={"height": 32, "width": 32})
    config = transformers.DeiTConfig(**GEOMETRY, **THREE)
    two = transformers.DeiTForImageClassificationWithTeacher(config)
    case = hugging_face("deit-two-heads", "the mean of both heads", 11, two, processor_of("DeiT", **size), logits)
    case.with_("deit-two-heads-no-architectures", "two heads by what is there", files=config_with(architectures=...))
    one = hugging_face("deit-one-head", "one head", 12, transformers.DeiTForImageClassification(config), processor_of("DeiT", **size), logits)
    one.with_("deit-one-head-no-architectures", "one head by what is there", files=config_with(architectures=...))
    untyped(one, "deit-processor-no-type", "DeiT's own crop and interpolation", keep=("image_mean", "image_std", "size", "crop_size"))


def untyped(case, id, right, keep):
    """A variant whose processor file lacks its type, and all fields but `keep`, so that defaults must fill them in."""

    def files(f):
        own = f["preprocessor_config.json"]
        return f | {"preprocessor_config.json": {name: own[name] for name in keep}}

    case.with_(id, right, files=files)


def dinov2_cases():
    geometry = {k: v for k, v in GEOMETRY.items() if k != "intermediate_size"} | dict(patch_size=7)
    size = dict(size={"shortest_edge": 40}, crop_size={"height": 35, "width": 35})
    model = transformers.Dinov2Model(transformers.Dinov2Config(**geometry | dict(image_size=28)))
    case = hugging_face("dinov2", "runs at the size of its preprocessing", 21, model, processor_of("Bit", **size), hidden_class)
    untyped(case, "dinov2-processor-no-type", "resizes the shorter edge and crops", keep=("image_mean", "image_std", "size", "crop_size"))
    registers = transformers.Dinov2WithRegistersForImageClassification(transformers.Dinov2WithRegistersConfig(**geometry | dict(image_size=28), num_register_tokens=2, **THREE))
    case = hugging_face("dinov2-registers", "with registers and a classifier", 22, registers, processor_of("Bit", **size), logits)
    case.with_("dinov2-registers-no-architectures", "the tensors tell that there is a classifier", files=config_with(architectures=...))
    odd = hugging_face("dinov2-odd-size", "the patch does not divide the crop: the rest is dropped", 23, transformers.Dinov2Model(transformers.Dinov2Config(**geometry | dict(image_size=28))), processor_of("Bit", size={"shortest_edge": 40}, crop_size={"height": 38, "width": 33}), hidden_class)
    assert odd


def clip_cases():
    text = dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=4, bos_token_id=0, eos_token_id=2, pad_token_id=1)
    size = dict(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32})
    vision = {**GEOMETRY}
    clip = lambda: transformers.CLIPModel(transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=10))
    whole = hugging_face("clip", "the image embedding of a whole CLIP", 31, clip(), processor_of("CLIP", **size), image_features)
    untyped(whole, "clip-processor-no-type", "CLIP resizes the shorter edge and crops", keep=("image_mean", "image_std", "size", "crop_size"))
    whole.with_("clip-v5-processor", "transformers 5 writes the processor of CLIP into processor_config.json",
                files=lambda f: {"config.json": f["config.json"], "processor_config.json": {"image_processor": f["preprocessor_config.json"], "processor_class": "CLIPProcessor"}})  # fmt: skip
    gelu = transformers.CLIPModel(transformers.CLIPConfig(vision_config=vision | dict(hidden_act="gelu"), text_config=text, projection_dim=10))
    case = hugging_face("clip-gelu", "OpenCLIP's activation", 32, gelu, processor_of("CLIP", **size), image_features)

    def twice(files):
        config = files["config.json"]
        config["vision_config_dict"] = dict(config["vision_config"])
        config["vision_config"] = config["vision_config"] | dict(hidden_act="quick_gelu")
        return files

    case.with_("clip-vision-config-dict", "vision_config_dict wins where both differ", files=twice)
    tower = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**vision, projection_dim=10))
    case = hugging_face("clip-tower", "the tower with its projection", 33, tower, processor_of("CLIP", **size), lambda m, x: {"image-feature-extraction": m(x).image_embeds[0]})
    case.with_("clip-tower-no-architectures", "the projection is there, whatever is said", files=config_with(architectures=...))
    alone = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**vision))
    case = hugging_face("clip-vision-model", "the tower without a projection: the class token after the norm", 34, alone, processor_of("CLIP", **size), lambda m, x: {"image-feature-extraction": m(x).pooler_output[0]})
    case.with_("clip-vision-model-no-architectures", "no projection, by what is there", files=config_with(architectures=...))
    chinese_text = dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=8)
    chinese = transformers.ChineseCLIPModel(transformers.ChineseCLIPConfig(vision_config=vision, text_config=chinese_text, projection_dim=10))
    hugging_face("chinese-clip", "the tower of Chinese-CLIP", 35, chinese, processor_of("ChineseCLIP", **size), image_features)
    alt_text = dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, max_position_embeddings=8, project_dim=8, pad_token_id=1)
    alt = transformers.AltCLIPModel(transformers.AltCLIPConfig(vision_config=vision, text_config=alt_text, projection_dim=10))
    hugging_face("altclip", "the tower of AltCLIP", 36, alt, processor_of("CLIP", **size), image_features)


def timm_cases():
    tiny = "vit_tiny_patch16_224"
    plain = of_timm("timm", "timm's own folder", 41, tiny, labels=["cat", "dog", "owl"])
    of_timm("timm-gap", "global_pool avg", 42, tiny, model_args=dict(global_pool="avg"))
    of_timm("timm-gap-norm-first", "global_pool avg without fc_norm: the mean of normalised tokens", 43, tiny, model_args=dict(global_pool="avg", fc_norm=False))
    of_timm("timm-token-fc-norm", "fc_norm over the class token", 44, tiny, model_args=dict(fc_norm=True))
    of_timm("timm-no-class-token", "patches alone", 45, tiny, model_args=dict(class_token=False, global_pool="avg"))
    of_timm("timm-registers", "registers with positions of their own", 46, tiny, model_args=dict(reg_tokens=3))
    of_timm("timm-registers-no-embed-class", "registers without positions", 47, tiny, model_args=dict(reg_tokens=3, no_embed_class=True))
    of_timm("timm-layer-scale", "init_values", 48, tiny, model_args=dict(init_values=1e-5))
    of_timm("timm-no-qkv-bias", "qkv_bias false", 49, tiny, model_args=dict(qkv_bias=False))
    of_timm("timm-mlp-ratio", "mlp_ratio", 50, tiny, model_args=dict(mlp_ratio=2.75))
    of_timm("timm-dynamic", "dynamic_img_size: positions are resampled", 51, tiny, model_args=dict(dynamic_img_size=True, img_size=32), pretrained=dict(input_size=[3, 40, 48], fixed_input_size=False))
    of_timm("timm-oblong", "oblong input: resized to cover, bilinear", 52, tiny, size=(24, 40), pretrained=dict(input_size=[3, 24, 40]))
    of_timm("timm-squash", "crop_mode squash", 53, tiny, pretrained=dict(crop_mode="squash"))
    of_timm("timm-clip", "CLIP's tower in timm's names", 54, "vit_base_patch32_clip_224")
    of_timm("timm-clip-quickgelu", "quick_gelu by the name", 55, "vit_base_patch32_clip_quickgelu_224")
    gamma = of_timm("timm-deit3", "DeiT III", 56, "deit3_small_patch16_224")
    gamma.with_("timm-deit3-gamma", "layer scale as its authors name it", rename=lambda name: name.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2"))
    of_timm("timm-distilled", "distilled: the mean of both heads", 57, "deit_tiny_distilled_patch16_224")
    of_timm("timm-distilled-features", "distilled without classes: the mean of both tokens", 58, "deit_tiny_distilled_patch16_224", num_classes=0)
    of_timm("timm-features", "no classes: the class token", 59, tiny, num_classes=0)
    of_timm("timm-dinov2-registers", "DINOv2 with registers", 60, "vit_small_patch14_reg4_dinov2", num_classes=0)
    of_timm("timm-gated", "a gated MLP", 61, "vit_giant_patch14_dinov2", num_classes=0)
    of_timm("timm-gelu-tanh", "a name with another activation", 62, "vit_so400m_patch14_siglip_gap_224", num_classes=0)
    of_timm("timm-gap-name", "a name that pools the mean without a class token", 63, "vit_base_patch16_siglip_gap_224")
    of_timm("timm-reg-gap-name", "registers and the mean, by the name", 64, "vit_medium_patch16_reg4_gap_256")
    of_timm("timm-wee", "one of the younger names", 65, "vit_wee_patch16_reg1_gap_256")
    of_timm("timm-betwixt", "another", 66, "vit_betwixt_patch16_reg1_gap_256")
    of_timm("timm-activation-argument", "act_layer among the arguments", 67, tiny, model_args=dict(act_layer="quick_gelu"))

    def flat(files):
        config = files["config.json"]
        cfg = config["pretrained_cfg"] | dict(architecture=config["architecture"], num_features=24, labels=["cat", "dog", "owl"], num_classes=3)
        return {"config.json": cfg | {"model_args": config["model_args"]}}

    plain.with_("timm-flat", "the old form, all at the top", files=flat)

    def inside(files):
        config = files["config.json"]
        cfg = config["pretrained_cfg"] | dict(num_classes=3, label_names=["cat", "dog", "owl"])
        return {"config.json": {k: v for k, v in config.items() if k not in ("num_classes", "label_names")} | dict(pretrained_cfg=cfg)}

    plain.with_("timm-all-inside", "classes and their names inside pretrained_cfg", files=inside)
    names = lambda files: {"config.json": files["config.json"] | dict(label_names={"0": "cat", "2": "owl"})}
    test = plain.data["tests"][0]
    plain.with_("timm-label-gaps", "label_names as an object with gaps", files=names, tests=[test | dict(labels=["cat", "LABEL_1", "owl"])])
    described = lambda files: {"config.json": files["config.json"] | dict(label_descriptions={"dog": "a good dog"})}
    plain.with_("timm-descriptions", "descriptions of names", files=described, tests=[test | dict(labels=["cat", "a good dog", "owl"])])
    wrapper = lambda files: {"config.json": files["config.json"] | dict(model_type="timm_wrapper", architectures=["TimmWrapperForImageClassification"], do_pooling=True)}
    plain.with_("timm-wrapper", "transformers' wrapper", files=wrapper, rename=lambda name: f"timm_model.{name}")
    own = lambda files: wrapper(files) | {"preprocessor_config.json": {"image_processor_type": "TimmWrapperImageProcessor"}}
    plain.with_("timm-wrapper-processor", "the wrapper's own file says nothing", files=own, rename=lambda name: f"timm_model.{name}")
    for name, shape in (("blocks.0.attn.q_norm.weight", [12]), ("blocks.1.ls2.gamma", [24]), ("norm_pre.weight", [24]), ("fc_norm.weight", [24]), ("attn_pool.latent", [1, 1, 24])):
        slug = name.replace(".", "-").replace("_", "-")
        plain.with_(f"timm-unread-{slug}", f"'{name}' is an error", more=[[name, shape, "small"]], tests=[dict(task="image-classification", code="INVALID_WEIGHTS", mentions=name)])
    for args in (dict(qk_norm=True), dict(dynamic_img_pad=True), dict(global_pool="max"), dict(block_fn="x")):
        (key,) = args
        refused = lambda files: {"config.json": files["config.json"] | dict(model_args=files["config.json"]["model_args"] | args)}
        plain.with_(f"timm-refused-{key.replace('_', '-')}", f"{key} is refused by name", files=refused, tests=[dict(task="image-classification", code="INVALID_CONFIG", mentions=key)])
    plain.with_("timm-refused-name", "a name with another head", files=lambda f: {"config.json": f["config.json"] | dict(architecture="test_vit3")},
                tests=[dict(task="image-classification", code="INVALID_CONFIG", mentions="its mean includes the class token")])  # fmt: skip


def main():
    torch.manual_seed(0)
    for make in (vit_cases, deit_cases, dinov2_cases, clip_cases, timm_cases):
        make()
    lines = "".join(json.dumps(case) + "\n" for case in CASES)
    OUT.write_bytes(gzip.compress(lines.encode(), mtime=0))
    print(len(CASES), "cases,", OUT.stat().st_size, "bytes")


main()

"""Gradients of the golden micro models with PPT in the loop, by PyTorch in float64.

With Python 3.11, torch 2.13 (CPU), numpy and safetensors:
    python packages/finetune/scripts/make-gradients.py

The model and PPT are written in plain PyTorch as the authors publish them (packages/demo-model/recipe/ppt_eval.py has the same
steps). Logits have to agree with the golden ones. The loss is the mean cross entropy with label smoothing 0.1 and the labels
0, 3, 6, ... Of each parameter's gradient the file holds its length and two products with fixed vectors, under the program's names:
[|g|, sum g_i sin(0.37 i + 1), sum g_i cos(0.11 i)].
"""
import gzip
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load

HERE = Path(__file__).parent
GOLDEN = HERE.parent.parent / "conformance" / "golden"
CASES = ["adaptive", "prune-only", "pool-only", "all-layers"]


def rows(x, index):
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[2]))


def prune(x, size, score, r):
    keep = score.argsort(dim=1, descending=True, stable=True)[:, : score.shape[1] - r] + 1
    keep = torch.cat([torch.zeros_like(keep[:, :1]), keep], 1)
    return rows(x, keep), size.gather(1, keep)


def pool(x, size, keys, r):
    metric = F.normalize(keys.mean(1), dim=-1)
    similarity = metric[:, ::2] @ metric[:, 1::2].transpose(1, 2)
    similarity[:, 0] = -math.inf
    best, partner = similarity.max(-1)
    order = best.argsort(dim=1, descending=True, stable=True)
    merged, kept = order[:, :r], order[:, r:].sort(1).values
    target = partner.gather(1, merged)
    weighted = x * size[..., None]
    a, b, size_a, size_b = weighted[:, ::2], weighted[:, 1::2], size[:, ::2], size[:, 1::2]
    b = b.scatter_add(1, target[..., None].expand(-1, -1, x.shape[2]), rows(a, merged))
    size_b = size_b.scatter_add(1, target, size_a.gather(1, merged))
    size = torch.cat([size_a.gather(1, kept), size_b], 1)
    return torch.cat([rows(a, kept), b], 1) / size[..., None], size


class Model:
    def __init__(self, name):
        self.geometry = json.loads((GOLDEN / f"{name}.model.json").read_text())
        self.p = {k: v.double().requires_grad_() for k, v in load(gzip.open(GOLDEN / f"{name}.model.safetensors.gz").read()).items()}

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.p[f"{name}.weight"], self.p[f"{name}.bias"], self.geometry["layer_norm_eps"])

    def linear(self, x, name):
        return F.linear(x, self.p[f"{name}.weight"], self.p[f"{name}.bias"])

    def logits(self, pixels, case):
        heads, patch = self.geometry["num_attention_heads"], self.geometry["patch_size"]
        x = F.conv2d(pixels, self.p["patch_embed.proj.weight"], self.p["patch_embed.proj.bias"], stride=patch)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.p["cls_token"].expand(len(x), -1, -1), x], 1) + self.p["pos_embed"]
        size = None
        for layer in range(self.geometry["num_hidden_layers"]):
            name = f"blocks.{layer}"
            B, N, C = x.shape
            qkv = self.linear(self.norm(x, f"{name}.norm1"), f"{name}.attn.qkv")
            q, k, v = qkv.reshape(B, N, 3, heads, C // heads).permute(2, 0, 3, 1, 4)
            scores = (q * (C // heads) ** -0.5) @ k.transpose(-2, -1)
            if size is not None and case["proportional_attention"]:
                scores = scores + size.log()[:, None, None, :]
            weights = scores.softmax(-1)
            x = x + self.linear((weights @ v).transpose(1, 2).reshape(B, N, C), f"{name}.attn.proj")
            if layer in case["layers"]:
                size = size if size is not None and case["proportional_attention"] else torch.ones(B, N, dtype=x.dtype)
                x, size = self.reduce(x, size, weights[:, :, 0], k, v, case)
            hidden = F.gelu(self.linear(self.norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"))
            x = x + self.linear(hidden, f"{name}.mlp.fc2")
        return self.linear(self.norm(x, "norm")[:, 0], "head")

    def reduce(self, x, size, attention, k, v, case):
        with torch.no_grad():
            score = (attention.sum(1) * v.transpose(1, 2).flatten(2).norm(dim=-1))[:, 1:]
            score = score / score.sum(1, keepdim=True)
            pools = score.var(1) < case["threshold"]
        parts = [
            pool(x[i : i + 1], size[i : i + 1], k[i : i + 1].detach(), case["r"])
            if pools[i]
            else prune(x[i : i + 1], size[i : i + 1], score[i : i + 1], case["r"])
            for i in range(len(x))
        ]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def gradients(self):
        """Under the names of the program, which has query, key and value apart and one table of positions."""
        for name, p in self.p.items():
            g = p.grad
            if g is None:
                continue
            if ".attn.qkv." in name:
                block, _, suffix = name.rsplit(".", 2)
                for part, piece in zip(("query", "key", "value"), g.chunk(3)):
                    yield f"{block.removesuffix('.attn')}.{part}.{suffix}", piece
            elif name == "pos_embed":
                yield "positions", g[0]
            elif name != "cls_token":
                for old, new in ((".attn.proj.", ".output."), (".mlp.", "."), ("patch_embed.proj", "patchEmbedding")):
                    name = name.replace(old, new)
                yield name, g


def main():
    cases = {case["case"]: case for case in json.loads((GOLDEN / "cases.json").read_text())}
    made = {}
    for name in CASES:
        case = cases[name]
        model = Model(case["model"])
        golden = load(gzip.open(GOLDEN / f"{name}.safetensors.gz").read())
        logits = model.logits(golden["pixel_values"].double(), case)
        assert (logits - golden["logits"].double()).abs().max() < 1e-4, name
        labels = torch.arange(len(logits)) * 3 % logits.shape[1]
        loss = F.cross_entropy(logits, labels, label_smoothing=0.1)
        loss.backward()
        gradients = {}
        for parameter, g in model.gradients():
            g = g.flatten()
            i = torch.arange(len(g), dtype=torch.float64)
            products = (g.norm(), (g * torch.sin(0.37 * i + 1)).sum(), (g * torch.cos(0.11 * i)).sum())
            gradients[parameter] = [float(f"{value.item():.5e}") for value in products]
        made[name] = {"loss": float(f"{loss.item():.8e}"), "gradients": gradients}
        print(name, loss.item(), len(gradients))
    lines = [f'"{name}": {json.dumps(value, separators=(",", ":"))}' for name, value in made.items()]
    (HERE.parent / "fixtures" / "gradients.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()

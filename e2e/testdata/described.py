"""Hooks of Schemathesis: what it makes up is about models that are there, and costs few tokens.

MODELS holds the names of those that write, embed and rank, as JSON.
"""

import json
import os

import schemathesis

WRITES, EMBEDS, RANKS = json.loads(os.environ["MODELS"])
FEW = 2  # tokens of an answer, choices, prompts

# What a schema can't tell to be right: a grammar that is one, a token that the model has.
NEEDS_MORE = (
    "grammar", "regex", "response_format", "text", "suffix", "best_of", "echo", "logit_bias", "tools",
    "tool_choice", "stream_options", "top_logprobs", "previous_response_id", "thinking", "output_config",
)


def model_for(path):
    if path.endswith("/rerank"):
        return RANKS
    return EMBEDS if path.endswith("/embeddings") else WRITES


def bound(body, name, otherwise=None):
    """Lowers a number that is too dear; what is not a number stays the mistake that it is."""
    value = body.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        body[name] = min(value, FEW)
    elif value is None and otherwise is not None:
        body[name] = otherwise


@schemathesis.hook
def before_call(context, case, kwargs):
    """Names a model that is there, but in every eighth case; in every second one
    only what a schema can tell is left."""
    body = case.body
    if not isinstance(body, dict):
        return
    size = len(json.dumps(body, default=str))
    if size % 8 != 0 and isinstance(body.get("model"), str):
        body["model"] = model_for(case.operation.path)
    if size % 2 != 0:
        for name in NEEDS_MORE:
            body.pop(name, None)
    limit = "max_output_tokens" if case.operation.path == "/v1/responses" else "max_tokens"
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        bound(body, name, FEW if name == limit else None)
    bound(body, "n")
    bound(body, "best_of")
    if isinstance(body.get("prompt"), list) and body["prompt"] and not isinstance(body["prompt"][0], int):
        body["prompt"] = body["prompt"][:FEW]

"""Embeds texts with the official Python client: embeddings.py BASE_URL MODEL REFERENCE.

Each function whose name begins with "check_" states in its name what it checks.
"""

import array
import asyncio
import base64
import json
import math
import sys

import openai
from openai.types import CreateEmbeddingResponse

BASE_URL, MODEL, REFERENCE = sys.argv[1:]
client = openai.OpenAI(base_url=BASE_URL, api_key="none", max_retries=0)
with open(REFERENCE) as file:
    TEXTS = json.load(file)["texts"]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def check_that_default_vectors_are_the_references():
    answer = client.embeddings.create(model=MODEL, input=[text["text"] for text in TEXTS])
    assert type(answer) is CreateEmbeddingResponse and answer.model == MODEL
    for embedding, text in zip(answer.data, TEXTS, strict=True):
        want = array.array("f", base64.b64decode(text["vector"]))
        assert cosine(embedding.embedding, want) > 0.99, text["text"]
        assert abs(math.hypot(*embedding.embedding) - 1) < 1e-5
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == sum(len(text["tokens"]) for text in TEXTS)


def check_that_both_encodings_and_tokens_give_the_same():
    text = TEXTS[0]
    default = client.embeddings.create(model=MODEL, input=text["text"]).data[0].embedding
    floats = client.embeddings.create(model=MODEL, input=text["text"], encoding_format="float").data[0].embedding
    tokens = client.embeddings.create(model=MODEL, input=[text["tokens"]]).data[0].embedding
    assert cosine(default, floats) > 0.99999 and cosine(default, tokens) > 0.99999


def check_that_fewer_dimensions_are_of_length_one():
    (short,) = client.embeddings.create(model=MODEL, input="hello", dimensions=64).data
    assert len(short.embedding) == 64 and abs(math.hypot(*short.embedding) - 1) < 1e-5
    try:
        client.embeddings.create(model=MODEL, input="hello", dimensions=385)
    except openai.BadRequestError as e:
        assert e.param == "dimensions", repr(e)
    else:
        raise AssertionError("more dimensions than there are")


def check_that_many_clients_at_once_get_their_own_vectors():
    async def one(c, text):
        (embedding,) = (await c.embeddings.create(model=MODEL, input=text["text"])).data
        return cosine(embedding.embedding, array.array("f", base64.b64decode(text["vector"])))

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="none", max_retries=0) as c:
            return await asyncio.gather(*(one(c, text) for text in TEXTS * 4))

    assert min(asyncio.run(all_of_them())) > 0.99


for name, check in list(globals().items()):
    if name.startswith("check_"):
        print(name.replace("_", " "), flush=True)
        check()

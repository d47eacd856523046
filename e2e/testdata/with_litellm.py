"""Talks to a server with LiteLLM's OpenAI adapter: with_litellm.py BASE_URL KEY MODEL EMBEDDER.

Each function whose name begins with "check_" states in its name what it checks.
"""

import json
import math
import os
import sys
from typing import Literal

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # prices are not fetched

import litellm
from pydantic import BaseModel, Field

BASE_URL, KEY, MODEL, EMBEDDER = sys.argv[1:]
litellm.suppress_debug_info = True
HERE = {"api_base": BASE_URL, "api_key": KEY, "max_retries": 0}
ASK = [{"role": "user", "content": "I need five ladders in Paris, soon."}]


class Order(BaseModel):
    item: Literal["ladder", "rope"]
    count: int = Field(ge=1, le=99)
    city: Literal["Paris", "Rome"]


TOOL = {"type": "function", "function": {"name": "place_order", "parameters": Order.model_json_schema()}}


def complete(**more):
    return litellm.completion(model="openai/" + MODEL, **HERE, **({"messages": ASK, "temperature": 0, "max_tokens": 16} | more))


def check_that_a_completion_answers():
    answer = complete()
    assert answer.choices[0].message.content and answer.usage.completion_tokens > 0


def check_that_a_stream_adds_up():
    chunks = list(complete(stream=True, stream_options={"include_usage": True}))
    whole = litellm.stream_chunk_builder(chunks, messages=ASK)
    assert whole.choices[0].message.content and whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage.completion_tokens > 0


def check_that_forced_calls_are_made_and_answered():
    for choice in ("required", {"type": "function", "function": {"name": "place_order"}}):
        message = complete(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False, max_tokens=200).choices[0].message
        (call,) = message.tool_calls
        Order.model_validate_json(call.function.arguments)
        result = {"role": "tool", "tool_call_id": call.id, "content": "order 17"}
        answer = complete(messages=ASK + [message.model_dump(), result], tools=[TOOL], tool_choice="none")
        assert answer.choices[0].message.content


def check_that_streamed_calls_add_up():
    chunks = list(complete(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, max_tokens=200, stream=True))
    (call,) = litellm.stream_chunk_builder(chunks, messages=ASK).choices[0].message.tool_calls
    Order.model_validate_json(call.function.arguments)


def check_that_a_model_that_is_free_to_call_answers():
    choice = complete(tools=[TOOL], max_tokens=40).choices[0]
    assert (choice.finish_reason == "tool_calls") == bool(choice.message.tool_calls)


def check_that_an_answer_follows_its_format():
    answer = complete(response_format=Order, temperature=1, seed=3, max_tokens=200)
    Order.model_validate_json(answer.choices[0].message.content)
    schema = {"type": "json_schema", "json_schema": {"name": "order", "strict": True, "schema": Order.model_json_schema()}}
    Order.model_validate_json(complete(response_format=schema, max_tokens=200).choices[0].message.content)
    choice = complete(response_format={"type": "json_object"}, max_tokens=300).choices[0]
    assert choice.finish_reason == "length" or isinstance(json.loads(choice.message.content), dict)


def check_that_texts_are_embedded():
    answer = litellm.embedding(model="openai/" + EMBEDDER, input=["a ship", "a boat"], **HERE)
    one, two = (e["embedding"] for e in answer.data)
    assert len(one) == 384 and abs(math.hypot(*one) - 1) < 1e-5
    assert sum(x * y for x, y in zip(one, two, strict=True)) > 0.5 and answer.usage.prompt_tokens > 0


def check_that_the_responses_api_answers():
    asked = dict(model="openai/" + MODEL, temperature=0, max_output_tokens=12, **HERE)
    first = litellm.responses(input="Name three colours.", **asked)
    assert first.output[0].content[0].text and first.usage.output_tokens > 0
    events = [e.type for e in litellm.responses(input="Name three colours.", stream=True, **asked)]
    assert events[0] == "response.created" and events[-1] in ("response.completed", "response.incomplete"), events


def check_that_errors_have_their_types():
    for kind, more in ((litellm.NotFoundError, {"model": "openai/gpt-none"}), (litellm.BadRequestError, {"top_p": 7})):
        try:
            litellm.completion(**({"model": "openai/" + MODEL, "messages": ASK, "max_tokens": 1} | more), **HERE)
        except kind:
            continue
        raise AssertionError(f"no {kind.__name__}")
    try:
        litellm.completion(model="openai/" + MODEL, messages=ASK, **(HERE | {"api_key": "sk-eve"}))
    except litellm.AuthenticationError:
        return
    raise AssertionError("a stranger was answered")


for name, check in list(globals().items()):
    if name.startswith("check_"):
        print(name.replace("_", " "), flush=True)
        check()

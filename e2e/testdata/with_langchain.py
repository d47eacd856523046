"""Talks to a server with LangChain's adapter: with_langchain.py BASE_URL KEY MODEL EMBEDDER.

Each function whose name begins with "check_" states in its name what it checks.
"""

import math
import sys
from typing import Literal

import openai
import tiktoken
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field

BASE_URL, KEY, MODEL, EMBEDDER = sys.argv[1:]
HERE = {"base_url": BASE_URL, "api_key": KEY, "max_retries": 0}
ASK = "I need five ladders in Paris, soon."


class Order(BaseModel):
    """Orders a thing."""

    item: Literal["ladder", "rope"]
    count: int = Field(ge=1, le=99)
    city: Literal["Paris", "Rome"]


@tool
def weather(city: Literal["Paris", "Rome"]) -> str:
    """Tells the weather of a city."""
    return f"rain in {city}"


def chat(**more):
    return ChatOpenAI(model=MODEL, **HERE, **({"temperature": 0, "max_tokens": 16} | more))


def check_that_invoke_answers():
    answer = chat().invoke([("system", "You are brief."), ("human", "Hello!")])
    assert answer.content and answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] in ("stop", "length")


def check_that_a_stream_adds_up():
    chunks = list(chat(stream_usage=True).stream("Name three colours."))
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk) and whole.content and len(chunks) > 3
    assert whole.usage_metadata["total_tokens"] > 0


def check_that_a_batch_answers_each():
    answers = chat(max_tokens=4).batch(["Hello!", "Goodbye!", "What?", "Why?"])
    assert len(answers) == 4 and all(answer.content for answer in answers)


def check_that_forced_calls_are_made_and_answered():
    for choice in ("any", "weather"):
        messages = [HumanMessage("How is the weather in Paris?")]
        with_tools = chat(max_tokens=60).bind_tools([weather], tool_choice=choice, parallel_tool_calls=False)
        called = with_tools.invoke(messages)
        assert not called.invalid_tool_calls
        (call,) = called.tool_calls
        told = weather.invoke(call)
        assert isinstance(told, ToolMessage) and told.content.startswith("rain in")
        answer = chat().bind_tools([weather], tool_choice="none").invoke(messages + [called, told])
        assert answer.content and not answer.tool_calls


def check_that_a_model_that_is_free_to_call_answers():
    answer = chat(max_tokens=40).bind_tools([weather]).invoke("How is the weather in Paris?")
    assert (answer.response_metadata["finish_reason"] == "tool_calls") == bool(answer.tool_calls)


def check_that_streamed_calls_add_up():
    chunks = list(chat(max_tokens=60).bind_tools([weather], tool_choice="weather").stream("The weather in Paris?"))
    (call,) = sum(chunks[1:], chunks[0]).tool_calls
    assert call["name"] == "weather" and call["args"]["city"] in ("Paris", "Rome")


def check_that_every_method_of_structured_output_gives_the_model():
    for method in ("json_schema", "function_calling"):
        for strict in (True, None):
            if method == "json_schema" and strict is None:
                continue
            model = chat(temperature=1, seed=3, max_tokens=200)
            order = model.with_structured_output(Order, method=method, strict=strict).invoke(ASK)
            assert type(order) is Order, (method, strict, order)


def check_that_json_mode_gives_an_object():
    """An object that nothing bounds may be cut, which the client raises: until one is not, more are asked for."""
    whole = 0
    for seed in range(64):
        if seed >= 8 and whole > 0:
            break
        model = chat(temperature=1, seed=seed, max_tokens=120).with_structured_output(None, method="json_mode")
        try:
            said = model.invoke('Say in JSON how many legs a cat has, like {"legs": 2}.')
        except openai.LengthFinishReasonError:
            continue
        assert isinstance(said, dict), said
        whole += 1
    assert whole > 0


def check_that_structured_output_streams():
    (*_, last) = chat(temperature=1, seed=5, max_tokens=200).with_structured_output(Order, method="json_schema").stream(ASK)
    assert type(last) is Order


def check_that_the_responses_api_is_used_as_well():
    model = chat(use_responses_api=True)
    first = model.invoke("Name three colours.")
    assert first.text and first.response_metadata["id"].startswith("resp_")
    second = model.invoke("More?", previous_response_id=first.response_metadata["id"])
    assert second.usage_metadata["input_tokens"] > first.usage_metadata["total_tokens"]
    chunks = list(model.stream("Name three colours."))
    assert sum(chunks[1:], chunks[0]).text
    order = chat(use_responses_api=True, max_tokens=200).with_structured_output(Order, method="json_schema").invoke(ASK)
    assert type(order) is Order
    called = chat(use_responses_api=True, max_tokens=60).bind_tools([weather], tool_choice="weather").invoke("In Paris?")
    assert called.tool_calls[0]["name"] == "weather"


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def check_that_texts_are_embedded():
    e = OpenAIEmbeddings(model=EMBEDDER, check_embedding_ctx_length=False, **HERE)
    one, two = e.embed_documents(["a ship", "a boat"])
    assert len(one) == 384 and cosine(one, e.embed_query("a ship")) > 0.99999 and cosine(one, two) > 0.5


def check_that_tokens_of_the_model_are_embedded():
    """By default LangChain sends tokens. These are two words of the model's own vocabulary."""
    words = tiktoken.Encoding("words", pat_str=r"\w+", mergeable_ranks={b"ship": 2911, b"boat": 4049}, special_tokens={})
    tiktoken.encoding_for_model = lambda name: words
    (by_langchain,) = OpenAIEmbeddings(model=EMBEDDER, **HERE).embed_documents(["ship boat"])
    client = openai.OpenAI(**HERE)
    direct = client.embeddings.create(model=EMBEDDER, input=[[2911, 4049]]).data[0].embedding
    text = client.embeddings.create(model=EMBEDDER, input="ship boat").data[0].embedding
    assert cosine(by_langchain, direct) > 0.99999 and cosine(direct, text) > 0.5


def check_that_tokens_of_another_model_are_refused():
    strange = tiktoken.Encoding("strange", pat_str=r"\w+", mergeable_ranks={b"ship": 99999}, special_tokens={})
    tiktoken.encoding_for_model = lambda name: strange
    try:
        OpenAIEmbeddings(model=EMBEDDER, **HERE).embed_documents(["ship"])
    except openai.BadRequestError as e:
        assert "99999" in e.message and e.param.startswith("input"), repr(e)
    else:
        raise AssertionError("a token that the model doesn't have was embedded")


def check_that_errors_are_the_clients():
    try:
        ChatOpenAI(model="gpt-none", **HERE).invoke("Hello!")
    except openai.NotFoundError as e:
        assert e.code == "model_not_found"
    else:
        raise AssertionError("an unknown model answered")


for name, check in list(globals().items()):
    if name.startswith("check_"):
        print(name.replace("_", " "), flush=True)
        check()

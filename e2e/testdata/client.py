"""Talks to a server with the official Python client: client.py BASE_URL MODEL.

Each function whose name begins with "check_" states in its name what it checks.
"""

import asyncio
import sys

import openai
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

BASE_URL, MODEL = sys.argv[1:]
client = openai.OpenAI(base_url=BASE_URL, api_key="none", max_retries=0)


def user(text):
    return {"role": "user", "content": text}


def streamed(messages, **more):
    """Returns the chunks of a streamed answer."""
    chunks = list(client.chat.completions.create(model=MODEL, messages=messages, stream=True, temperature=0, **more))
    assert all(type(chunk) is ChatCompletionChunk for chunk in chunks)
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    return chunks


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def check_that_a_streamed_conversation_goes_on():
    messages, prompt_tokens = [{"role": "system", "content": "You are a helpful assistant."}], 0
    for question in ("My name is Ada. Say hello to me.", "What is two plus two?", "Thank you. Say goodbye."):
        messages.append(user(question))
        chunks = streamed(messages, max_tokens=24, stream_options={"include_usage": True})
        *parts, last = chunks
        assert parts[0].choices[0].delta.role == "assistant"
        assert parts[-1].choices[0].finish_reason in ("stop", "length")
        assert all(part.usage is None for part in parts) and last.choices == []
        assert last.usage.prompt_tokens > prompt_tokens, "the history is part of the prompt"
        assert last.usage.completion_tokens > 0 and text_of(parts)
        prompt_tokens = last.usage.prompt_tokens
        messages.append({"role": "assistant", "content": text_of(parts)})


def check_types_of_a_whole_answer():
    answer = client.chat.completions.create(
        model=MODEL, messages=[user("Hello!")], max_tokens=8, temperature=0, logprobs=True, top_logprobs=2
    )
    assert type(answer) is ChatCompletion and answer.object == "chat.completion" and answer.model == MODEL
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and isinstance(choice.message.content, str)
    assert [len(token.top_logprobs) for token in choice.logprobs.content] == [2] * len(choice.logprobs.content)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    ChatCompletion.model_validate(answer.model_dump(), strict=True)


def check_types_of_a_completion():
    answer = client.completions.create(model=MODEL, prompt=["The sea", "The sun"], max_tokens=4, temperature=0)
    assert type(answer) is Completion and [choice.index for choice in answer.choices] == [0, 1]
    Completion.model_validate(answer.model_dump(), strict=True)


def check_types_of_models():
    (model,) = client.models.list()
    assert type(model) is Model and model.id == MODEL
    assert client.models.retrieve(MODEL).created == model.created


def check_that_a_stream_can_be_left():
    with client.chat.completions.create(
        model=MODEL, messages=[user("Tell a long story.")], stream=True, max_tokens=1000
    ) as stream:
        next(stream)
    assert text_of(streamed([user("Hello!")], max_tokens=4))


def check_that_async_streams_run_side_by_side():
    async def one(name):
        messages = [user(f"Greet {name}.")]
        async with openai.AsyncOpenAI(base_url=BASE_URL, api_key="none", max_retries=0) as c:
            stream = await c.chat.completions.create(model=MODEL, messages=messages, stream=True, max_tokens=8)
            return [chunk async for chunk in stream][-1].choices[0].finish_reason

    async def all_of_them():
        return await asyncio.gather(*(one(name) for name in ("Ann", "Bob", "Cem", "Dora")))

    assert set(asyncio.run(all_of_them())) <= {"stop", "length"}


def wants(kind, code, call):
    """Checks that a call raises just this kind of exception, with a code for programs."""
    try:
        call()
    except openai.APIStatusError as e:
        assert type(e) is kind and e.code == code and e.request_id, repr(e)
        return e
    raise AssertionError(f"no {kind.__name__}")


def check_that_errors_are_the_right_exceptions():
    def chat(**more):
        arguments = {"model": MODEL, "messages": [user("Hello!")], "max_tokens": 1} | more
        return lambda: client.chat.completions.create(**arguments)

    wants(openai.NotFoundError, "model_not_found", chat(model="gpt-none"))
    wants(openai.BadRequestError, "context_length_exceeded", chat(messages=[user("word " * 5000)]))
    wants(openai.BadRequestError, "context_length_exceeded", chat(messages=[user("word " * 5000)], stream=True))
    e = wants(openai.BadRequestError, "decimal_above_max_value", chat(temperature=3))
    assert e.param == "temperature" and e.type == "invalid_request_error", repr(e)
    wants(openai.NotFoundError, "unknown_url", lambda: client.moderations.create(input="x"))
    wants(openai.BadRequestError, "model_not_supported", lambda: client.embeddings.create(model=MODEL, input="x"))


for name, check in list(globals().items()):
    if name.startswith("check_"):
        print(name.replace("_", " "), flush=True)
        check()

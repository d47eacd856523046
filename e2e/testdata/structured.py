"""Parses answers and uses the Responses API with the official Python client:
structured.py BASE_URL KEY MODEL EMBEDDER.

Each function whose name begins with "check_" states in its name what it checks.
"""

import datetime
import sys
from typing import Annotated, Literal, Optional, Union

import openai
from openai.types.responses import ParsedResponse, Response
from pydantic import BaseModel, Field

BASE_URL, KEY, MODEL, EMBEDDER = sys.argv[1:]
client = openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0)
MESSAGES = [{"role": "user", "content": "I need five ladders in Paris, soon."}]


class Post(BaseModel):
    by: Literal["post"]
    city: Literal["Paris", "Rome"]


class Hand(BaseModel):
    by: Literal["hand"]


class Order(BaseModel):
    """Orders a thing."""

    item: Literal["ladder", "rope"]
    count: int = Field(ge=1, le=99)
    share: float = Field(gt=0, lt=1)
    note: Optional[Annotated[str, Field(max_length=8)]]
    day: datetime.date
    tags: list[Literal["new", "used"]] = Field(max_length=2)
    to: Union[Post, Hand]


def check_that_an_answer_is_parsed_by_its_model():
    for seed in range(3):
        answer = client.chat.completions.parse(
            model=MODEL, messages=MESSAGES, response_format=Order, temperature=1, seed=seed, max_tokens=400
        )
        assert type(answer.choices[0].message.parsed) is Order


def check_that_a_streamed_answer_is_parsed_by_its_model():
    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, response_format=Order, temperature=1, seed=4, max_tokens=400
    ) as stream:
        kinds = {event.type for event in stream}
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert type(parsed) is Order and {"content.delta", "content.done"} <= kinds


def check_that_a_cut_answer_is_not_parsed():
    try:
        client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Order, max_tokens=4)
    except openai.LengthFinishReasonError as e:
        assert e.completion.usage.completion_tokens == 4
    else:
        raise AssertionError("an answer of four tokens was parsed")


def check_that_a_call_is_parsed_by_its_model():
    answer = client.chat.completions.parse(
        model=MODEL, messages=MESSAGES, tools=[openai.pydantic_function_tool(Order)], tool_choice="required",
        parallel_tool_calls=False, temperature=0, max_tokens=400,
    )
    (call,) = answer.choices[0].message.tool_calls
    assert type(call.function.parsed_arguments) is Order and answer.choices[0].finish_reason == "tool_calls"


def check_that_streamed_calls_add_up():
    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, tools=[openai.pydantic_function_tool(Order)], temperature=0, max_tokens=400,
        tool_choice={"type": "function", "function": {"name": "Order"}},
    ) as stream:
        pieces = [e.arguments_delta for e in stream if e.type == "tool_calls.function.arguments.delta"]
        (call,) = stream.get_final_completion().choices[0].message.tool_calls
    assert "".join(pieces) == call.function.arguments and len(pieces) > 1
    assert type(call.function.parsed_arguments) is Order


def check_that_a_response_has_its_types():
    answer = client.responses.create(model=MODEL, input="Name three colours.", temperature=0, max_output_tokens=12)
    assert type(answer) is Response and answer.output_text and answer.usage.output_tokens > 0
    Response.model_validate(answer.model_dump())


def check_that_a_response_is_kept_continued_listed_and_deleted():
    first = client.responses.create(model=MODEL, input="Name three colours.", max_output_tokens=12)
    second = client.responses.create(model=MODEL, input="More?", previous_response_id=first.id, max_output_tokens=4)
    assert second.usage.input_tokens > first.usage.total_tokens
    assert client.responses.retrieve(first.id).output_text == first.output_text
    (item,) = client.responses.input_items.list(first.id)
    assert item.content[0].text == "Name three colours."
    client.responses.delete(first.id)
    try:
        client.responses.retrieve(first.id)
    except openai.NotFoundError as e:
        assert e.code == "response_not_found"
    else:
        raise AssertionError("a deleted response was told")


def check_that_a_response_that_is_not_to_be_kept_is_not():
    answer = client.responses.create(model=MODEL, input="Hello!", max_output_tokens=2, store=False)
    try:
        client.responses.retrieve(answer.id)
    except openai.NotFoundError:
        return
    raise AssertionError("it was kept")


def check_that_a_streamed_response_says_what_the_whole_says():
    """It is cut: the last event is response.incomplete, and get_final_response wants response.completed."""
    asked = dict(model=MODEL, input="Name three colours.", temperature=0, max_output_tokens=12)
    whole = client.responses.create(**asked, extra_body={"cache_prompt": False, "ignore_eos": True})
    with client.responses.stream(**asked, extra_body={"cache_prompt": False, "ignore_eos": True}) as stream:
        events = list(stream)
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == events[-1].response.output_text == whole.output_text
    assert events[-1].type == "response.incomplete" and whole.status == "incomplete"


def check_that_a_streamed_response_is_parsed_by_its_model():
    with client.responses.stream(
        model=MODEL, input="I need five ladders.", text_format=Order, temperature=1, max_output_tokens=400,
        extra_body={"seed": 5},
    ) as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        last = stream.get_final_response()
    assert last.status == "completed" and last.output_text == said and type(last.output_parsed) is Order


def check_that_a_response_is_parsed_by_its_model():
    answer = client.responses.parse(
        model=MODEL, input="I need five ladders.", text_format=Order, temperature=1, max_output_tokens=400,
        extra_body={"seed": 5},
    )
    assert isinstance(answer, ParsedResponse) and type(answer.output_parsed) is Order


def check_that_a_call_of_a_response_is_answered():
    tools = [openai.pydantic_function_tool(Order)["function"] | {"type": "function"}]
    first = client.responses.create(
        model=MODEL, input="I need five ladders.", tools=tools, tool_choice="required", parallel_tool_calls=False,
        temperature=0, max_output_tokens=400,
    )
    (call,) = [item for item in first.output if item.type == "function_call"]
    Order.model_validate_json(call.arguments)
    second = client.responses.create(
        model=MODEL, tools=tools, tool_choice="none", previous_response_id=first.id, max_output_tokens=8,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "order 17"}],
    )
    assert [item.type for item in second.output] == ["message"]


for name, check in list(globals().items()):
    if name.startswith("check_"):
        print(name.replace("_", " "), flush=True)
        check()

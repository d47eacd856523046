// Talks to a server with the official Node client: client.mjs BASE_URL KEY MODEL EMBEDDER.
// Each function below states in its name what it checks.
import assert from "node:assert/strict";
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { zodFunction, zodResponseFormat, zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, apiKey, model, embedder] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "I need five ladders in Paris, soon." }];
const short = { model, messages, temperature: 0, max_tokens: 12 };

const Order = z.object({
  item: z.enum(["ladder", "rope"]),
  count: z.int(),
  share: z.number().min(0).max(1),
  note: z.string().max(8).nullable(),
  tags: z.array(z.literal(["new", "used"])).max(2),
  to: z.discriminatedUnion("by", [
    z.object({ by: z.literal("post"), city: z.enum(["Paris", "Rome"]) }),
    z.object({ by: z.literal("hand") }),
  ]),
});
const order = { name: "place_order", description: "Orders a thing.", parameters: Order };
const forced = { type: "function", function: { name: "place_order" } };

async function aWholeAnswer() {
  const answer = await client.chat.completions.create(short);
  assert.equal(answer.object, "chat.completion");
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(answer._request_id);
}

async function aStreamSaysWhatTheWholeAnswerSays() {
  const whole = await client.chat.completions.create({ ...short, cache_prompt: false });
  let text = "";
  const usage = [];
  const stream = await client.chat.completions.create({ ...short, cache_prompt: false, stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage.push(chunk.usage);
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.at(-1).completion_tokens, whole.usage.completion_tokens);
  assert.ok(usage.slice(0, -1).every((u) => u === null));
}

async function theStreamHelperPutsAnAnswerTogether() {
  const stream = client.chat.completions.stream(short);
  const pieces = [];
  stream.on("content", (piece) => pieces.push(piece));
  const last = await stream.finalChatCompletion();
  assert.equal(pieces.join(""), last.choices[0].message.content);
}

async function anAnswerIsParsedByItsZodSchema() {
  const answer = await client.chat.completions.parse({
    model, messages, temperature: 1, seed: 5, max_tokens: 400, response_format: zodResponseFormat(Order, "order"),
  });
  Order.parse(answer.choices[0].message.parsed);
}

async function aStreamedAnswerIsParsedByItsZodSchema() {
  const stream = client.chat.completions.stream({
    model, messages, temperature: 1, seed: 6, max_tokens: 400, response_format: zodResponseFormat(Order, "order"),
  });
  Order.parse((await stream.finalChatCompletion()).choices[0].message.parsed);
}

async function aFormatOfZodIsFollowed() {
  const Contact = z.object({ mail: z.email().max(40), day: z.iso.date(), id: z.uuid() });
  const answer = await client.chat.completions.parse({
    model, messages, temperature: 1, seed: 7, max_tokens: 300, response_format: zodResponseFormat(Contact, "contact"),
  });
  Contact.parse(answer.choices[0].message.parsed);
}

async function aCutAnswerIsNotParsed() {
  const cut = client.chat.completions.parse({ model, messages, max_tokens: 4, response_format: zodResponseFormat(Order, "order") });
  await assert.rejects(cut, (e) => e.constructor.name === "LengthFinishReasonError");
}

async function aModelThatIsFreeToCallAnswers() {
  const answer = await client.chat.completions.create({ ...short, max_tokens: 40, tools: [zodFunction(order)], tool_choice: "auto" });
  const { finish_reason, message } = answer.choices[0];
  assert.equal(finish_reason === "tool_calls", Boolean(message.tool_calls?.length));
}

async function aRequiredCallIsParsed() {
  const answer = await client.chat.completions.parse({
    model, messages, temperature: 0, max_tokens: 400, tools: [zodFunction(order)], tool_choice: "required", parallel_tool_calls: false,
  });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(answer.choices[0].finish_reason, "tool_calls");
  Order.parse(call.function.parsed_arguments);
}

async function theRunnerCallsTheFunctionWithWhatIsStreamed() {
  const called = [];
  const deltas = [];
  const runner = client.chat.completions.runTools({
    model, messages, temperature: 0, max_tokens: 400, stream: true, tool_choice: forced,
    tools: [zodFunction({ ...order, function: (given) => called.push(given) && "order 17" })],
  });
  runner.on("tool_calls.function.arguments.delta", (e) => deltas.push(e.arguments_delta));
  await runner.done();
  assert.equal(called.length, 1);
  Order.parse(called[0]);
  assert.ok(deltas.length > 1);
  assert.deepEqual(JSON.parse(deltas.join("")), called[0]);
}

async function theRunnerTellsTheResultToTheModel() {
  const runner = client.chat.completions.runTools(
    {
      model, messages, temperature: 0, max_tokens: 400, tool_choice: "required", parallel_tool_calls: false,
      tools: [zodFunction({ ...order, function: () => "order 17" })],
    },
    { maxChatCompletions: 2 },
  );
  await runner.done();
  assert.deepEqual(runner.messages.map((m) => m.role), ["user", "assistant", "tool", "assistant", "tool"]);
}

async function embeddingsAreTheSameInBothEncodings() {
  const [one, two] = (await client.embeddings.create({ model: embedder, input: ["a ship", "a boat"] })).data;
  const [plain] = (await client.embeddings.create({ model: embedder, input: "a ship", encoding_format: "float" })).data;
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  assert.equal(one.embedding.length, 384);
  assert.ok(dot(one.embedding, plain.embedding) > 0.99999);
  assert.ok(dot(one.embedding, two.embedding) > 0.5);
}

async function aResponseIsKeptContinuedListedAndDeleted() {
  const first = await client.responses.create({ model, input: "Name three colours.", temperature: 0, max_output_tokens: 16 });
  assert.ok(first.output_text);
  const second = await client.responses.create({ model, input: "One more?", previous_response_id: first.id, max_output_tokens: 4 });
  assert.equal(second.previous_response_id, first.id);
  assert.ok(second.usage.input_tokens > first.usage.total_tokens);
  assert.deepEqual((await client.responses.retrieve(first.id)).output, first.output);
  const items = [];
  for await (const item of client.responses.inputItems.list(first.id)) items.push(item);
  assert.equal(items.length, 1);
  assert.equal(items[0].content[0].text, "Name three colours.");
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), NotFoundError);
}

async function theResponseStreamTellsItsEvents() {
  const stream = client.responses.stream({ model, input: "Name three colours.", temperature: 0, max_output_tokens: 16 });
  const seen = [];
  let text = "";
  stream.on("event", (e) => seen.push(e.type));
  stream.on("response.output_text.delta", (e) => {
    text += e.delta;
    assert.equal(e.snapshot, text);
  });
  const last = await stream.finalResponse();
  assert.equal(last.output_text, text);
  assert.deepEqual(seen.slice(0, 4), ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]);
}

async function aResponseIsParsedByItsZodSchema() {
  const answer = await client.responses.parse({
    model, input: "I need five ladders.", temperature: 1, seed: 8, max_output_tokens: 400, text: { format: zodTextFormat(Order, "order") },
  });
  Order.parse(answer.output_parsed);
}

async function aCallOfAResponseIsParsedAndAnswered() {
  const tools = [zodResponsesFunction(order)];
  const first = await client.responses.parse({
    model, input: "I need five ladders.", temperature: 0, max_output_tokens: 400, tools, tool_choice: { type: "function", name: "place_order" },
  });
  const call = first.output.find((item) => item.type === "function_call");
  Order.parse(call.parsed_arguments);
  const second = await client.responses.create({
    model, tools, tool_choice: "none", previous_response_id: first.id, max_output_tokens: 8,
    input: [{ type: "function_call_output", call_id: call.call_id, output: "order 17" }],
  });
  assert.equal(second.output[0].type, "message");
}

async function errorsHaveTheirTypes() {
  const told = (kind, status, code) => (e) => e instanceof kind && e.status === status && e.code === code && Boolean(e.requestID);
  const chat = (more) => client.chat.completions.create({ ...short, ...more });
  await assert.rejects(chat({ model: "gpt-none" }), told(NotFoundError, 404, "model_not_found"));
  await assert.rejects(chat({ temperature: 3 }), told(BadRequestError, 400, "decimal_above_max_value"));
  await assert.rejects(chat({ temperature: 3, stream: true }), told(BadRequestError, 400, "decimal_above_max_value"));
  const stranger = new OpenAI({ baseURL, apiKey: "sk-eve", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), told(AuthenticationError, 401, "invalid_api_key"));
}

async function modelsAreListedByPage() {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.deepEqual(ids, [model, embedder]);
}

async function aStreamCanBeAborted() {
  const abort = new AbortController();
  const stream = await client.chat.completions.create({ ...short, max_tokens: 1000, ignore_eos: true, stream: true }, { signal: abort.signal });
  let chunks = 0;
  try {
    for await (const _ of stream) if (++chunks === 2) abort.abort();
  } catch (e) {
    assert.ok(e instanceof APIUserAbortError);
  }
  assert.ok(chunks < 1000);
  assert.ok((await client.chat.completions.create(short)).choices[0].message.content);
}

for (const check of [
  aWholeAnswer, aStreamSaysWhatTheWholeAnswerSays, theStreamHelperPutsAnAnswerTogether,
  anAnswerIsParsedByItsZodSchema, aStreamedAnswerIsParsedByItsZodSchema, aFormatOfZodIsFollowed, aCutAnswerIsNotParsed,
  aModelThatIsFreeToCallAnswers, aRequiredCallIsParsed, theRunnerCallsTheFunctionWithWhatIsStreamed, theRunnerTellsTheResultToTheModel,
  embeddingsAreTheSameInBothEncodings,
  aResponseIsKeptContinuedListedAndDeleted, theResponseStreamTellsItsEvents, aResponseIsParsedByItsZodSchema, aCallOfAResponseIsParsedAndAnswered,
  errorsHaveTheirTypes, modelsAreListedByPage, aStreamCanBeAborted,
]) {
  console.log(check.name);
  await check();
}

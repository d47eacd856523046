"use strict";

// Shows /openapi.json: operations by tag, their parameters, schemas and answers,
// and a form that sends a request. Texts are only ever set as text.
let description;

// make returns an element with attributes and children, of which strings are text.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

// resolve follows a reference within the description.
function resolve(value) {
  if (!value || !value.$ref) return value;
  return resolve(value.$ref.slice(2).split("/").reduce((at, name) => at[name], description));
}

function operations() {
  const all = [];
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (method === "parameters") continue;
      const parameters = [...(item.parameters || []), ...(operation.parameters || [])].map(resolve);
      all.push({ ...operation, method: method.toUpperCase(), path, parameters });
    }
  }
  return all;
}

// prose turns `code` into elements and keeps paragraphs.
function prose(text = "") {
  return text.split("\n\n").map((paragraph) =>
    make("p", {}, ...paragraph.split("`").map((piece, i) => (i % 2 ? make("code", {}, piece) : piece))));
}

// kind names the type of a schema in a few words.
function kind(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(kind).join(" | ");
  if (schema.allOf) return schema.allOf.map(kind).join(" & ");
  if (schema.type === "array" && schema.items) return `array of ${kind(schema.items)}`;
  return [schema.type || "any"].flat().join(" | ");
}

const limits = ["default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "pattern"];

function limitsOf(schema) {
  const parts = schema.anyOf && schema.anyOf.length === 2 && schema.anyOf[1].type === "null" ? schema.anyOf[0] : schema;
  return limits.filter((name) => parts[name] !== undefined).map((name) => `${name} ${JSON.stringify(parts[name])}`).join(", ");
}

// isOpenable tells whether a schema has more to show than its kind.
function isOpenable(schema) {
  const inner = resolve(schema);
  return Boolean(inner && (inner.properties || (inner.items && isOpenable(inner.items)) || (inner.anyOf || inner.allOf || []).some(isOpenable)));
}

// schemaView shows what a schema holds. What lies deeper is made when it is opened.
function schemaView(schema) {
  const inner = resolve(schema);
  if (inner.properties) {
    const required = new Set(inner.required || []);
    const first = Object.entries(inner.properties).sort(([a], [b]) => required.has(b) - required.has(a));
    return make("ul", { class: "fields" }, ...first.map(([name, field]) => fieldView(name, field, required.has(name))));
  }
  if (inner.items) return schemaView(inner.items);
  const view = make("div");
  for (const part of inner.allOf || []) if (isOpenable(part)) view.append(schemaView(part));
  for (const part of inner.anyOf || []) if (isOpenable(part)) view.append(later(kind(part), part));
  return view;
}

function later(label, schema) {
  const details = make("details", {}, make("summary", {}, make("code", {}, label)));
  details.addEventListener("toggle", () => details.append(schemaView(schema)), { once: true });
  return details;
}

function fieldView(name, schema, required) {
  const line = make("li", {}, make("code", {}, name), " ", make("span", { class: "quiet" }, kind(schema)), required ? make("strong", {}, " required") : "");
  const about = [resolve(schema).description, limitsOf(schema)].filter(Boolean).join(" ");
  if (about) line.append(make("div", { class: "quiet" }, about));
  if (isOpenable(schema)) line.append(later("fields", schema));
  return line;
}

function contentView(content) {
  return Object.entries(content || {}).flatMap(([media, body]) => {
    const schema = body["x-itemSchema"] || body.schema;
    return [make("p", {}, make("code", {}, media), body["x-itemSchema"] ? " each event:" : "", " ", make("span", { class: "quiet" }, kind(schema))),
      isOpenable(schema) ? schemaView(schema) : ""];
  });
}

function answersView(responses) {
  return make("div", {}, make("h3", {}, "Answers"), ...Object.entries(responses).map(([status, answer]) => {
    const { description: about, headers, content } = resolve(answer);
    const details = make("details", {}, make("summary", {}, make("code", {}, status), ` ${about}`));
    details.addEventListener("toggle", () => details.append(
      make("p", { class: "quiet" }, `Headers: ${Object.keys(headers || {}).join(", ")}`), ...contentView(content)), { once: true });
    return details;
  }));
}

// example returns a body to begin with: what is required.
function example(schema) {
  const inner = resolve(schema);
  if (inner.examples) return inner.examples[0];
  if (inner.const !== undefined) return inner.const;
  if (inner.allOf) return Object.assign({}, ...inner.allOf.map(example));
  if (inner.anyOf) return example(inner.anyOf[0]);
  if (inner.properties) return Object.fromEntries((inner.required || []).filter((name) => inner.properties[name]).map((name) => [name, example(inner.properties[name])]));
  if (inner.enum) return inner.enum[0];
  return { string: "", array: [], boolean: false, integer: inner.minimum || 1, number: 1, object: {} }[inner.type] ?? null;
}

// tryView is a form that sends the request.
function tryView(operation) {
  const inputs = operation.parameters.map((parameter) => [parameter, make("input", { type: "text", name: parameter.name })]);
  const body = operation.requestBody && make("textarea", { spellcheck: "false", "aria-label": "Body" });
  if (body) body.value = JSON.stringify(example(operation.requestBody.content["application/json"].schema), null, 2);
  const said = make("pre", { "aria-live": "polite", tabindex: "0", hidden: "" });
  const running = { control: null };
  const form = make("form", { onsubmit: (event) => { event.preventDefault(); send(operation, inputs, body, said, running); } },
    make("h3", {}, "Try it"),
    ...inputs.map(([parameter, input]) => make("div", { class: "row" }, make("label", {}, `${parameter.name} (${parameter.in}) `, input))),
    body || "",
    make("div", { class: "row" }, make("button", { type: "submit" }, "Send"), make("button", { type: "button", onclick: () => running.control && running.control.abort() }, "Stop")),
    said);
  return form;
}

// address fills the parameters of an operation into its path.
function address(operation, inputs) {
  let path = operation.path;
  const query = new URLSearchParams();
  for (const [parameter, input] of inputs) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(parameter.name, input.value);
  }
  return path.slice(1) + (query.size ? `?${query}` : "");
}

async function send(operation, inputs, body, said, running) {
  if (running.control) running.control.abort();
  const control = running.control = new AbortController();
  const key = document.getElementById("key").value;
  const headers = { ...(key && { Authorization: `Bearer ${key}` }), ...(body && { "Content-Type": "application/json" }) };
  said.hidden = false;
  said.classList.remove("bad");
  said.textContent = "…";
  try {
    const answer = await fetch(address(operation, inputs), { method: operation.method, headers, body: body ? body.value : undefined, signal: control.signal });
    said.classList.toggle("bad", !answer.ok);
    await show(answer, said);
  } catch (error) {
    if (error.name !== "AbortError") {
      said.classList.add("bad");
      said.textContent = `No answer: ${error.message}`;
    }
  }
}

// show writes an answer as it comes.
async function show(answer, said) {
  said.textContent = `${answer.status} ${answer.statusText}\n\n`;
  if ((answer.headers.get("Content-Type") || "").startsWith("application/json")) {
    const text = await answer.text();
    said.textContent += text && JSON.stringify(JSON.parse(text), null, 2);
    return;
  }
  const decoder = new TextDecoder();
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return;
    said.append(decoder.decode(value, { stream: true }));
  }
}

function operationView(operation) {
  const details = make("details", { class: "operation", id: operation.operationId },
    make("summary", {}, make("span", { class: "method" }, operation.method), " ", make("code", {}, operation.path), ` ${operation.summary}`));
  details.addEventListener("toggle", () => details.append(
    ...prose(operation.description),
    ...(operation.parameters.length ? [make("h3", {}, "Parameters"), make("ul", { class: "fields" }, ...operation.parameters.map((parameter) => fieldView(parameter.name, { ...parameter.schema, description: parameter.description }, parameter.required)))] : []),
    ...(operation.requestBody ? [make("h3", {}, "Body"), ...contentView(operation.requestBody.content)] : []),
    answersView(operation.responses), tryView(operation)), { once: true });
  return details;
}

// open shows the operation that the address names.
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus();
  }
}

function showAll() {
  document.getElementById("about").replaceWith(make("div", {}, make("p", { class: "quiet" }, `Version ${description.info.version}`), ...prose(description.info.description)));
  const contents = document.getElementById("contents"), main = document.getElementById("operations"), all = operations();
  main.replaceChildren();
  for (const tag of description.tags) {
    const own = all.filter((operation) => operation.tags.includes(tag.name));
    main.append(make("h2", {}, tag.name), ...prose(tag.description), ...own.map(operationView));
    contents.append(make("h2", {}, tag.name), make("ul", {}, ...own.map((operation) => make("li", {}, make("a", { href: `#${operation.operationId}` }, `${operation.method} ${operation.path}`)))));
  }
  open();
}

async function start() {
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    description = await answer.json();
    showAll();
  } catch (error) {
    document.getElementById("operations").replaceChildren(make("p", { class: "bad" }, `The description could not be loaded: ${error.message}`));
  }
}

addEventListener("hashchange", open);
start();

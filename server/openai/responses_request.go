package openai

import (
	"encoding/json"
	"math"

	"github.com/moltbot/moltbot/engine/chat"
)

// responsesRequest is a decoded body of /v1/responses. The conversation of its
// chat lacks messages until what came before has been read.
type responsesRequest struct {
	chatRequest
	input        []item
	instructions string
	previous     string // id of the response that this one continues; "": none
	store        bool
	background   bool
	truncate     bool // leave out the oldest turns where there is no room for them
	told         requestEcho
}

// requestEcho is what a response repeats of its request.
type requestEcho struct {
	Instructions    *string           `json:"instructions"`
	MaxOutputTokens *int              `json:"max_output_tokens"`
	Metadata        map[string]string `json:"metadata"`
	Parallel        bool              `json:"parallel_tool_calls"`
	Previous        *string           `json:"previous_response_id"`
	Reasoning       reasoningEcho     `json:"reasoning"`
	Temperature     float64           `json:"temperature"`
	Text            textEcho          `json:"text"`
	ToolChoice      json.RawMessage   `json:"tool_choice"`
	Tools           []toolEcho        `json:"tools"`
	TopLogprobs     int               `json:"top_logprobs,omitempty"`
	TopP            float64           `json:"top_p"`
	Truncation      string            `json:"truncation"`
	User            string            `json:"user,omitempty"`
}

type reasoningEcho struct {
	Effort  *string `json:"effort"`
	Summary *string `json:"summary"`
}

type textEcho struct {
	Format json.RawMessage `json:"format"`
}

type toolEcho struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      bool            `json:"strict"`
}

// unservedInResponses is refused by /v1/responses.
var unservedInResponses = refusals{
	{"conversation", never},
	{"prompt", never},
	{"max_tool_calls", never},
	{"context_management", emptyList},
	{"moderation", never},
	{"access_programs", emptyObject},
	{"prompt_cache_options", emptyObject},
	{"messages", never},
	{"response_format", never},
	{"max_tokens", never},
	{"max_completion_tokens", never},
	{"reasoning_effort", never},
	{"functions", emptyList},
	{"function_call", oneOf("none", "auto")},
	{"n", isOne},
	{"logprobs", isFalse},
	{"grammar", emptyText},
	{"regex", emptyText},
}

func isOne(v value) bool { return v.integer(1, maxChoices, 1) == 1 }

// decodeResponses reads a body: shape and ranges, nothing else.
func decodeResponses(o object) (responsesRequest, error) {
	unservedInResponses.check(o)
	r := responsesRequest{
		chatRequest:  chatRequest{params: decodeParams(o), metadata: decodeMetadata(o.get("metadata")), toolSchema: "parameters"},
		input:        decodeResponseInput(o.get("input")),
		instructions: o.get("instructions").str(),
		previous:     o.get("previous_response_id").str(),
		store:        true,
	}
	if v := o.get("store"); v.isSet() {
		r.store = v.boolean()
	}
	if r.background = o.get("background").boolean(); r.background && !r.store {
		o.get("background").fail("invalid_value", "Invalid 'background': a response in the background has to be stored, and 'store' is false.")
	}
	if r.background && r.stream {
		o.get("background").fail("unsupported_parameter", "Unsupported value for 'background': this server does not stream a response in the background; ask for it with GET until it has ended.")
	}
	r.maxTokens = int(o.get("max_output_tokens").integer(1, math.MaxInt32, 0))
	r.format = decodeTextFormat(o.get("text").object())
	r.conversation = decodeResponseChat(o)
	r.conversation.Schema = r.format.schema
	r.topLogprobs = int(o.get("top_logprobs").integer(0, 20, 0))
	r.logprobs = decodeInclude(o.get("include")) || r.topLogprobs > 0
	r.truncate = o.get("truncation").enum("auto", "disabled") == "auto"
	o.get("safety_identifier").text(128)
	o.get("prompt_cache_key").str()
	o.get("prompt_cache_retention").enum("in_memory", "in-memory", "24h")
	r.told = newRequestEcho(o, r)
	return r, o.first.err()
}

// decodeResponseChat reads what goes to the template beside the messages.
func decodeResponseChat(o object) chat.Conversation {
	c := chat.Conversation{Tools: decodeFlatTools(o.get("tools")), Parallel: true, Kwargs: decodeKwargs(o.get("chat_template_kwargs"))}
	c.Choice = decodeFlatChoice(o.get("tool_choice"), c.Tools)
	if v := o.get("parallel_tool_calls"); v.isSet() {
		c.Parallel = v.boolean()
	}
	reasoning := o.get("reasoning").object()
	effort := reasoning.get("effort")
	effort.enum("none", "minimal", "low", "medium", "high", "xhigh", "max")
	if _, given := c.Kwargs["reasoning_effort"]; effort.isSet() && !given {
		c.Kwargs["reasoning_effort"] = string(effort.raw)
	}
	refusals{{"summary", oneOf("auto")}, {"generate_summary", oneOf("auto")}}.check(reasoning)
	return c
}

// decodeTextFormat reads text: the format of the answer's text.
func decodeTextFormat(o object) format {
	refusals{{"verbosity", oneOf("medium")}}.check(o)
	f := o.get("format")
	if !f.isSet() || !f.is("object") {
		return format{}
	}
	asked := f.object()
	if asked.get("type").str() == "json_schema" {
		asked.need("name")
	}
	schema := decodeResponseFormat(asked)
	if schema == "" {
		return format{}
	}
	return format{schema: schema, param: "text.format"}
}

// decodeInclude reads what is to be told besides, and returns whether
// log-probabilities are. Parts of tools that this server doesn't run are told by
// saying nothing; reasoning comes as plain text.
func decodeInclude(v value) (logprobs bool) {
	const wanted = "message.output_text.logprobs"
	for _, e := range v.items() {
		logprobs = logprobs || e.str() == wanted
		e.enum(wanted, "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
			"message.input_image.image_url", "computer_call_output.output.image_url",
			"code_interpreter_call.outputs", "reasoning.encrypted_content")
	}
	return logprobs
}

// newRequestEcho gathers what the response repeats.
func newRequestEcho(o object, r responsesRequest) requestEcho {
	e := requestEcho{
		Instructions: orNull(r.instructions),
		Metadata:     r.metadata,
		Parallel:     r.conversation.Parallel,
		Previous:     orNull(r.previous),
		Reasoning:    reasoningEcho{Effort: orNull(o.get("reasoning").object().get("effort").str())},
		Temperature:  r.sampling.Temperature,
		Text:         textEcho{rawOr(o.get("text").object().get("format"), `{"type":"text"}`)},
		ToolChoice:   rawOr(o.get("tool_choice"), `"auto"`),
		Tools:        toolEchoes(r.conversation.Tools),
		TopP:         o.get("top_p").number(0, 1, 1),
		TopLogprobs:  r.topLogprobs,
		Truncation:   map[bool]string{true: "auto", false: "disabled"}[r.truncate],
		User:         o.get("user").str(),
	}
	if e.Metadata == nil {
		e.Metadata = map[string]string{}
	}
	if r.maxTokens > 0 {
		e.MaxOutputTokens = &r.maxTokens
	}
	return e
}

// rawOr returns a value as it came, or what stands for one that did not come.
func rawOr(v value, otherwise string) json.RawMessage {
	if !v.isSet() {
		return json.RawMessage(otherwise)
	}
	return json.RawMessage(compact(v.raw))
}

func toolEchoes(tools []chat.Tool) []toolEcho {
	echoes := make([]toolEcho, len(tools))
	for i, t := range tools {
		echoes[i] = toolEcho{"function", t.Name, orNull(t.Description), json.RawMessage(t.Schema()), t.Strict}
	}
	return echoes
}

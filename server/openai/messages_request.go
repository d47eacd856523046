package openai

import (
	"math"

	"github.com/moltbot/moltbot/engine/sample"
)

const (
	maxStopSequences  = 64
	minThinkingBudget = 1024 // the public API's limit
)

// messagesRequest is a decoded body of /v1/messages. It is a chat request by
// another spelling; eager names the tools whose input is told as it comes.
type messagesRequest struct {
	chatRequest
	eager map[string]bool
}

// messagesUnserved are the fields of Anthropic's API that ask for what there is not.
var messagesUnserved = refusals{
	{"container", never},
	{"mcp_servers", emptyList},
	{"context_management", emptyObject},
	{"diagnostics", never},
	{"speed", oneOf("standard")},
}

// decodeMessagesRequest reads a body that asks for an answer.
func decodeMessagesRequest(o object) (messagesRequest, error) {
	r := decodeAsked(o)
	r.params = params{
		model:     decodeModel(o.get("model")),
		n:         1,
		stream:    o.get("stream").boolean(),
		maxTokens: int(o.need("max_tokens").integer(1, math.MaxInt32, 0)),
		stop:      decodeStopSequences(o.get("stop_sequences")),
		sampling:  decodeMessagesSampling(o),
	}
	o.get("metadata").object().get("user_id").text(512)
	o.get("service_tier").enum("auto", "standard_only")
	if budget := decodeThinking(o.get("thinking"), &r); budget >= r.maxTokens && o.first.e == nil {
		o.get("thinking").fail("invalid_value", "Invalid 'thinking.budget_tokens': it must be less than 'max_tokens'.")
	}
	return r, o.first.err()
}

// decodeCounted reads a body whose tokens are to be counted.
func decodeCounted(o object) (messagesRequest, error) {
	r := decodeAsked(o)
	r.model = decodeModel(o.get("model"))
	decodeThinking(o.get("thinking"), &r)
	return r, o.first.err()
}

// decodeAsked reads what the model is to read.
func decodeAsked(o object) (r messagesRequest) {
	r.toolSchema = "input_schema"
	c := &r.conversation
	c.Messages = append(decodeSystem(o.get("system")), decodeTurns(o.need("messages"))...)
	c.Tools, r.eager = decodeMessagesTools(o.get("tools"))
	c.Parallel, c.Kwargs = true, decodeKwargs(o.get("chat_template_kwargs"))
	decodeMessagesChoice(o.get("tool_choice"), c)
	decodeOutputConfig(o.get("output_config").object(), &r)
	messagesUnserved.check(o)
	return r
}

// decodeOutputConfig reads the schema of the answer, and the effort, which the template is told.
func decodeOutputConfig(o object, r *messagesRequest) {
	if effort := o.get("effort"); effort.isSet() {
		effort.enum("low", "medium", "high", "xhigh", "max")
		r.kwarg("reasoning_effort", string(effort.raw))
	}
	if v := o.get("format"); v.isSet() && v.is("object") {
		f := v.object()
		f.need("type").enum("json_schema")
		r.format = format{schema: decodeSchema(f.need("schema"), ""), param: v.path}
		r.conversation.Schema = r.format.schema
	}
}

// decodeThinking tells the template whether the model is to think, which without
// a word it is not, and returns the budget; 0: none.
func decodeThinking(v value, r *messagesRequest) (budget int) {
	o := v.object()
	kind := "disabled"
	if v.isSet() {
		kind = o.need("type").enum("enabled", "adaptive", "disabled")
	}
	if kind == "enabled" {
		budget = int(o.need("budget_tokens").integer(minThinkingBudget, math.MaxInt32, 0))
	}
	if display := o.get("display"); display.enum("summarized", "omitted") == "omitted" {
		display.fail("unsupported_value", "Unsupported value for '%s': this server does not hide what was thought.", display.path)
	}
	if kind != "disabled" && r.conversation.Choice.Forced() {
		v.fail("invalid_value", "Invalid 'thinking': thinking may not be enabled when 'tool_choice' forces tool use.")
	}
	r.kwarg("enable_thinking", map[bool]string{true: "true", false: "false"}[kind != "disabled"])
	return budget
}

// kwarg tells the template something, unless chat_template_kwargs has its own word.
func (r *messagesRequest) kwarg(name, value string) {
	if _, given := r.conversation.Kwargs[name]; !given {
		r.conversation.Kwargs[name] = value
	}
}

// decodeMessagesSampling reads how tokens are chosen; temperatures end at 1 here.
func decodeMessagesSampling(o object) sample.Params {
	o.get("temperature").number(0, 1, 1)
	return decodeSampling(o)
}

func decodeStopSequences(v value) (stops []string) {
	items := v.items()
	if len(items) > maxStopSequences {
		v.fail("array_above_max_length", "Invalid '%s': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", v.path, maxStopSequences, len(items))
	}
	for _, item := range items {
		if item.is("string") && item.str() == "" {
			item.fail("invalid_value", "Invalid '%s': empty string. Expected a string with minimum length 1.", item.path)
		}
		stops = append(stops, item.str())
	}
	return stops
}

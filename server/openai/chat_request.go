package openai

import (
	"encoding/json"
	"math"
	"regexp"

	"github.com/moltbot/moltbot/engine/chat"
)

// chatRequest is a decoded body of /v1/chat/completions.
type chatRequest struct {
	params
	conversation chat.Conversation
	format       format
	toolSchema   string // where the schema of a tool stands in it
	logprobs     bool
	topLogprobs  int
	metadata     map[string]string
	store        bool
	stored       []storedMessage // what is stored of the messages, if it is
}

// decodeChat reads a body: shape and ranges, nothing else.
func decodeChat(o object) (chatRequest, error) {
	r := chatRequest{
		params:       decodeParams(o),
		conversation: decodeConversation(o),
		format:       decodeFormat(o),
		toolSchema:   "function.parameters",
		logprobs:     o.get("logprobs").boolean(),
		topLogprobs:  int(o.get("top_logprobs").integer(0, 20, 0)),
		metadata:     decodeMetadata(o.get("metadata")),
	}
	r.maxTokens = decodeMaxTokens(o)
	if v := o.get("top_logprobs"); v.isSet() && !r.logprobs {
		v.fail("invalid_value", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
	}
	r.conversation.Schema = r.format.schema
	if r.format.grammar != nil && len(r.conversation.Callable()) > 0 {
		o.get(r.format.param).fail("invalid_value", "Invalid '%s': it can't be combined with 'tools'.", r.format.param)
	}
	if r.store = o.get("store").boolean(); r.store {
		r.stored = decodeStored(o.get("messages"))
	}
	decodeHints(o)
	unserved.check(o)
	unservedInChat.check(o)
	return r, o.first.err()
}

// decodeMaxTokens reads the limit under both its names; the newer one wins.
func decodeMaxTokens(o object) int {
	older := o.get("max_tokens").integer(1, math.MaxInt32, 0)
	return int(o.get("max_completion_tokens").integer(1, math.MaxInt32, older))
}

// decodeHints checks the fields that tell a cloud how to route, cache and bill,
// of which nothing can be wanted here but that they are well formed.
func decodeHints(o object) {
	o.get("safety_identifier").text(128)
	o.get("prompt_cache_key").str()
	o.get("prompt_cache_retention").enum("in_memory", "in-memory", "24h")
}

// decodeConversation reads the messages and what goes to the template beside them.
func decodeConversation(o object) chat.Conversation {
	kwargs := decodeKwargs(o.get("chat_template_kwargs"))
	effort := o.get("reasoning_effort")
	effort.enum("none", "minimal", "low", "medium", "high", "xhigh", "max")
	if _, given := kwargs["reasoning_effort"]; effort.isSet() && !given {
		kwargs["reasoning_effort"] = string(effort.raw)
	}
	c := chat.Conversation{Messages: decodeMessages(o.need("messages")), Tools: decodeTools(o.get("tools")), Parallel: true, Kwargs: kwargs}
	c.Choice = decodeToolChoice(o.get("tool_choice"), c.Tools)
	if v := o.get("parallel_tool_calls"); v.isSet() {
		c.Parallel = v.boolean()
	}
	return c
}

var kwargName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// decodeKwargs reads chat_template_kwargs: JSON by name of a template variable.
func decodeKwargs(v value) map[string]string {
	o := v.object()
	kwargs := make(map[string]string, len(o.fields))
	for _, name := range o.names() {
		if !kwargName.MatchString(name) {
			v.fail("invalid_value", "Invalid key in '%s': '%s'. Expected the name of a variable.", v.path, shorten(name))
		}
		kwargs[name] = compact(o.fields[name])
	}
	return kwargs
}

// compact writes JSON without spaces. It has been parsed before, so it can be.
func compact(raw json.RawMessage) string {
	b, err := json.Marshal(raw)
	if err != nil {
		return string(raw)
	}
	return string(b)
}

// decodeMetadata reads up to 16 pairs of strings, which the answer repeats.
func decodeMetadata(v value) map[string]string {
	const pairs, key, text = 16, 64, 512 // the public API's limits
	if !v.isSet() {
		return nil
	}
	o := v.object()
	if len(o.fields) > pairs {
		v.fail("object_above_max_properties", "Invalid 'metadata': at most %d pairs are allowed.", pairs)
	}
	m := make(map[string]string, len(o.fields))
	for _, name := range o.names() {
		if len(name) > key {
			v.fail("invalid_value", "Invalid 'metadata': key too long. Expected at most %d bytes.", key)
		}
		if o.get(name).is("string") {
			m[name] = o.get(name).text(text)
		}
	}
	return m
}

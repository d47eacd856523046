package openai

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/moltbot/moltbot/batching"
	"github.com/moltbot/moltbot/engine"
	"github.com/moltbot/moltbot/engine/sample"
)

const (
	maxChoices = 128 // of one request, over all its prompts
	maxStops   = 4
	maxBias    = 1024 // tokens in logit_bias
)

// params are what both kinds of completion take.
type params struct {
	model        string
	n            int
	stream       bool
	includeUsage bool
	tier         string // service_tier as asked for; empty: not said
	maxTokens    int    // 0: until the context is full
	stop         []string
	sampling     sample.Params
	ignoreEOS    bool
	noCache      bool
}

// decodeParams reads the common fields: shapes and ranges, nothing that needs the model.
func decodeParams(o object) params {
	p := params{
		model:     decodeModel(o.get("model")),
		n:         int(o.get("n").integer(1, maxChoices, 1)),
		stream:    o.get("stream").boolean(),
		tier:      o.get("service_tier").enum("auto", "default", "flex", "priority"),
		stop:      decodeStop(o.get("stop")),
		sampling:  decodeSampling(o),
		ignoreEOS: o.get("ignore_eos").boolean(),
	}
	p.includeUsage = decodeStreamOptions(o.get("stream_options"), p.stream)
	if v := o.get("cache_prompt"); v.isSet() {
		p.noCache = !v.boolean()
	}
	o.get("user").str()
	return p
}

func decodeModel(v value) string {
	if id := v.str(); id != "" {
		return id
	}
	v.fail("missing_required_parameter", "you must provide a model parameter")
	return ""
}

// decodeStreamOptions returns include_usage. Obfuscation, which pads events
// against eavesdroppers on the way to a cloud, is not done.
func decodeStreamOptions(v value, stream bool) bool {
	if v.isSet() && !stream {
		v.fail("invalid_value", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	o := v.object()
	o.get("include_obfuscation").boolean()
	return o.get("include_usage").boolean()
}

// decodeStop reads a string or up to four.
func decodeStop(v value) []string {
	if v.kind() == "array" {
		return decodeStops(v)
	}
	if !v.isSet() {
		return nil
	}
	if s := v.str(); s != "" {
		return []string{s}
	}
	v.fail("invalid_value", "Invalid 'stop': expected a non-empty string or an array of them.")
	return nil
}

func decodeStops(v value) (stops []string) {
	items := v.items()
	if len(items) > maxStops {
		v.fail("array_above_max_length", "Invalid 'stop': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxStops, len(items))
	}
	for _, item := range items {
		if !item.is("string") {
			return nil
		}
		if item.str() == "" {
			item.fail("invalid_value", "Invalid '%s': empty string. Expected a string with minimum length 1.", item.path)
		}
		stops = append(stops, item.str())
	}
	return stops
}

// decodeSampling reads how tokens are chosen: OpenAI's fields, then ours.
func decodeSampling(o object) sample.Params {
	return sample.Params{
		Temperature:      o.get("temperature").number(0, 2, 1),
		TopP:             decodeTopP(o.get("top_p")),
		FrequencyPenalty: o.get("frequency_penalty").number(-2, 2, 0),
		PresencePenalty:  o.get("presence_penalty").number(-2, 2, 0),
		LogitBias:        decodeBias(o.get("logit_bias")),
		Seed:             decodeSeed(o.get("seed")),
		TopK:             max(0, int(o.get("top_k").integer(-1, math.MaxInt32, 0))), // -1 and 0: all
		MinP:             o.get("min_p").number(0, 1, 0),
		TypicalP:         o.get("typical_p").number(0, 1, 0),
		RepeatPenalty:    o.get("repeat_penalty").number(0, 10, 0),
	}
}

// decodeTopP reads top_p. 0 keeps the likeliest token alone, which for the
// sampler is the smallest mass above 0.
func decodeTopP(v value) float64 {
	return max(v.number(0, 1, 1), math.SmallestNonzeroFloat32)
}

// decodeSeed reads the seed; without one it is drawn.
func decodeSeed(v value) uint64 {
	if v.isSet() {
		return uint64(v.integer(math.MinInt64, math.MaxInt64, 0))
	}
	return rand.Uint64()
}

// decodeBias reads logit_bias, an object of token ids.
func decodeBias(v value) map[int32]float64 {
	o := v.object()
	if len(o.fields) > maxBias {
		v.fail("object_above_max_properties", "Invalid 'logit_bias': at most %d tokens are allowed.", maxBias)
	}
	var bias map[int32]float64
	for _, name := range o.names() {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil || strings.HasPrefix(name, "+") {
			v.fail("invalid_value", "Invalid key in 'logit_bias': '%s'. Expected a token id.", shorten(name))
			break
		}
		if bias == nil {
			bias = make(map[int32]float64, len(o.fields))
		}
		bias[int32(id)] = o.get(name).number(-100, 100, 0)
	}
	return bias
}

// checkVocab checks what needs the model: that biased tokens are in its vocabulary.
func (p params) checkVocab(v engine.Vocab) error {
	for _, id := range slices.Sorted(maps.Keys(p.sampling.LogitBias)) {
		if int(id) < 0 || int(id) >= v.Len() {
			return badRequest("logit_bias", "invalid_value", "Invalid key in 'logit_bias': %d. The vocabulary of this model has the tokens 0 to %d.", id, v.Len()-1)
		}
	}
	return nil
}

// request returns what choice k of one prompt asks of the engine. Each choice
// has its own seed, so that asking for n gives n answers.
func (p params) request(by Caller, k int, prompt []engine.Token) engine.Request {
	s := p.sampling
	s.Seed += uint64(k)
	return engine.Request{
		ID:        by.RequestID,
		Partition: by.Partition,
		Prompt:    prompt,
		MaxTokens: p.maxTokens,
		Stop:      p.stop,
		Sampling:  s,
		IgnoreEOS: p.ignoreEOS,
		NoCache:   p.noCache,
		Class:     classes[p.served()],
	}
}

var classes = map[string]batching.Class{
	"priority": batching.PriorityClass, "default": batching.DefaultClass, "flex": batching.FlexClass,
}

// Tiers are the service tiers, from low to high.
var Tiers = []string{"flex", "default", "priority"}

// cap lowers the tier to the highest that is allowed; "" allows any.
func (p *params) cap(highest string) {
	if highest != "" && slices.Index(Tiers, p.served()) > slices.Index(Tiers, highest) {
		p.tier = highest
	}
}

// served returns the tier that a request is served in.
func (p params) served() string {
	if p.tier == "" || p.tier == "auto" {
		return "default"
	}
	return p.tier
}

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared/constant"
)

// order is what a schema asks for.
type order struct {
	Item    string   `json:"item"`
	Count   int      `json:"count"`
	Urgency string   `json:"urgency"`
	Notes   []string `json:"notes"`
}

var orderSchema = map[string]any{
	"type": "object", "additionalProperties": false, "required": []string{"item", "count", "urgency", "notes"},
	"properties": map[string]any{
		"item":    map[string]any{"type": "string", "maxLength": 20},
		"count":   map[string]any{"type": "integer", "minimum": 1, "maximum": 99},
		"urgency": map[string]any{"enum": []string{"low", "high"}},
		"notes":   map[string]any{"type": "array", "items": map[string]any{"type": "string", "maxLength": 10}, "maxItems": 2},
	},
}

func (o order) check() error {
	if len([]rune(o.Item)) > 20 || o.Count < 1 || o.Count > 99 || !slices.Contains([]string{"low", "high"}, o.Urgency) || len(o.Notes) > 2 {
		return fmt.Errorf("it breaks the schema: %+v", o)
	}
	return nil
}

func readOrder(text string) error {
	var o order
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return err
	}
	return o.check()
}

func underSchema(p openai.ChatCompletionNewParams, schema any) openai.ChatCompletionNewParams {
	p.ResponseFormat.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{
		JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "order", Strict: openai.Bool(true), Schema: schema},
	}
	return p
}

func TestAnswersSatisfyTheirSchemaAtAnyTemperature(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			s := shared(t, model)
			for seed := range int64(6) {
				p := underSchema(say(s, "I need five ladders, soon.", 400), orderSchema)
				p.Temperature, p.Seed = openai.Float(1.5), openai.Int(seed)
				c := ask(t, s, p).Choices[0]
				if err := readOrder(c.Message.Content); err != nil || c.FinishReason != "stop" {
					t.Errorf("seed %d, %s: %v: %s", seed, c.FinishReason, err, c.Message.Content)
				}
			}
		})
	}
}

func TestAStreamedAnswerUnderASchemaIsTheSame(t *testing.T) {
	s := exact(t, "smollm2")
	p := underSchema(say(s, "I need five ladders, soon.", 400), orderSchema)
	whole, piecewise := ask(t, s, p, fresh).Choices[0], stream(t, s, p).Choices[0]
	if whole.Message.Content != piecewise.Message.Content || readOrder(whole.Message.Content) != nil {
		t.Errorf("whole %q, streamed %q", whole.Message.Content, piecewise.Message.Content)
	}
}

func TestAJSONObjectAGrammarAndAPattern(t *testing.T) {
	s := shared(t, "smollm2")
	for _, c := range []struct {
		rule  string
		field string
		value any
		want  string
	}{
		{"json_object", "response_format", map[string]any{"type": "json_object"}, `^\{`},
		{"GBNF", "grammar", `root ::= ("yes" | "no") ", " [a-c]{3}`, `^(yes|no), [a-c]{3}$`},
		{"Lark", "grammar", `start: "It is " /[0-9]{2}/ " degrees."`, `^It is [0-9]{2} degrees\.$`},
		{"a pattern", "regex", `[A-Z][a-z]{3,8}, \d{4}`, `^[A-Z][a-z]{3,8}, \d{4}$`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			answer := ask(t, s, say(s, "How warm is it?", 200), option.WithJSONSet(c.field, c.value)).Choices[0]
			if !regexp.MustCompile(c.want).MatchString(answer.Message.Content) && answer.FinishReason != "length" {
				t.Errorf("%s: %q", answer.FinishReason, answer.Message.Content)
			}
		})
	}
}

func TestWhatCannotBeEnforcedIsRefused(t *testing.T) {
	s := shared(t, "smollm2")
	client := s.client()
	for _, c := range []struct{ rule, schema string }{
		{"not", `{"not": {"type": "string"}}`},
		{"uniqueItems", `{"type": "array", "uniqueItems": true}`},
		{"look-ahead", `{"type": "string", "pattern": "^(?!a)b"}`},
		{"an unknown format", `{"type": "string", "format": "moon-phase"}`},
		{"nothing satisfies it", `{"type": "integer", "minimum": 5, "maximum": 4}`},
		{"no schema at all", `{"type": "nonsense"}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := client.Chat.Completions.New(t.Context(), underSchema(say(s, "Hi", 50), json.RawMessage(c.schema)))
			var e *openai.Error
			if !errors.As(err, &e) || e.StatusCode != 400 || e.Param != "response_format" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// withTools offers two functions.
func withTools(p openai.ChatCompletionNewParams) openai.ChatCompletionNewParams {
	function := func(name string, schema map[string]any) openai.ChatCompletionToolUnionParam {
		return openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: name, Description: openai.String("Does " + name + "."), Parameters: schema})
	}
	p.Tools = []openai.ChatCompletionToolUnionParam{
		function("place_order", orderSchema),
		function("say_goodbye", map[string]any{"type": "object", "properties": map[string]any{}, "additionalProperties": false}),
	}
	return p
}

var required = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}

func named(name string) openai.ChatCompletionToolChoiceOptionUnionParam {
	return openai.ChatCompletionToolChoiceOptionUnionParam{OfFunctionToolChoice: &openai.ChatCompletionNamedToolChoiceParam{
		Type: constant.Function("function"), Function: openai.ChatCompletionNamedToolChoiceFunctionParam{Name: name},
	}}
}

func checkCall(name, arguments string) error {
	switch name {
	case "place_order":
		return readOrder(arguments)
	case "say_goodbye":
		var none struct{}
		d := json.NewDecoder(strings.NewReader(arguments))
		d.DisallowUnknownFields()
		return d.Decode(&none)
	}
	return fmt.Errorf("there is no tool %q", name)
}

func TestForcedCallsAreValidFromAnyModel(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		for _, c := range []struct {
			rule   string
			choice openai.ChatCompletionToolChoiceOptionUnionParam
			finish string
		}{
			{"required", required, "tool_calls"},
			{"named", named("place_order"), "stop"},
		} {
			t.Run(model+", "+c.rule, func(t *testing.T) {
				s := shared(t, model)
				p := withTools(say(s, "Order five ladders, they are urgent.", 600))
				p.ToolChoice, p.ParallelToolCalls = c.choice, openai.Bool(false)
				p.Temperature, p.Seed = openai.Float(1), openai.Int(3)
				answer := ask(t, s, p).Choices[0]
				if len(answer.Message.ToolCalls) != 1 || answer.FinishReason != c.finish {
					t.Fatalf("%s", answer.RawJSON())
				}
				if f := answer.Message.ToolCalls[0].Function; checkCall(f.Name, f.Arguments) != nil {
					t.Errorf("%v: %s", checkCall(f.Name, f.Arguments), f.RawJSON())
				}
			})
		}
	}
}

func TestStreamedCallsAddUp(t *testing.T) {
	s := shared(t, "smollm2")
	p := withTools(say(s, "Order five ladders, they are urgent.", 600))
	p.ToolChoice = named("place_order")
	answer := stream(t, s, p).Choices[0]
	if calls := answer.Message.ToolCalls; len(calls) != 1 || calls[0].ID == "" || checkCall(calls[0].Function.Name, calls[0].Function.Arguments) != nil {
		t.Errorf("%+v", answer.Message.ToolCalls)
	}
}

func TestAConversationWithToolsGoesOn(t *testing.T) {
	s := shared(t, "smollm2")
	p := withTools(say(s, "Order five ladders.", 60))
	p.Messages = append(p.Messages,
		openai.ChatCompletionMessageParamUnion{OfAssistant: &openai.ChatCompletionAssistantMessageParam{ToolCalls: []openai.ChatCompletionMessageToolCallUnionParam{{
			OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{ID: "call_1", Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: "place_order", Arguments: "{not json"}},
		}}}},
		openai.ToolMessage("Done: order 17.", "call_1"))
	if answer := ask(t, s, p); answer.Usage.PromptTokens < 100 {
		t.Errorf("tools and results cannot be in a prompt of %d tokens", answer.Usage.PromptTokens)
	}
}

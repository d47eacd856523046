package openai

import (
	"reflect"
	"testing"

	"github.com/moltbot/moltbot/engine/chat"
)

func TestItemsMakeMessages(t *testing.T) {
	arguments, output := "{}", "a tree"
	user := item{Type: itemMessage, Role: "user", Content: []part{textPart(partInput, "h"), textPart(partInput, "i")}}
	said := item{Type: itemMessage, Role: "assistant", Content: []part{textPart(partOutput, "yes")}}
	thought := item{Type: itemReasoning, Content: []part{textPart(partReasoning, "hm")}}
	call := item{Type: itemCall, CallID: "c1", Name: "look", Arguments: &arguments}
	result := item{Type: itemOutput, CallID: "c1", Output: &output}
	called := []chat.ToolCall{{ID: "c1", Name: "look", Arguments: "{}"}}
	for _, c := range []struct {
		rule  string
		items []item
		want  []chat.Message
	}{
		{"parts are joined", []item{user}, []chat.Message{{Role: "user", Content: "hi"}}},
		{"reasoning, text and calls are one turn", []item{thought, said, call, result}, []chat.Message{
			{Role: "assistant", Reasoning: "hm", Content: "yes", ToolCalls: called}, {Role: "tool", ToolCallID: "c1", Content: "a tree"},
		}},
		{"a second text is a turn of its own", []item{said, said}, []chat.Message{{Role: "assistant", Content: "yes"}, {Role: "assistant", Content: "yes"}}},
		{"reasoning begins a turn", []item{said, thought, call}, []chat.Message{
			{Role: "assistant", Content: "yes"}, {Role: "assistant", Reasoning: "hm", ToolCalls: called},
		}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := conversed(c.items)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
	if _, err := conversed([]item{result, call}); err == nil {
		t.Error("a result came before its call")
	}
}

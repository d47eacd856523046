package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

// store has a chat stored with metadata and returns it.
func store(t *testing.T, c openai.Client, metadata shared.Metadata) *openai.ChatCompletion {
	t.Helper()
	params := hello()
	params.Store, params.Metadata = openai.Bool(true), metadata
	got, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAStoredChatIsToldAgainAsItWas(t *testing.T) {
	r := start(t, keeping(t, nil))
	a := r.post(chatPath, sayHi(`"store": true, "metadata": {"a": "b"}, "logprobs": true, "top_logprobs": 2, "n": 2, "max_tokens": 5`))
	_, id, _ := strings.Cut(a.body, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	if got := r.do("GET", chatPath+"/"+id, ""); got.status != 200 || got.body != a.body {
		t.Errorf("got %d %s, want %s", got.status, got.body, a.body)
	}
}

func TestAStreamedChatIsStoredWhole(t *testing.T) {
	r := start(t, keeping(t, nil))
	c := r.client()
	params := hello()
	params.Store = openai.Bool(true)
	var text strings.Builder
	stream := c.Chat.Completions.NewStreaming(t.Context(), params)
	id := ""
	for stream.Next() {
		id = stream.Current().ID
		for _, choice := range stream.Current().Choices {
			text.WriteString(choice.Delta.Content)
		}
	}
	got, err := c.Chat.Completions.Get(t.Context(), id)
	if err != nil || stream.Err() != nil {
		t.Fatal(err, stream.Err())
	}
	if got.Object != "chat.completion" || got.Choices[0].Message.Content != text.String() || got.Usage.TotalTokens == 0 {
		t.Errorf("got %s, want %q", got.RawJSON(), text.String())
	}
}

func TestTheMessagesOfAStoredChat(t *testing.T) {
	r := start(t, keeping(t, nil))
	c := r.client()
	params := hello()
	params.Store = openai.Bool(true)
	params.Messages = append(params.Messages, openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{openai.TextContentPart("one"), openai.TextContentPart("two")}))
	got, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	pager := c.Chat.Completions.Messages.ListAutoPaging(t.Context(), got.ID, openai.ChatCompletionMessageListParams{Limit: openai.Int(1)})
	for pager.Next() {
		m := pager.Current()
		told = append(told, fmt.Sprintf("%s %s %s %d", strings.TrimPrefix(m.ID, got.ID), m.Role, m.Content, len(m.ContentParts)))
	}
	want := []string{"-0 system be brief 0", "-1 user hi 0", "-2 user onetwo 2"}
	if !slices.Equal(told, want) || pager.Err() != nil {
		t.Errorf("got %q, %v; want %q", told, pager.Err(), want)
	}
	r.do("GET", chatPath+"/"+got.ID+"/messages?after=x", "").wantError(t, 400, "invalid_request_error", "after", "invalid_value")
}

func TestStoredChatsAreListed(t *testing.T) {
	r := start(t, keeping(t, nil))
	c := r.client()
	var ids []string
	for i := range 5 {
		ids = append(ids, store(t, c, shared.Metadata{"odd": fmt.Sprint(i % 2)}).ID)
	}
	back := slices.Clone(ids)
	slices.Reverse(back)
	for _, w := range []struct {
		rule  string
		query openai.ChatCompletionListParams
		want  []string
	}{
		{"the oldest first", openai.ChatCompletionListParams{}, ids},
		{"in pages", openai.ChatCompletionListParams{Limit: openai.Int(2)}, ids},
		{"the newest first", openai.ChatCompletionListParams{Order: "desc", Limit: openai.Int(3)}, back},
		{"behind one", openai.ChatCompletionListParams{After: openai.String(ids[2])}, ids[3:]},
		{"before one", openai.ChatCompletionListParams{After: openai.String(ids[2]), Order: "desc"}, back[3:]},
		{"by metadata", openai.ChatCompletionListParams{Metadata: shared.Metadata{"odd": "1"}, Limit: openai.Int(1)}, []string{ids[1], ids[3]}},
		{"by other metadata", openai.ChatCompletionListParams{Metadata: shared.Metadata{"even": "1"}}, nil},
		{"by model", openai.ChatCompletionListParams{Model: openai.String("toy")}, ids},
		{"by another model", openai.ChatCompletionListParams{Model: openai.String("other")}, nil},
	} {
		t.Run(w.rule, func(t *testing.T) {
			var got []string
			pager := c.Chat.Completions.ListAutoPaging(t.Context(), w.query)
			for pager.Next() {
				got = append(got, pager.Current().ID)
			}
			if !slices.Equal(got, w.want) || pager.Err() != nil {
				t.Errorf("got %q, %v; want %q", got, pager.Err(), w.want)
			}
		})
	}
	for param, query := range map[string]string{"limit": "limit=0", "order": "order=up", "after": "after=" + ids[0] + "x"} {
		r.do("GET", chatPath+"?"+query, "").wantError(t, 400, "invalid_request_error", param, "invalid_value")
	}
}

func TestMetadataOfAStoredChatChanges(t *testing.T) {
	r := start(t, keeping(t, nil))
	c := r.client()
	id := store(t, c, shared.Metadata{"a": "b"}).ID
	if _, err := c.Chat.Completions.Update(t.Context(), id, openai.ChatCompletionUpdateParams{Metadata: shared.Metadata{"c": "d"}}); err != nil {
		t.Fatal(err)
	}
	if got := r.do("GET", chatPath+"/"+id, ""); !strings.Contains(got.body, `"metadata":{"c":"d"}`) {
		t.Errorf("got %s", got.body)
	}
	r.post(chatPath+"/"+id, `{"metadata": {"a": 1}}`).wantError(t, 400, "invalid_request_error", "metadata.a", "invalid_type")
	r.post(chatPath+"/"+id, `{}`).wantError(t, 400, "invalid_request_error", "metadata", "missing_required_parameter")
}

func TestADeletedChatIsGone(t *testing.T) {
	r := start(t, keeping(t, nil))
	c := r.client()
	id := store(t, c, nil).ID
	got, err := c.Chat.Completions.Delete(t.Context(), id)
	if err != nil || !got.Deleted || got.ID != id {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, ask := range [][2]string{{"GET", ""}, {"GET", "/messages"}, {"POST", ""}, {"DELETE", ""}} {
		a := r.do(ask[0], chatPath+"/"+id+ask[1], `{"metadata": {}}`)
		a.wantError(t, 404, "invalid_request_error", "id", "completion_not_found")
	}
}

func TestOnlyWhatIsToBeStoredIs(t *testing.T) {
	r := start(t, keeping(t, nil))
	for _, more := range []string{"", `"store": false`, `"store": null`} {
		r.post(chatPath, sayHi(more))
	}
	response := r.responded(respond("")).ID
	if got := r.do("GET", chatPath, ""); got.body != `{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}`+"\n" {
		t.Errorf("got %s", got.body)
	}
	r.do("GET", chatPath+"/"+response, "").wantError(t, 404, "invalid_request_error", "id", "completion_not_found")
	c := r.client()
	r.do("DELETE", responsesPath+"/"+store(t, c, nil).ID, "").wantError(t, 404, "invalid_request_error", "id", "response_not_found")
}

func TestStoredChatsBelongToOneKey(t *testing.T) {
	r := start(t, keeping(t, func(c *config) { c.server.Keys = []string{"one", "two"} }))
	one, two := r.client(option.WithAPIKey("one")), r.client(option.WithAPIKey("two"))
	id := store(t, one, nil).ID
	if _, err := two.Chat.Completions.Get(t.Context(), id); err == nil {
		t.Error("another key reads it")
	}
	if all, err := two.Chat.Completions.List(t.Context(), openai.ChatCompletionListParams{}); err != nil || len(all.Data) != 0 {
		t.Errorf("another key lists %d, %v", len(all.Data), err)
	}
	if _, err := one.Chat.Completions.Get(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestWithoutAStoreNothingIsStored(t *testing.T) {
	r := start(t, nil)
	r.post(chatPath, sayHi(`"store": true`)).wantError(t, 400, "invalid_request_error", "store", "unsupported_parameter")
	if got := r.do("GET", chatPath, ""); got.status != 200 || !strings.Contains(got.body, `"data":[]`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	r.do("GET", chatPath+"/chatcmpl-x", "").wantError(t, 404, "invalid_request_error", "id", "completion_not_found")
}

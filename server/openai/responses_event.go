package openai

// responseEvent is one event of a streamed response. Which fields are there
// depends on Type.
type responseEvent struct {
	Type      string    `json:"type"`
	Sequence  int       `json:"sequence_number"` // from 0
	Response  *response `json:"response,omitempty"`
	ItemID    string    `json:"item_id,omitempty"`
	Output    *int      `json:"output_index,omitempty"`
	Content   *int      `json:"content_index,omitempty"`
	Item      *item     `json:"item,omitempty"`
	Part      *part     `json:"part,omitempty"`
	Delta     *string   `json:"delta,omitempty"`
	Text      *string   `json:"text,omitempty"`
	Arguments *string   `json:"arguments,omitempty"`
	Logprobs  []any     `json:"logprobs,omitzero"`
}

// event numbers an event and lets fill it in.
func (a *responsesAnswer) event(kind string, fill func(*responseEvent)) responseEvent {
	index := len(a.response.Output)
	e := responseEvent{Type: kind, Sequence: a.sequence, Output: &index}
	a.sequence++
	fill(&e)
	return e
}

// lifecycle tells the response as it is now.
func (a *responsesAnswer) lifecycle(kind string) responseEvent {
	return a.event(kind, func(e *responseEvent) {
		now := a.response
		e.Response, e.Output = &now, nil
	})
}

// delta tells a piece of what the open item says, and gathers it.
func (a *responsesAnswer) delta(kind, piece string) responseEvent {
	a.said.WriteString(piece)
	return a.event(kind, func(e *responseEvent) {
		e.ItemID, e.Delta = a.open.ID, &piece
		e.within(*a.open)
	})
}

// doneText tells all that the open item has said.
func (a *responsesAnswer) doneText(it item, said string) responseEvent {
	if it.Type == itemCall {
		return a.event("response.function_call_arguments.done", func(e *responseEvent) { e.ItemID, e.Arguments = it.ID, &said })
	}
	return a.event("response."+it.partType()+".done", func(e *responseEvent) {
		e.ItemID, e.Text = it.ID, &said
		e.within(it)
		if it.Type == itemMessage {
			e.Logprobs = eventLogprobs(a.told)
		}
	})
}

// ofPart tells the one part of the open item.
func (a *responsesAnswer) ofPart(kind string, p part) responseEvent {
	return a.event(kind, func(e *responseEvent) { e.ItemID, e.Part, e.Content = a.open.ID, &p, new(int) })
}

// within says where in an item a text stands; that of a message has room for
// log-probabilities.
func (e *responseEvent) within(it item) {
	switch it.Type {
	case itemMessage:
		e.Content, e.Logprobs = new(int), []any{}
	case itemReasoning:
		e.Content = new(int)
	}
}

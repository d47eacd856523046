package openai

import (
	"sort"

	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/models"
)

// fitted leaves out the oldest turns where a conversation and its answer don't fit
// into the model's context. System and developer messages stay, and so does all
// from the last user's message on: what is then still too long is refused as ever.
func (r responsesRequest) fitted(m models.Model) ([]chat.Message, error) {
	messages := r.conversation.Messages
	turns := starts(messages)
	var failed error
	left := sort.Search(len(turns), func(k int) bool {
		fits, err := r.fits(m, without(messages, turns[k]))
		if err != nil {
			failed = err
		}
		return fits || err != nil
	})
	if failed != nil || len(turns) == 0 {
		return messages, failed
	}
	return without(messages, turns[min(left, len(turns)-1)]), nil
}

// starts returns where turns begin: at the first message that may be left out, and
// at each later one of a user.
func starts(messages []chat.Message) (at []int) {
	for i, m := range messages {
		if m.Role == "user" || len(at) == 0 && !instructs(m) {
			at = append(at, i)
		}
	}
	return at
}

// without leaves out what was said before a message, but for instructions.
func without(messages []chat.Message, before int) (rest []chat.Message) {
	for i, m := range messages {
		if i >= before || instructs(m) {
			rest = append(rest, m)
		}
	}
	return rest
}

func instructs(m chat.Message) bool { return m.Role == "system" || m.Role == "developer" }

// fits tells whether messages and the answer have room in the model's context.
func (r responsesRequest) fits(m models.Model, messages []chat.Message) (bool, error) {
	c := r.conversation
	c.Messages = messages
	p, err := write(m, c)
	if err != nil {
		return false, err
	}
	tokens, err := prompt{text: p.Text, path: "messages"}.tokenise(m.Vocab())
	return len(tokens)+max(1, r.maxTokens) <= m.Info().ContextLength, err
}

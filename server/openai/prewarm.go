package openai

import (
	"github.com/moltbot/moltbot/engine/chat"
)

// ParseConversation reads what a chat request says to the template: messages,
// tools and template arguments. Its errors tell the field.
func ParseConversation(body []byte) (chat.Conversation, error) {
	o, err := parseBody(body)
	if err != nil {
		return chat.Conversation{}, err
	}
	conversation := decodeConversation(o)
	return conversation, o.first.err()
}

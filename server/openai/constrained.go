package openai

import (
	"context"
	"errors"
	"fmt"

	"github.com/moltbot/moltbot/engine/chat"
	"github.com/moltbot/moltbot/engine/constrain"
	"github.com/moltbot/moltbot/models"
)

// compile has a grammar compiled for a model; nil stays nil. What is refused is
// the fault of the field param.
func compile(ctx context.Context, m models.Model, g *constrain.Grammar, param string) (constrain.Constraint, error) {
	if g == nil {
		return nil, nil
	}
	c, err := m.Grammars().Compile(ctx, *g)
	if refused, ok := errors.AsType[*constrain.RefusedError](err); ok {
		return nil, badRequest(param, "invalid_value", "Invalid '%s': this server can't enforce it: %s.", param, refused.Reason)
	}
	return c, err
}

// constraint returns what the answer to a prompt must follow; nil: it is free.
func (r chatRequest) constraint(ctx context.Context, m models.Model, p chat.Prompt) (constrain.Constraint, error) {
	if err := r.checkSchemas(ctx, m); err != nil {
		return nil, err
	}
	switch {
	case p.Grammar == nil:
		return compile(ctx, m, r.format.grammar, r.format.param)
	case len(r.conversation.Callable()) == 0:
		return compile(ctx, m, p.Grammar, r.format.param)
	}
	return compile(ctx, m, p.Grammar, "tools")
}

// checkSchemas has each schema compiled by itself, so that a refusal names the
// one at fault: strict tools, forced ones, and the content's.
func (r chatRequest) checkSchemas(ctx context.Context, m models.Model) error {
	for i, t := range r.conversation.Tools {
		if !t.Strict && !r.conversation.Choice.Forced() {
			continue
		}
		schema := constrain.Grammar{Kind: constrain.JSONSchema, Source: t.Schema()}
		if _, err := compile(ctx, m, &schema, fmt.Sprintf("tools[%d].%s", i, r.toolSchema)); err != nil {
			return err
		}
	}
	if r.format.schema == "" {
		return nil
	}
	_, err := compile(ctx, m, &constrain.Grammar{Kind: constrain.JSONSchema, Source: r.format.schema}, r.format.param)
	return err
}

package workload

import (
	encoding "encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moltbot/moltbot/bench/load"
)

// json asks for answers that a schema binds.
var json = Workload{
	Name:     "json",
	About:    "Orders to be written down as JSON under a schema (response_format json_schema); every answer is validated.",
	Defaults: Options{Requests: 16, Concurrency: 8, Prompt: 80, Output: 128},
	Phases: func(o Options) []load.Phase {
		return []load.Phase{
			warmUp(1, func(i int) load.Session { return o.order("json, warm-up", i) }),
			counted("json", o.stream("json", func(i int) load.Session { return o.order("json", i) })),
		}
	},
}

// orderSchema binds the answers. checkOrder is the same in Go.
const orderSchema = `{"type": "object", "additionalProperties": false,
"required": ["customer", "item", "quantity", "urgency", "gift"],
"properties": {
  "customer": {"type": "string", "maxLength": 30},
  "item": {"type": "string", "maxLength": 30},
  "quantity": {"type": "integer", "minimum": 1, "maximum": 999},
  "urgency": {"enum": ["low", "normal", "high"]},
  "gift": {"type": "boolean"}}}`

var orderFields = map[string]any{
	"temperature": 0,
	"response_format": map[string]any{
		"type":        "json_schema",
		"json_schema": map[string]any{"name": "order", "strict": true, "schema": encoding.RawMessage(orderSchema)},
	},
}

// order asks to write one order down.
func (o Options) order(what string, i int) load.Session {
	rng := o.random(what, i)
	word := func() string { return common[rng.IntN(len(common))] }
	text := fmt.Sprintf("%s\nOrder %06d: the customer %s wants %d pieces of the item %s, urgency %s. Write the order as JSON with customer, item, quantity, urgency and gift.",
		words(rng, max(o.Prompt-48, 1)), rng.IntN(1e6), word(), rng.IntN(99)+1, word(), urgencies[rng.IntN(len(urgencies))])
	turn := load.Turn{Class: "json", Add: user(text), Tokens: o.Output, Fields: orderFields, Check: checkOrder}
	return load.Session{Turns: []load.Turn{turn}}
}

var urgencies = []string{"low", "normal", "high"}

// checkOrder validates an answer against orderSchema.
func checkOrder(answer string) error {
	var order struct {
		Customer, Item, Urgency *string
		Quantity                *int
		Gift                    *bool
	}
	d := encoding.NewDecoder(strings.NewReader(answer))
	d.DisallowUnknownFields()
	if err := d.Decode(&order); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the object")
	}
	if order.Customer == nil || order.Item == nil || order.Urgency == nil || order.Quantity == nil || order.Gift == nil {
		return errors.New("a required property is missing")
	}
	if len([]rune(*order.Customer)) > 30 || len([]rune(*order.Item)) > 30 {
		return errors.New("a string is too long")
	}
	if *order.Quantity < 1 || *order.Quantity > 999 || !slices.Contains(urgencies, *order.Urgency) {
		return errors.New("a value is not one of those that are allowed")
	}
	return nil
}

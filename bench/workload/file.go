package workload

import (
	"bufio"
	encoding "encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/moltbot/moltbot/bench/load"
)

// Prompt is a line of a file of real prompts.
type Prompt struct {
	Messages []load.Message `json:"messages"`
	Text     string         `json:"prompt"`     // instead of messages: one of the user
	Tokens   int            `json:"max_tokens"` // 0: as the options say
}

// file plays real prompts, in their order, from the beginning when they are used up.
var file = Workload{
	Name:     "file",
	About:    `Prompts from a file (--prompts): a JSON object per line, {"messages": […]} or {"prompt": "…"}, with max_tokens if need be. Every round has the same.`,
	Defaults: Options{Concurrency: 4, Output: 128},
	Phases: func(o Options) []load.Phase {
		if o.Requests == 0 && o.Duration == 0 {
			o.Requests = len(o.Prompts)
		}
		return []load.Phase{counted("file", o.stream("file", o.fromFile))}
	},
}

func (o Options) fromFile(i int) load.Session {
	p := o.Prompts[i%len(o.Prompts)]
	turn := load.Turn{Class: "file", Add: p.Messages, Tokens: p.Tokens, Fields: greedy}
	if p.Text != "" {
		turn.Add = user(p.Text)
	}
	if turn.Tokens == 0 {
		turn.Tokens = o.Output
	}
	return load.Session{Turns: []load.Turn{turn}}
}

// longestPrompt bounds a line of a file, in bytes.
const longestPrompt = 16 << 20

// ReadPrompts reads prompts, one JSON object a line; empty lines are skipped.
// Errors name the line.
func ReadPrompts(r io.Reader) ([]Prompt, error) {
	var all []Prompt
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestPrompt)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		p, err := readPrompt(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, p)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("there is no prompt in it")
	}
	return all, nil
}

func readPrompt(line []byte) (p Prompt, err error) {
	if err := encoding.Unmarshal(line, &p); err != nil {
		return p, err
	}
	switch {
	case p.Text == "" && len(p.Messages) == 0:
		return p, errors.New(`neither "messages" nor "prompt"`)
	case p.Text != "" && len(p.Messages) > 0:
		return p, errors.New(`both "messages" and "prompt"`)
	case p.Tokens < 0:
		return p, errors.New(`"max_tokens" is negative`)
	}
	return p, nil
}

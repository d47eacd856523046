package workload

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/moltbot/moltbot/bench/load"
)

// texts are the requests that a workload's phases begin with, warm-ups too.
func texts(w Workload, o Options) []string {
	var all []string
	for _, p := range w.Phases(w.With(o)) {
		for _, s := range p.Streams {
			for i := range 6 {
				all = append(all, text(s.Session(i)))
			}
		}
	}
	return all
}

func text(s load.Session) string {
	var b strings.Builder
	for _, m := range s.Opening {
		b.WriteString(m.Role + m.Content)
	}
	for _, turn := range s.Turns {
		for _, m := range turn.Add {
			b.WriteString(m.Role + m.Content)
		}
	}
	return b.String()
}

// generated are the workloads whose prompts come from the seed.
func generated() []Workload {
	return slices.DeleteFunc(All(), func(w Workload) bool { return w.Name == "file" })
}

func TestTheSameOptionsGiveTheSamePrompts(t *testing.T) {
	for _, w := range generated() {
		o := Options{Seed: 4, Round: 2}
		if !slices.Equal(texts(w, o), texts(w, o)) {
			t.Errorf("%s is not the same twice", w.Name)
		}
	}
}

func TestAnotherSeedOrRoundGivesFreshPrompts(t *testing.T) {
	for _, w := range generated() {
		seen := map[string]bool{}
		for _, o := range []Options{{Seed: 1}, {Seed: 2}, {Seed: 1, Round: 1}, {Seed: 2, Round: 1}} {
			for _, text := range texts(w, o) {
				if seen[text] {
					t.Errorf("%s asks this again under %+v: %.60s", w.Name, o, text)
				}
				seen[text] = true
			}
		}
	}
}

func TestWhatACacheCouldFindIsFresh(t *testing.T) {
	for _, w := range generated() {
		opening := func(o Options) string {
			return w.Phases(w.With(o))[1].Streams[0].Session(0).Turns[0].Add[0].Content
		}
		a, b := opening(Options{Seed: 1}), opening(Options{Seed: 1, Round: 1})
		if a == b {
			t.Errorf("%s begins two rounds with %q", w.Name, a)
		}
	}
}

func TestEveryWorkloadIsCompleteByDefault(t *testing.T) {
	for _, w := range generated() {
		phases := w.Phases(w.With(Options{}))
		counted := 0
		for _, p := range phases {
			if p.Counted {
				counted++
			}
			for _, s := range p.Streams {
				if (s.Clients > 0) == (s.Rate > 0) && w.Name != "mixed" && w.Capacity == nil {
					t.Errorf("%s, %s: %d clients and %v/s: a stream is a closed loop or an open one", w.Name, p.Name, s.Clients, s.Rate)
				}
				if s.Count == 0 && s.For == 0 && !s.Background {
					t.Errorf("%s, %s never ends", w.Name, p.Name)
				}
				for _, turn := range s.Session(0).Turns {
					if turn.Tokens < 1 || turn.Class == "" || len(turn.Add) == 0 {
						t.Errorf("%s, %s has an incomplete turn: %+v", w.Name, p.Name, turn)
					}
				}
			}
		}
		if counted == 0 || w.About == "" || phases[0].Counted {
			t.Errorf("%s has %d counted phases after its warm-up", w.Name, counted)
		}
	}
}

func TestAgentsShareTheirInstructions(t *testing.T) {
	for _, w := range []Workload{agentsCold, agentsSteady} {
		phases := w.Phases(w.With(Options{Requests: 16}))
		session := phases[1].Streams[0].Session
		if a, b := session(0).Opening, session(2).Opening; !reflect.DeepEqual(a, b) {
			t.Errorf("%s: sessions of one crew have different instructions", w.Name)
		}
		if a, b := session(0).Opening, session(1).Opening; reflect.DeepEqual(a, b) {
			t.Errorf("%s: two crews have the same instructions", w.Name)
		}
		if len(session(0).Turns) < 3 {
			t.Errorf("%s has only %d turns", w.Name, len(session(0).Turns))
		}
	}
}

func TestOnlySteadyAgentsWarmTheirInstructionsUp(t *testing.T) {
	warm := func(w Workload) bool {
		phases := w.Phases(w.With(Options{Requests: 16}))
		for i := range phases[0].Streams[0].Count {
			if reflect.DeepEqual(phases[0].Streams[0].Session(i).Opening, phases[1].Streams[0].Session(1).Opening) {
				return true
			}
		}
		return false
	}
	if warm(agentsCold) || !warm(agentsSteady) {
		t.Errorf("warmed up: cold %v, steady %v", warm(agentsCold), warm(agentsSteady))
	}
}

func TestMultiturnIsTwiceTheCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := multiturn.With(Options{KV: rapid.IntRange(1024, 200_000).Draw(t, "kv"), Prompt: rapid.IntRange(200, 4000).Draw(t, "prompt")})
		s := multiturn.Phases(o)[1].Streams[0]
		total := s.Count * o.Prompt
		if total < 2*o.KV || total > 2*o.KV+2*o.Prompt || !s.Interleave {
			t.Fatalf("%d conversations of %d tokens for a cache of %d", s.Count, o.Prompt, o.KV)
		}
	})
}

func TestPromptsHaveAboutTheirLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(50, 2000).Draw(t, "n")
		o := Options{Seed: rapid.Uint64().Draw(t, "seed")}
		got := words(o.random("length", 0), n)
		// A word is a token, and so are a full stop and the line break behind it.
		tokens := len(strings.Fields(got)) + strings.Count(got, ".") + strings.Count(got, "\n")
		if tokens < n-3 || tokens > n+3 {
			t.Fatalf("%d tokens, want %d", tokens, n)
		}
	})
}

func TestEveryTierComes(t *testing.T) {
	o := overload.With(Options{})
	count := map[any]int{}
	for i := range 1000 {
		count[o.tiered("overload", i).Turns[0].Fields["service_tier"]]++
	}
	for tier, share := range map[string]int{"priority": 200, "default": 500, "flex": 300} {
		if n := count[tier]; n < share-70 || n > share+70 {
			t.Errorf("%s came %d times of 1000, want about %d", tier, n, share)
		}
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]int{"single": 1, "agents": 2, "agents-cold": 1, "agents-": 0, "nothing": 0, "": 0} {
		if got := Lookup(name); len(got) != want {
			t.Errorf("%q finds %d workloads, want %d", name, len(got), want)
		}
	}
}

func TestOptionsThatAreGivenStay(t *testing.T) {
	given := Options{Seed: 1, Requests: 2, Concurrency: 3, Rate: 4, Prompt: 5, Output: 6, KV: 7}
	for _, w := range All() {
		if got := w.With(given); !reflect.DeepEqual(got, given) {
			t.Errorf("%s made %+v of %+v", w.Name, got, given)
		}
		if got := w.With(Options{Duration: 5}); got.Requests != 0 {
			t.Errorf("%s counts %d requests besides the duration", w.Name, got.Requests)
		}
	}
}

func TestAnswersAreChecked(t *testing.T) {
	secret := contains("harbor")
	if secret("It is Harbor.") != nil || secret("It is a port.") == nil {
		t.Error("a word is found in upper case too, and only when it is there")
	}
	o := grounded.With(Options{})
	turn := o.copying("grounded", 0).Turns[0]
	passage := strings.TrimPrefix(turn.Add[0].Content, "Repeat: ")
	if err := turn.Check(passage); err != nil {
		t.Errorf("the passage itself: %v", err)
	}
	if turn.Check("something else") == nil {
		t.Error("another text counts as a copy")
	}
}

func TestCheckOrder(t *testing.T) {
	for _, c := range []struct {
		rule, answer string
		valid        bool
	}{
		{"all properties", `{"customer": "a", "item": "b", "quantity": 3, "urgency": "low", "gift": false}`, true},
		{"space around it", "\n" + `{"customer": "a", "item": "b", "quantity": 3, "urgency": "low", "gift": false}` + " \n", true},
		{"one is missing", `{"customer": "a", "item": "b", "quantity": 3, "urgency": "low"}`, false},
		{"null is no value", `{"customer": null, "item": "b", "quantity": 3, "urgency": "low", "gift": true}`, false},
		{"one too many", `{"customer": "a", "item": "b", "quantity": 3, "urgency": "low", "gift": true, "x": 1}`, false},
		{"a fraction is no integer", `{"customer": "a", "item": "b", "quantity": 3.5, "urgency": "low", "gift": true}`, false},
		{"out of range", `{"customer": "a", "item": "b", "quantity": 1000, "urgency": "low", "gift": true}`, false},
		{"not of the list", `{"customer": "a", "item": "b", "quantity": 3, "urgency": "now", "gift": true}`, false},
		{"a string that is too long", `{"customer": "` + strings.Repeat("a", 31) + `", "item": "b", "quantity": 3, "urgency": "low", "gift": true}`, false},
		{"text behind it", `{"customer": "a", "item": "b", "quantity": 3, "urgency": "low", "gift": true} done`, false},
		{"cut off", `{"customer": "a", "item": "b", "quan`, false},
		{"nothing", ``, false},
	} {
		if err := checkOrder(c.answer); (err == nil) != c.valid {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

func TestReadPrompts(t *testing.T) {
	got, err := ReadPrompts(strings.NewReader(`{"prompt": "a", "max_tokens": 5}

{"messages": [{"role": "user", "content": "b"}]}`))
	want := []Prompt{{Text: "a", Tokens: 5}, {Messages: user("b")}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	for text, problem := range map[string]string{
		"":                                    "there is no prompt in it",
		"{\"prompt\": \"a\"}\n{}":             `line 2: neither "messages" nor "prompt"`,
		`{"prompt": "a", "max_tokens": -1}`:   `line 1: "max_tokens" is negative`,
		`{"prompt": "a", "messages": [{}]}`:   `line 1: both "messages" and "prompt"`,
		"{\"prompt\": \"a\"}\n\n{\"prompt\":": "line 3: unexpected end of JSON input",
	} {
		if _, err := ReadPrompts(strings.NewReader(text)); err == nil || err.Error() != problem {
			t.Errorf("%q: %v, want %s", text, err, problem)
		}
	}
}

func TestAFileIsPlayedInItsOrder(t *testing.T) {
	o := file.With(Options{Prompts: []Prompt{{Text: "a"}, {Text: "b", Tokens: 3}}})
	s := file.Phases(o)[0].Streams[0]
	if s.Count != 2 || text(s.Session(0)) != "usera" || text(s.Session(3)) != "userb" || s.Session(1).Turns[0].Tokens != 3 || s.Session(0).Turns[0].Tokens != o.Output {
		t.Errorf("%d sessions, %+v and %+v", s.Count, s.Session(0), s.Session(3))
	}
}

func FuzzReadPrompts(f *testing.F) {
	f.Add(`{"prompt": "a"}`)
	f.Add(`{"messages": [{"role": "user", "content": "b"}], "max_tokens": 4}`)
	f.Fuzz(func(t *testing.T, text string) {
		prompts, err := ReadPrompts(strings.NewReader(text))
		if (err == nil) != (len(prompts) > 0) {
			t.Fatalf("%d prompts and %v", len(prompts), err)
		}
		for _, p := range prompts {
			if (p.Text == "") == (len(p.Messages) == 0) || p.Tokens < 0 {
				t.Fatal(errors.New("a prompt that can't be sent"), p)
			}
		}
	})
}

func TestARestartKeepsItsSystemPromptAndNothingElse(t *testing.T) {
	session := func(o Options) load.Session { return restart.Phases(restart.With(o))[1].Streams[0].Session(0) }
	a, b := session(Options{Seed: 1}), session(Options{Seed: 1, Round: 1})
	if !reflect.DeepEqual(a.Opening, b.Opening) {
		t.Error("two rounds have different system prompts")
	}
	if reflect.DeepEqual(a.Turns[0].Add, b.Turns[0].Add) {
		t.Error("two rounds ask the same")
	}
	if reflect.DeepEqual(a.Opening, session(Options{Seed: 2}).Opening) {
		t.Error("two seeds have the same system prompt")
	}
}

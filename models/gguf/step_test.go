package gguf

import "testing"

func TestStepBytes(t *testing.T) {
	const table, norm = 4 * 20, 32 * 4 // bytes of what tiny holds
	for _, c := range []struct {
		rule  string
		model *draft
		want  int64
	}{
		{"an embedding that is the output too is read", tiny(), table + norm},
		{"an embedding beside an output is looked up", tiny().add("output.weight", 3, 32, 4), table + norm},
		{"a table for each layer is looked up", tiny().add("per_layer_token_embd.weight", 3, 32, 64), table + norm},
		{
			"of the experts those are read that a token uses",
			tiny().set("llama.expert_count", uint32(8)).set("llama.expert_used_count", uint32(2)).add("blk.0.ffn_up_exps.weight", 0, 32, 4, 8),
			table + norm + 32*4*2*4,
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			m, err := parse(c.model.bytes())
			if err != nil {
				t.Fatal(err)
			}
			if got := m.StepBytes(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

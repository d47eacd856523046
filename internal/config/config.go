// Package config reads what an operator asked for, from every place where it may be said.
//
// Owns: the typed configuration, its defaults, the layers (flags over
// MOLTBOT_* environment over file over defaults) and every complaint about them.
// Must not import: anything of Moltbot, nor a logger; it is read before there is one.
// Flow: cmd calls Load once at start; each layer goes through the same setter,
// which parses, checks the range and remembers where the value came from; what
// is wrong comes back all at once as Problems. Others get plain typed values.
package config

import (
	"os"
	"path/filepath"
	"time"
)

// Config is everything that can be set. A field's tags carry its name (key), its
// manual entry (doc) and its limits (min, max, oneof); zero says what 0 stands
// for where 0 is allowed besides the limits.
type Config struct {
	Server    Server    `key:"server"`
	DataDir   Path      `key:"data_dir" required:"yes" doc:"Folder for downloaded models and everything else that is kept; by default $XDG_DATA_HOME/moltbot, without that variable ~/.local/share/moltbot."`
	Log       Log       `key:"log"`
	Model     Model     `key:"model"`
	Cache     Cache     `key:"cache"`
	Embedding Embedding `key:"embedding"`
	Rerank    Rerank    `key:"rerank"`
	Responses Responses `key:"responses"`
}

// Server is the HTTP side.
type Server struct {
	Listen            Address  `key:"listen" doc:"Host and port to listen on; port 0 takes a free one."`
	BodyLimit         Size     `key:"body_limit" min:"1KiB" max:"4GiB" doc:"Largest request body; a larger one is answered 413."`
	ReadHeaderTimeout Duration `key:"read_header_timeout" min:"10ms" max:"1h" doc:"Time a client has to send its request's headers."`
	ReadTimeout       Duration `key:"read_timeout" min:"10ms" max:"24h" doc:"Time a client has to send its whole request."`
	IdleTimeout       Duration `key:"idle_timeout" min:"10ms" max:"24h" doc:"How long an unused connection stays open."`
	DrainTimeout      Duration `key:"drain_timeout" min:"0s" max:"24h" doc:"How long running requests may go on after SIGTERM before they are cut off."`
	KeepAlive         Duration `key:"keepalive" min:"10ms" max:"1h" doc:"A stream that has nothing to say sends a comment line this often."`
	APIKeyFile        Path     `key:"api_key_file" doc:"File with one API key per line; '#' starts a comment. Empty: no key is asked for."`
}

// Log is what is written to stderr.
type Log struct {
	Level   string `key:"level" oneof:"debug|info|warn|error" doc:"Least important level that is written. llama.cpp's own chatter is debug."`
	Format  string `key:"format" oneof:"auto|text|json" doc:"auto: readable on a terminal, JSON lines otherwise."`
	Prompts bool   `key:"prompts" doc:"Write prompts and answers to the log too, at level debug."`
}

// Model is the model that is served and what its context may hold.
type Model struct {
	PathOrName Path     `key:"path_or_name" required:"yes" doc:"A GGUF file, or the name of a known model, which is fetched when it is missing."`
	Alias      string   `key:"alias" doc:"Name on the wire; empty: the file's name without its extension."`
	Ctx        int      `key:"ctx" min:"64" max:"16777216" zero:"the length the model was trained for, at most 8192" doc:"Tokens of one request, prompt and answer together."`
	Parallel   int      `key:"parallel" min:"1" max:"256" doc:"Requests that are computed at the same time."`
	Threads    int      `key:"threads" min:"1" max:"512" zero:"as many as there are physical cores" doc:"CPU threads of a step."`
	Batch      int      `key:"batch" min:"1" max:"16384" doc:"Prefill rows (prompt tokens) of a step in which nobody decodes."`
	Queue      int      `key:"queue" min:"1" max:"1000000" doc:"Requests that may wait; beyond it the answer is 429. One key alone may take eight ninths of the places."`
	GPULayers  int      `key:"gpu_layers" min:"-1" max:"10000" doc:"Layers to keep on the GPU where there is one; -1: all."`
	KVCells    int      `key:"kv_cells" min:"64" max:"16777216" zero:"as many as ctx" doc:"Tokens that all running requests together may hold in the KV cache; at least ctx."`
	Step       Duration `key:"step" min:"1ms" max:"1m" doc:"How long the prompt rows of one step may keep running answers waiting, or as long as a step of the answers takes where that is longer; at least one row of the kernel's width is computed."`
	Drafts     bool     `key:"drafts" doc:"Guess tokens from what was said already and have the model verify them in the same step. Off: a lone answer is computed row by row, so that it is the same to the last bit each time."`
	Draft      Path     `key:"draft" doc:"A small model with the same vocabulary that guesses where nothing was said before: a GGUF file, or the name of a known model, which is fetched when it is missing; empty: none."`
	MMap       bool     `key:"mmap" doc:"Map the model file into memory and don't read it whole."`
	KVType     string   `key:"kv_type" oneof:"f32|f16|bf16|q8_0|q4_0" doc:"Number format of the KV cache."`
	KVTypeV    string   `key:"kv_type_v" oneof:"same|f32|f16|bf16|q8_0|q4_0" doc:"Number format of the values (V) alone; same: as kv_type. q8_0 and q4_0 need flash attention."`

	FlashAttention string    `key:"flash_attention" oneof:"auto|on|off" doc:"Attention in one fused operation; auto: where the device can."`
	SWAFull        string    `key:"swa_full" oneof:"auto|on|off" doc:"Sliding-window layers keep every token, so that kept prefixes can be resumed anywhere, and steps get slower; auto: where that KV cache takes at most a quarter of the memory that the weights leave free."`
	SplitMode      string    `key:"split_mode" oneof:"layer|none|row|tensor" doc:"How the model is spread over several devices: whole layers, not at all (main_gpu has it all), or every layer in parts (row, tensor)."`
	TensorSplit    Shares    `key:"tensor_split" doc:"Share of each device, such as [3, 1], in the order that doctor shows; empty: by their free memory."`
	MainGPU        int       `key:"main_gpu" min:"0" max:"255" doc:"The device that holds the model with split_mode none, counting from 0 in the order that doctor shows."`
	RPC            Endpoints `key:"rpc" doc:"RPC servers of ggml (host:port) whose devices compute too, in front of this machine's own. Their traffic is neither encrypted nor authenticated."`
	Adapters       Adapters  `key:"adapters" doc:"LoRA adapters of the model, each a model name of its own on the wire: objects with name, path (a GGUF file) and scale (1 when left out)."`
}

// Cache keeps computed prompts, so that what begins alike is not computed again.
type Cache struct {
	RAM     Size    `key:"ram" min:"1MiB" max:"1TiB" zero:"none" doc:"Memory for prefixes that no running request uses."`
	Disk    Size    `key:"disk" min:"1MiB" max:"16TiB" zero:"none" doc:"Room for the most useful of them in the folder cache of data_dir, where they outlast a restart."`
	Prewarm Prompts `key:"prewarm" doc:"Prompts that are computed before /ready says yes and shared by all clients: files (a system prompt as text, or a chat request as .json), or chat requests written in place."`
}

// Embedding is the model that answers /v1/embeddings. Threads, queue, mmap and
// gpu_layers are those of Model.
type Embedding struct {
	Model Path   `key:"model" doc:"A GGUF file that embeds texts, or the name of one in the data folder; empty: none."`
	Alias string `key:"alias" doc:"Its name on the wire; empty: the file's name without its extension."`
	Ctx   int    `key:"ctx" min:"16" max:"16777216" zero:"the length the model was trained for, at most 8192" doc:"Tokens of one text at most."`
}

// Rerank is the model that answers /v1/rerank.
type Rerank struct {
	Model Path   `key:"model" doc:"A GGUF file that ranks documents (a cross-encoder), or the name of one in the data folder; empty: none."`
	Alias string `key:"alias" doc:"Its name on the wire; empty: the file's name without its extension."`
	Ctx   int    `key:"ctx" min:"16" max:"16777216" zero:"the length the model was trained for, at most 8192" doc:"Tokens of query and document together at most."`
}

// Responses is what is kept of the Responses API.
type Responses struct {
	TTL Duration `key:"ttl" min:"1m" max:"87600h" doc:"How long a response is kept for previous_response_id, in the folder responses of data_dir."`
}

// Default is the only place that states a default; files, environment and flags write over it.
func Default() Config {
	return Config{
		Server: Server{
			Listen:            "127.0.0.1:8080",
			BodyLimit:         16 * MiB,
			ReadHeaderTimeout: Duration(10 * time.Second),
			ReadTimeout:       Duration(60 * time.Second),
			IdleTimeout:       Duration(120 * time.Second),
			DrainTimeout:      Duration(30 * time.Second),
			KeepAlive:         Duration(5 * time.Second),
		},
		DataDir: dataHome(),
		Log:     Log{Level: "info", Format: "auto"},
		Model: Model{
			PathOrName: "smollm2",
			Parallel:   16,
			Batch:      512,
			Queue:      256,
			Step:       Duration(25 * time.Millisecond),
			Drafts:     true,
			GPULayers:  -1,
			MMap:       true,
			KVType:     "f16",
			KVTypeV:    "same",

			FlashAttention: "auto",
			SWAFull:        "off",
			SplitMode:      "layer",
		},
		Cache:     Cache{RAM: 1 * GiB, Disk: 4 * GiB},
		Responses: Responses{TTL: Duration(30 * 24 * time.Hour)},
	}
}

// dataHome follows the XDG base directory specification: a relative
// XDG_DATA_HOME counts as unset. It is empty when the user has no home folder.
func dataHome() Path {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return Path(filepath.Join(dir, "moltbot"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return Path(filepath.Join(home, ".local", "share", "moltbot"))
}

// KVTypeOfV is the number format of the values (V).
func (m Model) KVTypeOfV() string {
	if m.KVTypeV == "same" {
		return m.KVType
	}
	return m.KVTypeV
}

// What Go cannot do well itself: callbacks, and calls that may throw.
#pragma once

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

// mb_log_install sends the log of llama.cpp and ggml to moltbotLog.
void mb_log_install(void);

// mb_library_path returns the file that llama.cpp's code was loaded from, or NULL.
const char * mb_library_path(void);

// mb_threw is what the calls below return, or report, when C++ threw.
enum { mb_threw = -1000 };

// mb_model_load is llama_model_load_from_file; progress, when not 0, is a handle for moltbotProgress.
struct llama_model * mb_model_load(const char * path, struct llama_model_params p, uintptr_t progress);

// mb_context_new is llama_init_from_model; aborted is polled while a graph is computed.
struct llama_context * mb_context_new(struct llama_model * m, struct llama_context_params p, int32_t * aborted);

// mb_adapter_load is llama_adapter_lora_init; mb_adapter_set is llama_set_adapters_lora with one adapter.
struct llama_adapter_lora * mb_adapter_load(struct llama_model * m, const char * path);
int32_t mb_adapter_set(struct llama_context * x, struct llama_adapter_lora * a, float scale);

// mb_rpc_add registers the devices of an RPC server; false: it has none.
bool mb_rpc_add(const char * endpoint);

int32_t mb_decode(struct llama_context * x, struct llama_batch b);
int32_t mb_tokenize(const struct llama_vocab * v, const char * text, int32_t len, llama_token * out, int32_t cap,
                    bool special, bool parse);
// mb_tokenize_bytes is mb_tokenize of plain text for callers in C, v a llama_vocab:
// it fills out and returns how many tokens there are, which may be more than cap.
size_t mb_tokenize_bytes(const void * v, const uint8_t * text, size_t len, uint32_t * out, size_t cap);
int32_t mb_piece(const struct llama_vocab * v, llama_token t, char * out, int32_t cap, bool control);

// A pool comes from the CPU plug-in, which is not linked; NULL when it has none to give.
struct ggml_threadpool * mb_threadpool_new(int threads, int poll, bool paused);
void mb_threadpool_free(struct ggml_threadpool * pool);

#ifdef __cplusplus
}
#endif

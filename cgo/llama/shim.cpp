#include "shim.h"

#include <dlfcn.h>

#include <exception>

// Exported by Go.
extern "C" {
void moltbotLog(int level, char * text);
bool moltbotProgress(float done, uintptr_t handle);
}

namespace {

void on_log(enum ggml_log_level level, const char * text, void *) {
    moltbotLog(level, const_cast<char *>(text));
}

bool on_progress(float done, void * handle) {
    return moltbotProgress(done, reinterpret_cast<uintptr_t>(handle));
}

bool on_poll(void * aborted) {
    return __atomic_load_n(static_cast<int32_t *>(aborted), __ATOMIC_RELAXED) != 0;
}

// guarded returns what f returns, or failed after logging what it threw.
template <typename T, typename F> T guarded(T failed, F f) {
    try {
        return f();
    } catch (const std::exception & e) {
        moltbotLog(GGML_LOG_LEVEL_ERROR, const_cast<char *>(e.what()));
    } catch (...) {
        moltbotLog(GGML_LOG_LEVEL_ERROR, const_cast<char *>("unknown C++ exception"));
    }
    moltbotLog(GGML_LOG_LEVEL_CONT, const_cast<char *>("\n"));
    return failed;
}

// cpu_function finds a function of the CPU plug-in by name.
template <typename F> F * cpu_function(const char * name) {
    ggml_backend_dev_t dev = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    if (!dev) {
        return nullptr;
    }
    return reinterpret_cast<F *>(ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(dev), name));
}

} // namespace

void mb_log_install(void) {
    llama_log_set(on_log, nullptr);
}

const char * mb_library_path(void) {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(llama_backend_init), &info)) {
        return nullptr;
    }
    return info.dli_fname;
}

llama_model * mb_model_load(const char * path, llama_model_params p, uintptr_t progress) {
    if (progress) {
        p.progress_callback           = on_progress;
        p.progress_callback_user_data = reinterpret_cast<void *>(progress);
    }
    return guarded<llama_model *>(nullptr, [&] { return llama_model_load_from_file(path, p); });
}

llama_context * mb_context_new(llama_model * m, llama_context_params p, int32_t * aborted) {
    p.abort_callback      = on_poll;
    p.abort_callback_data = aborted;
    return guarded<llama_context *>(nullptr, [&] { return llama_init_from_model(m, p); });
}

llama_adapter_lora * mb_adapter_load(llama_model * m, const char * path) {
    return guarded<llama_adapter_lora *>(nullptr, [&] { return llama_adapter_lora_init(m, path); });
}

int32_t mb_adapter_set(llama_context * x, llama_adapter_lora * a, float scale) {
    return guarded<int32_t>(mb_threw, [&] { return llama_set_adapters_lora(x, &a, 1, &scale); });
}

bool mb_rpc_add(const char * endpoint) {
    typedef ggml_backend_reg_t (*add_server)(const char *);
    ggml_backend_reg_t rpc = ggml_backend_reg_by_name("RPC");
    auto add = reinterpret_cast<add_server>(ggml_backend_reg_get_proc_address(rpc, "ggml_backend_rpc_add_server"));
    ggml_backend_reg_t server = add ? guarded<ggml_backend_reg_t>(nullptr, [&] { return add(endpoint); }) : nullptr;
    if (server) {
        ggml_backend_register(server);
    }
    return server != nullptr;
}

int32_t mb_decode(llama_context * x, llama_batch b) {
    return guarded<int32_t>(mb_threw, [&] { return llama_decode(x, b); });
}

int32_t mb_tokenize(const llama_vocab * v, const char * text, int32_t len, llama_token * out, int32_t cap, bool special,
                    bool parse) {
    return guarded<int32_t>(INT32_MIN, [&] { return llama_tokenize(v, text, len, out, cap, special, parse); });
}

size_t mb_tokenize_bytes(const void * v, const uint8_t * text, size_t len, uint32_t * out, size_t cap) {
    const int32_t n = len > INT32_MAX / 2 ? INT32_MIN
                                          : mb_tokenize(static_cast<const llama_vocab *>(v),
                                                        reinterpret_cast<const char *>(text), static_cast<int32_t>(len),
                                                        reinterpret_cast<llama_token *>(out),
                                                        static_cast<int32_t>(cap), false, false);
    return n == INT32_MIN ? 0 : static_cast<size_t>(n < 0 ? -n : n);
}

int32_t mb_piece(const llama_vocab * v, llama_token t, char * out, int32_t cap, bool control) {
    return guarded<int32_t>(0, [&] { return llama_token_to_piece(v, t, out, cap, 0, control); });
}

ggml_threadpool * mb_threadpool_new(int threads, int poll, bool paused) {
    auto * make = cpu_function<decltype(ggml_threadpool_new)>("ggml_threadpool_new");
    if (!make) {
        return nullptr;
    }
    ggml_threadpool_params p = ggml_threadpool_params_default(threads);
    p.poll                   = poll;
    p.paused                 = paused;
    return make(&p);
}

void mb_threadpool_free(ggml_threadpool * pool) {
    if (auto * release = cpu_function<decltype(ggml_threadpool_free)>("ggml_threadpool_free")) {
        release(pool);
    }
}

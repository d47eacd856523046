// What the kernels of this library share: the instructions they are compiled for, and
// the way on to ggml's own function where one doesn't take what it is asked.
#pragma once
#include <dlfcn.h>
#include <immintrin.h>
#include <cstddef>
#include <cstdint>
#include <cstring>

struct ggml_threadpool;

// GCC 12 takes the registers that its own intrinsics leave undefined for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")))
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace seam {

// Params is ggml_compute_params (ggml-cpu-impl.h).
struct Params {
    int               ith, nth;
    size_t            wsize;
    void *            wdata;
    ggml_threadpool * threadpool;
    bool              use_ref;
};

__attribute__((target("f16c"))) inline float half(const void * p) {
    uint16_t h;
    std::memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

VNNI inline __m512 halves(const void * p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p)); }

// able tells whether this CPU has what VNNI names.
inline bool able() {
    static const bool yes = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
    return yes;
}

// find returns the function of that name in the library that calls, which is ggml's or,
// in tests, none.
template <class F> F * find(void * caller, const char * name) {
    Dl_info at;
    if (dladdr(caller, &at) == 0) {
        return nullptr;
    }
    void * library = dlopen(at.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    return library == nullptr ? nullptr : reinterpret_cast<F *>(dlsym(library, name));
}

// next returns ggml's function that ours stands before; nullptr where there is none.
template <class F> F * next(void * caller, const char * name, F * own) {
    F * const found = find<F>(caller, name);
    return found == own ? nullptr : found;
}

// Memory is a thread's own, on a cache line. It is no std::vector, since the functions
// of one, compiled for some file's instructions, would be taken by all libraries.
class Memory {
  public:
    ~Memory();
    void * room(size_t bytes); // what was in it may be lost

  private:
    void * at = nullptr;
    size_t size = 0;
};

template <class T> struct Store {
    Memory memory;

    T * room(size_t n) { return static_cast<T *>(memory.room(n * sizeof(T))); }
};

} // namespace seam

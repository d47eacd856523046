#include "panels.h"

#include <dlfcn.h>

// The head of ggml_compute_params: all that the kernels read of it.
struct params {
    int ith, nth;
};

typedef bool sgemm(const struct params *, int64_t, int64_t, int64_t, const void *, int64_t, const void *, int64_t, void *, int64_t, int, int, int);
typedef const char * instructions(void);

static void * library;

const char * mb_panels_load(const char * path) {
    library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    return library ? NULL : dlerror();
}

const char * mb_panels_instructions(void) {
    instructions * f = library ? (instructions *) dlsym(library, "moltbot_panels_instructions") : NULL;
    return f ? f() : "";
}

bool mb_panels_multiply(int ith, int nth, int64_t rows, int64_t cols, int64_t blocks, const void * weights, const void * acts, float * out, int type, int act_type) {
    sgemm *       f = library ? (sgemm *) dlsym(library, "llamafile_sgemm") : NULL;
    struct params p = {ith, nth};
    const int     f32 = 0;
    return f && f(&p, rows, cols, blocks, weights, blocks, acts, blocks, out, rows, type, act_type, f32);
}

// ggml_type_traits_cpu of ggml-cpu.h.
struct traits {
    void * from_float;
    void (*dot)(int n, float * s, size_t bs, const void * x, size_t bx, const void * y, size_t by, int nrc);
    int act_type;
};

bool mb_ggml_dot(const char * plugin, int values, const void * weights, const void * acts, float * out, int type, int act_type) {
    void * ggml = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    void (*init)(void) = ggml ? (void (*)(void)) dlsym(ggml, "ggml_cpu_init") : NULL;
    if (init) {
        init(); // its table of halves
    }
    const struct traits * (*of)(int) = ggml ? (const struct traits * (*)(int)) dlsym(ggml, "ggml_get_type_traits_cpu") : NULL;
    const struct traits * t = of ? of(type) : NULL;
    if (!t || !t->dot || t->act_type != act_type) {
        return false;
    }
    t->dot(values, out, 0, weights, 0, acts, 0, 1);
    return true;
}

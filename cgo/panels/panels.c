#include "panels.h"

#include <dlfcn.h>
#include <string.h>

#include "ggml.h"

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

bool mb_panels_multiply(const char * name, int ith, int nth, int64_t rows, int64_t cols, int64_t blocks, const void * weights, const void * acts, float * out, int type, int act_type) {
    typedef bool named(const char *, const struct params *, int64_t, int64_t, int64_t, const void *, const void *, float *, int, int);
    sgemm *       best = library ? (sgemm *) dlsym(library, "llamafile_sgemm") : NULL;
    named *       by = library ? (named *) dlsym(library, "moltbot_panels_multiply") : NULL;
    struct params p = {ith, nth};
    const int     f32 = 0;
    if (*name) {
        return by && by(name, &p, rows, cols, blocks, weights, acts, out, type, act_type);
    }
    return best && best(&p, rows, cols, blocks, weights, blocks, acts, blocks, out, rows, type, act_type, f32);
}

// tensor describes a matrix per head: dim values, rows of all heads one after another.
static struct ggml_tensor tensor(enum ggml_type type, size_t size, const void * data, int64_t dim, int64_t rows, int64_t heads) {
    struct ggml_tensor t;
    memset(&t, 0, sizeof t);
    t.type = type;
    t.data = (void *) data;
    const int64_t ne[] = {dim, rows, heads, 1};
    const size_t  nb[] = {size, size * dim * heads, size * dim, size * dim * heads * rows};
    memcpy(t.ne, ne, sizeof ne);
    memcpy(t.nb, nb, sizeof nb);
    return t;
}

// The parameters of an operation, with room for all of ggml_compute_params.
struct op_params {
    int    ith, nth;
    void * rest[4];
};

bool mb_panels_attend(const struct mb_attention * a) {
    typedef void attend(const struct op_params *, struct ggml_tensor *);
    attend * f = library ? (attend *) dlsym(library, "ggml_compute_forward_flash_attn_ext") : NULL;
    if (!f) {
        return false;
    }
    struct ggml_tensor q = tensor(GGML_TYPE_F32, 4, a->queries, a->key_dim, a->rows, a->heads);
    struct ggml_tensor k = tensor(GGML_TYPE_F16, 2, a->keys, a->key_dim, a->cells, a->kv_heads);
    struct ggml_tensor v = tensor(GGML_TYPE_F16, 2, a->values, a->value_dim, a->cells, a->kv_heads);
    struct ggml_tensor mask = tensor(GGML_TYPE_F16, 2, a->mask, a->cells, a->rows, 1);
    struct ggml_tensor out = tensor(GGML_TYPE_F32, 4, a->out, a->value_dim, a->heads, a->rows);
    memcpy(out.op_params, &a->scale, sizeof a->scale);
    out.src[0] = &q;
    out.src[1] = &k;
    out.src[2] = &v;
    out.src[3] = a->mask ? &mask : NULL;
    const struct op_params p = {a->ith, a->nth, {NULL}};
    f(&p, &out);
    return true;
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

bool mb_amx_pack(const char * plugin, int type, int64_t rows, int64_t blocks, int64_t values, const void * weights, size_t bytes, void * packed) {
    void * ggml = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    void * (*buffers)(void) = ggml ? (void * (*)(void)) dlsym(ggml, "_Z28ggml_backend_amx_buffer_typev") : NULL;
    void (*convert)(struct ggml_tensor *, const void *, size_t, size_t) =
        ggml ? (void (*)(struct ggml_tensor *, const void *, size_t, size_t)) dlsym(ggml, "_Z31ggml_backend_amx_convert_weightP11ggml_tensorPKvmm") : NULL;
    if (!convert || !buffers || !buffers()) { // which asks Linux for the tiles
        return false;
    }
    struct ggml_tensor t = tensor(type, 0, packed, blocks * values, rows, 1);
    t.nb[0] = bytes / rows / blocks;
    t.nb[1] = bytes / rows;
    t.nb[2] = t.nb[3] = bytes;
    convert(&t, weights, 0, bytes);
    return true;
}

bool mb_amx_multiply(int ith, int nth, int type, int64_t rows, int64_t cols, int64_t blocks, const void * packed, const void * acts, float * out) {
    typedef bool multiply(int, int, int, int64_t, int64_t, int64_t, const void *, const void *, float *);
    multiply * f = library ? (multiply *) dlsym(library, "moltbot_amx_multiply") : NULL;
    return f && f(ith, nth, type, rows, cols, blocks, packed, acts, out);
}

#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

// mb_panels_load returns NULL, or why the library couldn't be loaded.
const char * mb_panels_load(const char * path);

// mb_panels_instructions returns "" where no kernels are in use.
const char * mb_panels_instructions(void);

// mb_panels_multiply computes share ith of nth by instructions of that name; "": by the
// best, as ggml asks for it.
bool mb_panels_multiply(const char * name, int ith, int nth, int64_t rows, int64_t cols, int64_t blocks, const void * weights, const void * acts, float * out, int type, int act_type);

// mb_ggml_dot has ggml's CPU plug-in in that file multiply a row with a column; false:
// it isn't there, or doesn't pair these types.
bool mb_ggml_dot(const char * plugin, int values, const void * weights, const void * acts, float * out, int type, int act_type);

// An attention over caches of halves, all of it contiguous.
struct mb_attention {
    int           ith, nth;
    int64_t       rows, cells, heads, kv_heads, key_dim, value_dim;
    float         scale;
    const float * queries;      // [row][head][key_dim]
    const void *  keys, * values; // [cell][kv_head][dim]
    const void *  mask;         // [row][cell]; NULL: all cells are allowed
    float *       out;          // [row][head][value_dim]
};

// mb_panels_attend computes share ith of nth; what isn't taken leaves out as it is.
bool mb_panels_attend(const struct mb_attention * a);

// mb_amx_pack repacks rows of quantized weights for AMX as ggml's CPU plug-in in that
// file does, into room for as much; false: it has no AMX, or this CPU hasn't. A row is
// blocks of that many values.
bool mb_amx_pack(const char * plugin, int type, int64_t rows, int64_t blocks, int64_t values, const void * weights, size_t bytes, void * packed);

// mb_amx_multiply computes share ith of nth of a product of repacked weights.
bool mb_amx_multiply(int ith, int nth, int type, int64_t rows, int64_t cols, int64_t blocks, const void * packed, const void * acts, float * out);

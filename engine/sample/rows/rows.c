//go:build cgo

#include "rows.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum { block_len = 128, lanes = 8, negligible = -60 };

// block_of returns a block in full length; a shorter one is filled up in room.
static const float * block_of(const float * logits, int32_t n, const float * copies, const int32_t * copy_at, int32_t b,
                              float * room) {
    const float * x    = copy_at && copy_at[b] ? copies + copy_at[b] - 1 : logits + (int64_t) b * block_len;
    const int32_t left = n - b * block_len;
    if (left >= block_len) {
        return x;
    }
    for (int i = 0; i < block_len; i++) {
        room[i] = i < left ? x[i] : -INFINITY;
    }
    return room;
}

#define PASS(name) name##_any
#define TARGET
#define WIDTH 16
#include "pass.h"

#if defined(__x86_64__)
#define PASS(name) name##_avx2
#define TARGET __attribute__((target("avx2")))
#define WIDTH 32
#include "pass.h"

#define PASS(name) name##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define WIDTH 64
#include "pass.h"
#endif

typedef float measure_fn(const float *, int32_t, const float *, const int32_t *, double, float *, double *);

static struct {
    const char * name;
    measure_fn * measure;
} passes[3] = { { "any", measure_any } };

int mb_passes(void) {
    int n = 1;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        passes[n].name      = "avx2";
        passes[n++].measure = measure_avx2;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        passes[n].name      = "avx512";
        passes[n++].measure = measure_avx512;
    }
#endif
    return n;
}

const char * mb_pass_name(int pass) {
    return passes[pass].name;
}

float mb_measure(int pass, const float * logits, int32_t n, const float * copies, const int32_t * copy_at, double scale,
                 float * peaks, double * sums) {
    return passes[pass].measure(logits, n, copies, copy_at, scale, peaks, sums);
}

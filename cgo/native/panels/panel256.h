// The products of panel.cpp for CPUs without AVX512-VNNI, by the instructions that the
// including file sets as its target: AVX2, F16C and FMA at the least.
//
// A register holds one row's lanes, so that four rows times two columns are added up at
// a time, in the same order: results are ggml's to the bit here too.
#pragma once
#include "panel.h"

using namespace panel;

namespace {

using seam::half;
using seam::Params;

constexpr int kHalf = 4; // rows that are added up at a time
constexpr int kCols = 2; // columns

// Acts are columns as prepare wrote them.
struct Acts {
    const uint8_t * rows; // where the quants of the first block lie, as ggml quantized them
    int64_t         stride, block; // bytes from column to column, and from block to block
    float *         deltas;  // [col][block]
    float *         sums;
    int32_t *       shifts;  // [col][block][lane]: what the sum of four begins with

    __m256i quants(int c, int b) const { return _mm256_loadu_si256((const __m256i *) (rows + c * stride + b * block)); }
};

// Panel is eight rows as keep wrote them.
struct Panel {
    int8_t * quants; // [block][row][32]: as they are multiplied
    float *  scales; // [block][row]
    float *  mins;
};

struct Scratch {
    seam::Store<int8_t>  quants;
    seam::Store<float>   scales, mins, deltas, sums;
    seam::Store<int32_t> shifts;
};

// widen reads a block of weights: as unsigned bytes, or for wide ones as they are.
template <int type> inline __m256i widen(const uint8_t * at) {
    constexpr Format f = format(type);
    if (f.wide) {
        return _mm256_loadu_si256((const __m256i *) (at + f.quants));
    }
    const __m128i v = _mm_loadu_si128((const __m128i *) (at + f.quants));
    __m256i q = _mm256_and_si256(_mm256_inserti128_si256(_mm256_castsi128_si256(v), _mm_srli_epi16(v, 4), 1), _mm256_set1_epi8(15));
    if (f.high != 0) {
        int32_t bits;
        std::memcpy(&bits, at + f.high, sizeof bits);
        const __m256i each = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0));
        const __m256i bit = _mm256_set1_epi64x(int64_t(0x8040201008040201));
        q = _mm256_or_si256(q, _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(each, bit), bit), _mm256_set1_epi8(16)));
    }
    return q;
}

// prepare makes of columns what the loop reads beside their quants.
template <int type> void prepare(const Job & j, int shift, const Acts & to) {
    constexpr Format f = format(type);
    const __m256i ones = _mm256_set1_epi16(1), offset = _mm256_set1_epi8(char(shift));
    for (int64_t c = 0; c < j.n; c++) {
        for (int64_t b = 0; b < j.blocks; b++) {
            const uint8_t * at = j.b + c * j.b_stride + b * to.block;
            const int64_t i = c * j.blocks + b;
            to.deltas[i] = half(at);
            if (f.min) {
                to.sums[i] = half(at + 2);
            }
            if (shift != 0) { // of 128 too: a pair is -32,768 at the least
                const __m256i q = to.quants(int(c), int(b));
                const __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(offset, q), ones);
                _mm256_storeu_si256((__m256i *) (to.shifts + i * kLanes), _mm256_sub_epi32(_mm256_setzero_si256(), sums));
            }
        }
    }
}

// keep writes eight rows down; it asks for those that follow.
template <int type, class By> void keep(const uint8_t * rows, int64_t stride, int blocks, const Panel & to) {
    constexpr Format f = format(type);
    for (int b = 0; b < blocks; b++) {
        for (int r = 0; r < kRows; r++) {
            const uint8_t * at = rows + r * stride + int64_t(b) * f.bytes;
            _mm_prefetch((const char *) (rows + kRows * stride + (int64_t(b) * kRows + r) * f.bytes), _MM_HINT_T0);
            const int64_t i = int64_t(b) * kRows + r;
            _mm256_store_si256((__m256i *) (to.quants + i * kBlock), By::keep(widen<type>(at)));
            to.scales[i] = half(at);
            if (f.min) {
                to.mins[i] = half(at + 2);
            }
        }
    }
}

// total adds up a row's lanes: i and i+4, then i and i+2, then the two.
inline float total(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_extractf128_ps(v, 1), _mm256_castps256_ps128(v));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// minima adds up what the smallest values of eight rows give a column.
inline __m256 minima(const Panel & a, const float * sums, int blocks) {
    __m256 low = _mm256_setzero_ps();
    for (int b = 0; b < blocks; b++) {
        low = _mm256_fmadd_ps(_mm256_load_ps(a.mins + int64_t(b) * kRows), _mm256_set1_ps(sums[b]), low);
    }
    return low;
}

// multiply computes a panel times n columns.
template <class By, int n> void multiply(const Panel & a, const Acts & x, int c0, const Job & j, float * to) {
    for (int r0 = 0; r0 < kRows; r0 += kHalf) {
        __m256 acc[kHalf][n];
        for (int r = 0; r < kHalf; r++) {
            for (int c = 0; c < n; c++) {
                acc[r][c] = _mm256_setzero_ps();
            }
        }
        for (int b = 0; b < j.blocks; b++) {
            for (int r = 0; r < kHalf; r++) {
                const int64_t i = int64_t(b) * kRows + r0 + r;
                const __m256i w = _mm256_load_si256((const __m256i *) (a.quants + i * kBlock));
                const __m256 scale = _mm256_set1_ps(a.scales[i]);
                for (int c = 0; c < n; c++) {
                    const int64_t at = int64_t(c0 + c) * j.blocks + b;
                    const __m256i start = By::shift != 0 ? _mm256_loadu_si256((const __m256i *) (x.shifts + at * kLanes)) : _mm256_setzero_si256();
                    const __m256 sum = _mm256_cvtepi32_ps(By::products(start, w, x.quants(c0 + c, b)));
                    acc[r][c] = _mm256_fmadd_ps(_mm256_mul_ps(scale, _mm256_set1_ps(x.deltas[at])), sum, acc[r][c]);
                }
            }
        }
        for (int c = 0; c < n; c++) {
            for (int r = 0; r < kHalf; r++) {
                to[c * j.ldc + r0 + r] = total(acc[r][c]);
            }
        }
    }
}

// compute computes this thread's panels.
template <int type, class By> void compute(const Params & p, const Job & j) {
    constexpr Format f = format(type);
    static thread_local Scratch s;
    const int64_t from = j.panels * p.ith / p.nth, to = j.panels * (p.ith + 1) / p.nth;
    const size_t  rows = size_t(j.blocks) * kRows, cells = size_t(j.n) * j.blocks;
    const Acts    x = {j.b + (f.min ? 4 : 2), j.b_stride, f.min ? 36 : 34, s.deltas.room(cells), s.sums.room(cells), s.shifts.room(cells * kLanes)};
    const Panel   a = {s.quants.room(rows * kBlock), s.scales.room(rows), s.mins.room(rows)};
    prepare<type>(j, By::shift, x);
    for (int64_t i = from; i < to; i++) {
        float * out = j.c + i * kRows;
        keep<type, By>(j.a + i * kRows * j.a_stride, j.a_stride, j.blocks, a);
        for (int c = 0; c < j.n; c += kCols) {
            c + 1 < j.n ? multiply<By, 2>(a, x, c, j, out + c * j.ldc) : multiply<By, 1>(a, x, c, j, out + c * j.ldc);
        }
        for (int c = 0; f.min && c < j.n; c++) {
            float * at = out + c * j.ldc;
            _mm256_storeu_ps(at, _mm256_add_ps(_mm256_loadu_ps(at), minima(a, x.sums + int64_t(c) * j.blocks, j.blocks)));
        }
    }
}

template <template <int> class By> void share(int type, const Params & p, const Job & j) {
    switch (type) {
        case Q4_0: return compute<Q4_0, By<Q4_0>>(p, j);
        case Q4_1: return compute<Q4_1, By<Q4_1>>(p, j);
        case Q5_0: return compute<Q5_0, By<Q5_0>>(p, j);
        case Q5_1: return compute<Q5_1, By<Q5_1>>(p, j);
        case Q8_0: return compute<Q8_0, By<Q8_0>>(p, j);
    }
}

} // namespace

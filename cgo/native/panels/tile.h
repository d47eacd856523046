// Sixteen-lane arithmetic of attention: queries times keys, weights, weights times
// values, for a tile of up to kTile cells of the KV cache.
//
// Two ways: packed, where a tile is written down once for many queries, and direct,
// where one row's few queries read the cells where they lie.
#pragma once
#include <cmath>
#include <cstring>

#include "seam.h"

namespace tile {

using seam::halves;

constexpr int kTile = 64;            // cells
constexpr int kLanes = 16;           // floats in a register
constexpr int kRegs = kTile / kLanes;
constexpr int kSide = 6;             // queries side by side, packed
constexpr int kDirect = 4;           // and direct
constexpr int kSlice = 4 * kLanes;   // values of a head computed at a time

// Heads are the keys or values of one head: a row of dim halves for each cell.
struct Heads {
    const uint8_t * at;
    size_t          stride; // bytes from cell to cell
    int             dim;

    const uint16_t * cell(int32_t i) const { return reinterpret_cast<const uint16_t *>(at + size_t(i) * stride); }

    // fetch asks for a cell that is needed soon: cells lie too far apart for the
    // hardware to foresee.
    VNNI inline void fetch(int32_t i) const {
        const uint16_t * from = cell(i);
        for (int d = 0; d < dim; d += 32) {
            _mm_prefetch((const char *) (from + d), _MM_HINT_T0);
        }
    }
};

// exponential returns e^x for x <= 0 to about one ulp, 0 below the smallest normal
// float, and NaN for NaN. Polynomial: Cephes, expf.
VNNI inline __m512 exponential(__m512 x) {
    const __mmask16 there = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_NLT_UQ);
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_maskz_scalef_ps(there, p, n);
}

// transpose turns 16 rows of 16 floats into columns.
VNNI inline void transpose(__m512 v[kLanes]) {
    __m512 t[kLanes];
    for (int i = 0; i < kLanes; i += 2) {
        t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < kLanes; i += 4) {
        for (int j = 0; j < 2; j++) {
            const __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + j + 2]);
            v[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            v[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    for (int j = 0; j < 4; j++) {
        const __m512 a = _mm512_shuffle_f32x4(v[j], v[j + 4], 0x88), b = _mm512_shuffle_f32x4(v[j], v[j + 4], 0xdd);
        const __m512 c = _mm512_shuffle_f32x4(v[j + 8], v[j + 12], 0x88), d = _mm512_shuffle_f32x4(v[j + 8], v[j + 12], 0xdd);
        t[j] = _mm512_shuffle_f32x4(a, c, 0x88);
        t[j + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        t[j + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        t[j + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
    std::memcpy(v, t, sizeof t);
}

// sums returns the sum of each of 16 registers' lanes.
VNNI inline __m512 sums(const __m512 v[kLanes]) {
    __m512 half[8], quarter[4];
    for (int i = 0; i < 8; i++) {
        half[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44), _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));
    }
    for (int i = 0; i < 4; i++) {
        quarter[i] = _mm512_add_ps(_mm512_shuffle_f32x4(half[i], half[i + 4], 0x88), _mm512_shuffle_f32x4(half[i], half[i + 4], 0xdd));
    }
    const __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(quarter[0], quarter[1]), _mm512_unpackhi_ps(quarter[0], quarter[1]));
    const __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(quarter[2], quarter[3]), _mm512_unpackhi_ps(quarter[2], quarter[3]));
    const __m512 all = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    return _mm512_shuffle_f32x4(all, all, 0xd8);
}

// finite tells whether no half of the register is infinite or NaN.
VNNI inline bool finite(__m256i h) {
    const __m256i exponent = _mm256_set1_epi16(0x7c00);
    return _mm256_cmpeq_epi16_mask(_mm256_and_si256(h, exponent), exponent) == 0;
}

// packKeys writes n cells down as [dim][kTile] floats, zero beyond n; false: one isn't finite.
VNNI inline bool packKeys(const Heads & keys, const int32_t * cells, int n, float * to) {
    bool sound = true;
    for (int c = 0; c < kTile; c += kLanes) {
        for (int d = 0; d < keys.dim; d += kLanes) {
            __m512 v[kLanes];
            for (int i = 0; i < kLanes; i++) {
                const __m256i h = c + i < n ? _mm256_loadu_si256((const __m256i *) (keys.cell(cells[c + i]) + d)) : _mm256_setzero_si256();
                sound &= finite(h);
                v[i] = _mm512_cvtph_ps(h);
            }
            transpose(v);
            for (int i = 0; i < kLanes; i++) {
                _mm512_store_ps(to + size_t(d + i) * kTile + c, v[i]);
            }
        }
    }
    return sound;
}

// packValues writes n cells down as [n][dim] floats; false: one isn't finite.
VNNI inline bool packValues(const Heads & values, const int32_t * cells, int n, float * to) {
    bool sound = true;
    for (int c = 0; c < n; c++) {
        const uint16_t * from = values.cell(cells[c]);
        for (int d = 0; d < values.dim; d += kLanes) {
            const __m256i h = _mm256_loadu_si256((const __m256i *) (from + d));
            sound &= finite(h);
            _mm512_store_ps(to + size_t(c) * values.dim + d, _mm512_cvtph_ps(h));
        }
    }
    return sound;
}

// score computes n queries times packed keys: [n][kTile].
template <int n> VNNI inline void score(const float * queries, const float * keys, int dim, float * to) {
    __m512 acc[n][kRegs];
    for (int q = 0; q < n; q++) {
        for (int r = 0; r < kRegs; r++) {
            acc[q][r] = _mm512_setzero_ps();
        }
    }
    for (int d = 0; d < dim; d++) {
        __m512 k[kRegs];
        for (int r = 0; r < kRegs; r++) {
            k[r] = _mm512_load_ps(keys + size_t(d) * kTile + r * kLanes);
        }
        for (int q = 0; q < n; q++) {
            const __m512 x = _mm512_set1_ps(queries[size_t(q) * dim + d]);
            for (int r = 0; r < kRegs; r++) {
                acc[q][r] = _mm512_fmadd_ps(x, k[r], acc[q][r]);
            }
        }
    }
    for (int q = 0; q < n; q++) {
        for (int r = 0; r < kRegs; r++) {
            _mm512_store_ps(to + q * kTile + r * kLanes, acc[q][r]);
        }
    }
}

// scoreDirect does the same with the keys where they lie, of count cells. It asks for
// the values, and for the keys of the next tile, whose cells follow.
template <int n> VNNI inline void scoreDirect(const float * queries, const Heads & keys, const Heads & values, const int32_t * cells, int count, float * to) {
    constexpr int kCells = 4;
    alignas(64) float part[n][kLanes][kLanes];
    for (int c = 0; c < count; c += kLanes) {
        for (int i = 0; i < kLanes; i += kCells) {
            const uint16_t * k[kCells];
            __m512 acc[n][kCells];
            for (int j = 0; j < kCells; j++) {
                const int at = c + i + j;
                k[j] = keys.cell(cells[at < count ? at : count - 1]);
                keys.fetch(cells[at + kTile]);
                values.fetch(cells[at]);
                for (int q = 0; q < n; q++) {
                    acc[q][j] = _mm512_setzero_ps();
                }
            }
            for (int d = 0; d < keys.dim; d += kLanes) {
                for (int j = 0; j < kCells; j++) {
                    const __m512 x = halves(k[j] + d);
                    for (int q = 0; q < n; q++) {
                        acc[q][j] = _mm512_fmadd_ps(_mm512_load_ps(queries + size_t(q) * keys.dim + d), x, acc[q][j]);
                    }
                }
            }
            for (int q = 0; q < n; q++) {
                for (int j = 0; j < kCells; j++) {
                    _mm512_store_ps(part[q][i + j], acc[q][j]);
                }
            }
        }
        for (int q = 0; q < n; q++) {
            __m512 v[kLanes];
            std::memcpy(v, part[q], sizeof v);
            _mm512_store_ps(to + q * kTile + c, sums(v));
        }
    }
}

// Softmax is what is known of a query's weights so far. Source: Milakov and Gimelshein,
// Online normalizer calculation for softmax, 2018.
struct Softmax {
    float  max;
    __m512 sum; // lane by lane
};

// weights turns the scores of count cells into weights beside the highest score so far,
// and returns by how much what was summed before shrinks. Cells that the mask forbids
// weigh nothing, whatever their score.
VNNI inline float weights(float * scores, const uint16_t * mask, int count, Softmax & s) {
    __m512 v[kRegs];
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int r = 0; r * kLanes < count; r++) {
        const int left = count - r * kLanes;
        __m512 m = _mm512_setzero_ps();
        if (mask != nullptr) {
            m = halves(mask + r * kLanes);
        }
        __mmask16 allowed = _mm512_cmp_ps_mask(m, _mm512_set1_ps(-INFINITY), _CMP_NEQ_UQ);
        allowed &= left < kLanes ? __mmask16((1u << left) - 1) : __mmask16(0xffff);
        v[r] = _mm512_mask_add_ps(_mm512_set1_ps(-INFINITY), allowed, _mm512_load_ps(scores + r * kLanes), m);
        top = _mm512_max_ps(top, v[r]);
    }
    const float before = s.max, max = _mm512_reduce_max_ps(top);
    float shrink = 1;
    if (max > before) {
        s.max = max;
        shrink = before == -INFINITY ? 0 : _mm512_cvtss_f32(exponential(_mm512_set1_ps(before - max)));
        s.sum = _mm512_mul_ps(s.sum, _mm512_set1_ps(shrink));
    }
    const __m512 base = _mm512_set1_ps(s.max == -INFINITY ? 0 : s.max);
    for (int r = 0; r * kLanes < count; r++) {
        const __m512 w = exponential(_mm512_sub_ps(v[r], base));
        s.sum = _mm512_add_ps(s.sum, w);
        _mm512_store_ps(scores + r * kLanes, w);
    }
    return shrink;
}

// Packed and Direct give the values of a cell to weigh.
struct Packed {
    const float * at;
    int           dim;

    VNNI inline __m512 value(int c, int d) const { return _mm512_load_ps(at + size_t(c) * dim + d); }
};

struct Direct {
    Heads           values;
    const int32_t * cells;

    VNNI inline __m512 value(int c, int d) const { return halves(values.cell(cells[c]) + d); }
};

// weighSlice adds weights [n][kTile] times regs registers of values to n queries' sums.
template <int n, int regs, class Values> VNNI inline void weighSlice(const float * w, const Values & values, int count, int d, const float * shrink, float * to, int dim) {
    __m512 acc[n][regs];
    for (int q = 0; q < n; q++) {
        for (int r = 0; r < regs; r++) {
            acc[q][r] = _mm512_mul_ps(_mm512_load_ps(to + size_t(q) * dim + d + r * kLanes), _mm512_set1_ps(shrink[q]));
        }
    }
    for (int c = 0; c < count; c++) {
        __m512 v[regs];
        for (int r = 0; r < regs; r++) {
            v[r] = values.value(c, d + r * kLanes);
        }
        for (int q = 0; q < n; q++) {
            const __m512 x = _mm512_set1_ps(w[q * kTile + c]);
            for (int r = 0; r < regs; r++) {
                acc[q][r] = _mm512_fmadd_ps(x, v[r], acc[q][r]);
            }
        }
    }
    for (int q = 0; q < n; q++) {
        for (int r = 0; r < regs; r++) {
            _mm512_store_ps(to + size_t(q) * dim + d + r * kLanes, acc[q][r]);
        }
    }
}

// weigh adds weights [n][kTile] times the values of count cells to n queries' sums, [n][dim].
template <int n, class Values> VNNI inline void weigh(const float * w, const Values & values, int count, const float * shrink, float * to, int dim) {
    int d = 0;
    for (; d + kSlice <= dim; d += kSlice) {
        weighSlice<n, 4>(w, values, count, d, shrink, to, dim);
    }
    for (; d < dim; d += kLanes) {
        weighSlice<n, 1>(w, values, count, d, shrink, to, dim);
    }
}

} // namespace tile

// Products of the K formats that ggml has repacked for AMX: Q4_K, Q5_K and Q6_K. See
// amx.cpp; here a block has 256 weights, in groups that share an integer scale.
//
// ggml's order of sums, to the bit: a block's products times their groups' scales as
// integers, then one multiply-add for each block, then one for its minima.
#include "amx.h"
#include "ggml.h"

using namespace amx;

namespace {

constexpr int kBlock = 256;           // weights
constexpr int kPairs = 4;             // of groups that have minima
constexpr int kActBytes = 4 + 256 + 32; // of a block of Q8_K: scale, quants, sums of 16

// Packed is how ggml lays out a block of 16 rows; offsets in bytes. Quants come first.
struct Packed {
    int  groups;
    int  high;      // further bits of the quants
    int  scales;    // [group][row] bytes
    int  mins;      // [pair][row][2] bytes
    int  d, dmin;   // halves for each row
    int  bytes;     // of all
    bool min;

    constexpr int lines() const { return kBlock / groups / 4; } // of a tile that a group fills
};

constexpr Packed packed(int type) {
    switch (type) {
        case GGML_TYPE_Q4_K: return {8, 0, 2048, 2176, 2304, 2336, 2368, true};
        case GGML_TYPE_Q5_K: return {8, 2048, 2560, 2688, 2816, 2848, 2880, true};
        case GGML_TYPE_Q6_K: return {16, 2048, 3072, 0, 3328, 0, 3360, false};
    }
    return {};
}

// Acts are columns, by sixteens; zero in what a group of 16 weights leaves of a tile. What
// a last sixteen lacks is computed with whatever is there, and not stored.
struct Acts {
    int8_t *  quants; // [sixteen][block][group][col][32]
    float *   deltas; // [sixteen][block][col]
    int32_t * sums;   // [sixteen][block][pair of groups][col]: two sums of 16 bits
};

// Panel is 16 rows of weights, widened to signed bytes.
struct Panel {
    int8_t *  quants; // [block][group][line][row][4]
    int32_t * scales; // [block][group][row]
    int16_t * mins;   // [block][pair of groups][row][2]
    float *   d, * dmin; // [block][row]
};

struct Scratch {
    seam::Store<int8_t>  acts, quants;
    seam::Store<int16_t> mins;
    seam::Store<int32_t> sums, scales;
    seam::Store<float>   deltas, d, dmin;
};

template <int type> VNNI void prepare(const Job & j, const Acts & to) {
    constexpr Packed f = packed(type);
    constexpr int size = kBlock / f.groups;
    for (int64_t c = 0; c < j.cols; c++) {
        for (int64_t b = 0; b < j.blocks; b++) {
            const uint8_t * at = j.b + (c * j.blocks + b) * kActBytes;
            const int64_t i = c / kCols * j.blocks + b, col = c % kCols;
            std::memcpy(&to.deltas[i * kCols + col], at, sizeof(float));
            for (int g = 0; g < f.groups; g++) {
                int8_t * q = to.quants + (i * f.groups + g) * kActs + col * 32;
                std::memcpy(q, at + 4 + g * size, size);
                std::memset(q + size, 0, 32 - size);
            }
            int16_t sums[16];
            std::memcpy(sums, at + 4 + kBlock, sizeof sums);
            for (int p = 0; p < kPairs; p++) {
                const int16_t of[2] = {int16_t(sums[4 * p] + sums[4 * p + 1]), int16_t(sums[4 * p + 2] + sums[4 * p + 3])};
                std::memcpy(&to.sums[(i * kPairs + p) * kCols + col], of, sizeof of);
            }
        }
    }
}

// widen reads a group of 16 rows.
template <int type> VNNI inline void widen(const uint8_t * block, int g, __m512i w[8]) {
    constexpr Packed f = packed(type);
    for (int i = 0; i < f.lines(); i += 2) {
        nibbles(block + (g * f.lines() + i) * 32, w + i);
    }
    if (f.high == 0) {
        return;
    }
    const __m512i high = _mm512_loadu_si512(block + f.high + g * 64);
    constexpr int bits = type == GGML_TYPE_Q5_K ? 1 : 2; // of each weight
    const __m512i mask = _mm512_set1_epi8((1 << bits) - 1);
    for (int i = 0; i < f.lines(); i++) {
        const __m512i h = _mm512_and_si512(_mm512_srl_epi16(high, _mm_cvtsi32_si128(i * bits)), mask);
        w[i] = _mm512_or_si512(w[i], _mm512_slli_epi16(h, 4));
        if (type == GGML_TYPE_Q6_K) {
            w[i] = _mm512_sub_epi8(w[i], _mm512_set1_epi8(32));
        }
    }
}

// keep writes 16 rows of weights down for tiles.
template <int type> VNNI void keep(const uint8_t * rows, int64_t blocks, const Panel & to) {
    constexpr Packed f = packed(type);
    for (int64_t b = 0; b < blocks; b++, rows += f.bytes) {
        fetch(rows, f.bytes);
        for (int g = 0; g < f.groups; g++) {
            __m512i w[8];
            widen<type>(rows, g, w);
            const int64_t i = b * f.groups + g;
            for (int l = 0; l < f.lines(); l++) {
                _mm512_store_si512(to.quants + (i * f.lines() + l) * kLine, w[l]);
            }
            const __m128i scales = _mm_loadu_si128((const __m128i *) (rows + f.scales + g * kRows));
            _mm512_store_si512(to.scales + i * kRows, _mm512_cvtepi8_epi32(scales));
        }
        _mm512_store_ps(to.d + b * kRows, halves(rows + f.d));
        if (f.min) {
            _mm512_store_ps(to.dmin + b * kRows, halves(rows + f.dmin));
            for (int p = 0; p < kPairs; p++) {
                const __m256i mins = _mm256_loadu_si256((const __m256i *) (rows + f.mins + p * 32));
                _mm512_store_si512(to.mins + (b * kPairs + p) * 2 * kRows, _mm512_cvtepi8_epi16(mins));
            }
        }
    }
}

// scale adds a group's sums times its scales to a block's.
template <size_t... c> AMX inline void scale(const int32_t * sums, const int32_t * scales, __m512i * block, Columns<c...>) {
    const __m512i s = _mm512_load_si512(scales);
    ((block[c] = _mm512_add_epi32(block[c], _mm512_mullo_epi32(s, _mm512_load_si512(sums + c * kRows)))), ...);
}

// minima returns a block's minima times the sums of a column.
VNNI inline __m512 minima(const Panel & p, const int32_t * sums, int64_t b) {
    __m512i all = _mm512_setzero_si512();
    for (int i = 0; i < kPairs; i++) {
        all = _mm512_dpwssd_epi32(all, _mm512_set1_epi32(sums[i * kCols]), _mm512_load_si512(p.mins + (b * kPairs + i) * 2 * kRows));
    }
    return _mm512_cvtepi32_ps(all);
}

// close adds a block to a column.
template <int type> VNNI inline void close(const Panel & p, const Acts & a, int64_t b, int c, __m512i block, float * acc) {
    const __m512 delta = _mm512_set1_ps(a.deltas[b * kCols + c]);
    __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(block), _mm512_mul_ps(delta, _mm512_load_ps(p.d + b * kRows)), _mm512_load_ps(acc + c * kRows));
    if (packed(type).min) {
        const __m512 low = minima(p, a.sums + b * kPairs * kCols + c, b);
        sum = _mm512_fnmadd_ps(low, _mm512_mul_ps(delta, _mm512_load_ps(p.dmin + b * kRows)), sum);
    }
    _mm512_store_ps(acc + c * kRows, sum);
}

// group computes 16 rows times up to 16 columns, of which count are there. A group of
// weights is scaled while the next one is multiplied.
template <int type, size_t... c> AMX void group(const Job & j, const Panel p, const Acts a, int64_t count, float * to, Columns<c...> columns) {
    constexpr Packed f = packed(type);
    alignas(64) int32_t even[kRows * kCols], odd[kRows * kCols];
    alignas(64) float acc[kRows * kCols] = {};
    const auto weights = [&](int64_t i) { return p.quants + i * f.lines() * kLine; };
    const auto acts = [&](int64_t i) { return a.quants + i * kActs; };
    MULTIPLY(0, 2, 4, weights(0), acts(0), even);
    for (int64_t b = 0; b < j.blocks; b++) {
        __m512i block[] = {(void(c), _mm512_setzero_si512())...};
        for (int64_t i = b * f.groups; i < (b + 1) * f.groups; i += 2) {
            MULTIPLY(1, 3, 5, weights(i + 1), acts(i + 1), odd);
            scale(even, p.scales + i * kRows, block, columns);
            if (i + 2 < j.blocks * f.groups) {
                MULTIPLY(0, 2, 4, weights(i + 2), acts(i + 2), even);
            }
            scale(odd, p.scales + (i + 1) * kRows, block, columns);
        }
        (close<type>(p, a, b, c, block[c], acc), ...);
    }
    ((int64_t(c) < count ? _mm512_storeu_ps(to + c * j.ldc, _mm512_load_ps(acc + c * kRows)) : void()), ...);
}

// share computes this thread's rows.
template <int type> AMX void share(const Params & p, const Job & j) {
    constexpr Packed f = packed(type);
    static thread_local Scratch s;
    const int64_t panels = j.rows / kRows, from = panels * p.ith / p.nth, to = panels * (p.ith + 1) / p.nth;
    const size_t  cells = size_t(j.cols + kCols - 1) / kCols * j.blocks, groups = size_t(j.blocks) * f.groups;
    const Acts    x = {s.acts.room(cells * f.groups * kActs), s.deltas.room(cells * kCols), s.sums.room(cells * kPairs * kCols)};
    const Panel   w = {s.quants.room(groups * f.lines() * kLine + 4 * kLine), s.scales.room(groups * kRows),
                       s.mins.room(j.blocks * kPairs * 2 * kRows), s.d.room(j.blocks * kRows), s.dmin.room(j.blocks * kRows)};
    prepare<type>(j, x);
    configure();
    for (int64_t i = from; i < to; i++) {
        keep<type>(j.a + i * j.blocks * f.bytes, j.blocks, w);
        Acts a = x;
        for (int64_t c = 0; c < j.cols; c += kCols) {
            columns(j.cols - c, [&](auto n) AMX { group<type>(j, w, a, j.cols - c, j.c + i * kRows + c * j.ldc, n); });
            a = {a.quants + groups * kActs, a.deltas + j.blocks * kCols, a.sums + j.blocks * kPairs * kCols};
        }
    }
}

} // namespace

bool amx::multiplyK(int type, const Params & p, const Job & j) {
    switch (type) {
        case GGML_TYPE_Q4_K: return share<GGML_TYPE_Q4_K>(p, j), true;
        case GGML_TYPE_Q5_K: return share<GGML_TYPE_Q5_K>(p, j), true;
        case GGML_TYPE_Q6_K: return share<GGML_TYPE_Q6_K>(p, j), true;
    }
    return false;
}

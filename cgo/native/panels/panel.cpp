// Products of quantized weights with rows of activations, for x86 CPUs: nearly all that
// a step of a language model computes. Here for AVX512-VNNI, in panel256.h for less.
//
// ggml-cpu asks llamafile_sgemm (ggml/src/ggml-cpu/llamafile/sgemm.h) before its own
// loops, on each of its threads. This library is loaded before ggml-cpu, so that its
// llamafile_sgemm is the one that is called; what it doesn't take it hands on.
//
// A panel is eight rows of weights, widened to unsigned bytes and floats, so that
// every type is computed by the same loop. Two rows share a register: each of its
// lanes adds up four products as integers, then blocks as floats, and a row's eight
// lanes are added up at the end. That is the order of ggml_vec_dot_* and of tinyBLAS
// on AVX2, so the results are ggml's to the bit, for any number of columns.
#include <cstring>

#include "panel.h"

using namespace panel;

namespace {

using seam::half;
using seam::Params;

constexpr int kPair = 2;   // rows in a register
constexpr int kPairs = 4;  // in a panel
constexpr int kCols = 4;   // computed side by side

// Scratch is what a thread widens into.
struct Scratch {
    seam::Store<uint8_t> quants; // of a panel: [block][pair][64]
    seam::Store<float> scales;   // of a panel: [block][pair][16]
    seam::Store<float> mins;     // of a panel: [block][row]
    seam::Store<int8_t> acts;    // [col][block][32]
    seam::Store<int32_t> shifts; // [col][block][lane]: -offset times the sum of four
    seam::Store<float> deltas;   // [col][block]
    seam::Store<float> sums;     // [col][block]
};

// Panel is eight rows as keep wrote them.
struct Panel {
    uint8_t * quants;
    float *   scales;
    float *   mins;
};

// Acts are columns as prepare wrote them.
struct Acts {
    int8_t *  quants;
    int32_t * shifts;
    float *   deltas;
    float *   sums;

    Acts from(int64_t block) const { return {quants + block * kBlock, shifts + block * kLanes, deltas + block, sums + block}; }
};

// Wide is a block of two rows: 32 unsigned bytes of each, and their scales.
struct Wide {
    __m512i quants;
    __m512 scale;
};

VNNI inline __m512i join(__m256i first, __m256i second) { return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1); }

VNNI inline __m256i load(const uint8_t * p) { return _mm256_loadu_si256((const __m256i *) p); }

VNNI inline __m256i twice(const uint8_t * p) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) p)); }

// nibbles reads 16 bytes of two rows: low halves before high halves, as in ggml.
VNNI inline __m512i nibbles(const uint8_t * p, int64_t stride) {
    const __m512i v = join(twice(p), twice(p + stride));
    return _mm512_and_si512(_mm512_mask_srli_epi16(v, 0xff00ff00, v, 4), _mm512_set1_epi8(15));
}

template <int type> VNNI inline Wide widen(const uint8_t * at, int64_t stride) {
    constexpr Format f = format(type);
    Wide w;
    w.scale = _mm512_mask_mov_ps(_mm512_set1_ps(half(at)), 0xff00, _mm512_set1_ps(half(at + stride)));
    if (f.wide) {
        w.quants = _mm512_xor_si512(join(load(at + f.quants), load(at + stride + f.quants)), _mm512_set1_epi8(char(f.offset)));
        return w;
    }
    w.quants = nibbles(at + f.quants, stride);
    if (f.high != 0) {
        uint32_t bits[kPair];
        std::memcpy(&bits[0], at + f.high, sizeof bits[0]);
        std::memcpy(&bits[1], at + stride + f.high, sizeof bits[1]);
        const __mmask64 fifth = uint64_t(bits[1]) << 32 | bits[0];
        w.quants = _mm512_mask_add_epi8(w.quants, fifth, w.quants, _mm512_set1_epi8(16));
    }
    return w;
}

// Direct widens a panel on the way, for few columns.
template <int type> struct Direct {
    const uint8_t * rows;
    int64_t         stride;

    const uint8_t * place(int b) const { return rows + int64_t(b) * format(type).bytes; }

    VNNI inline Wide at(int b, int pair) const {
        fetch(b * kPairs + pair);
        return widen<type>(place(b) + pair * kPair * stride, stride);
    }

    VNNI inline __m256 mins(int b) const {
        uint16_t h[kRows];
        for (int r = 0; r < kRows; r++) {
            std::memcpy(&h[r], place(b) + r * stride + 2, sizeof h[r]);
        }
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) h));
    }

    // fetch asks for a part of the next panel, as many bytes as are read now. The rows
    // follow each other, but reading eight of them at once hides that.
    VNNI inline void fetch(int part) const {
        constexpr int bytes = kPair * format(type).bytes;
        const uint8_t * at = rows + kRows * stride + int64_t(part) * bytes;
        for (int i = 0; i < bytes; i += 64) {
            _mm_prefetch((const char *) at + i, _MM_HINT_T0);
        }
    }
};

// Kept reads a panel that keep wrote.
struct Kept {
    Panel panel;

    VNNI inline Wide at(int b, int pair) const {
        const int64_t i = int64_t(b) * kPairs + pair;
        return {_mm512_load_si512(panel.quants + i * 64), _mm512_load_ps(panel.scales + i * 16)};
    }

    VNNI inline __m256 mins(int b) const { return _mm256_load_ps(panel.mins + int64_t(b) * kRows); }
};

// keep writes a panel down for many columns.
template <int type> VNNI void keep(const Direct<type> & from, int blocks, const Panel & to) {
    for (int b = 0; b < blocks; b++) {
        for (int pair = 0; pair < kPairs; pair++) {
            const Wide w = from.at(b, pair);
            const int64_t i = int64_t(b) * kPairs + pair;
            _mm512_store_si512(to.quants + i * 64, w.quants);
            _mm512_store_ps(to.scales + i * 16, w.scale);
        }
        if (format(type).min) {
            _mm256_store_ps(to.mins + int64_t(b) * kRows, from.mins(b));
        }
    }
}

// prepare makes of n rows of Q8_0 or Q8_1 what the loop reads.
VNNI void prepare(const uint8_t * rows, int64_t stride, bool summed, int offset, int n, int blocks, const Acts & to) {
    const __m256i shift = _mm256_set1_epi8(char(offset));
    const int bytes = summed ? 36 : 34;
    for (int c = 0; c < n; c++) {
        for (int b = 0; b < blocks; b++) {
            const uint8_t * at = rows + c * stride + int64_t(b) * bytes;
            const __m256i q = load(at + bytes - kBlock);
            const int64_t i = int64_t(c) * blocks + b;
            _mm256_store_si256((__m256i *) (to.quants + i * kBlock), q);
            to.deltas[i] = half(at);
            if (summed) {
                to.sums[i] = half(at + 2);
            }
            if (offset != 0) {
                const __m256i s = _mm256_dpbusd_epi32(_mm256_setzero_si256(), shift, q);
                _mm256_store_si256((__m256i *) (to.shifts + i * kLanes), _mm256_sub_epi32(_mm256_setzero_si256(), s));
            }
        }
    }
}

// reduce adds up the eight lanes of each row: i and i+4, then i and i+2, then the two.
VNNI inline __m256 reduce(const __m512 v[kPairs]) {
    const __m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x88), _mm512_shuffle_f32x4(v[0], v[1], 0xdd));
    const __m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(v[2], v[3], 0x88), _mm512_shuffle_f32x4(v[2], v[3], 0xdd));
    __m512 t = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    t = _mm512_add_ps(t, _mm512_shuffle_ps(t, t, 0xb1));
    const __m512i rows = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 14, 10, 6, 2, 12, 8, 4, 0);
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(rows, t));
}

// multiply computes a panel times n columns.
template <int type, int n, class Weights> VNNI void multiply(const Weights & a, const Acts & x, int blocks, float * to, int64_t stride) {
    constexpr Format f = format(type);
    __m512 acc[n][kPairs];
    __m256 low[n];
    for (int c = 0; c < n; c++) {
        low[c] = _mm256_setzero_ps();
        for (int p = 0; p < kPairs; p++) {
            acc[c][p] = _mm512_setzero_ps();
        }
    }
    for (int b = 0; b < blocks; b++) {
        Wide w[kPairs];
        for (int p = 0; p < kPairs; p++) {
            w[p] = a.at(b, p);
        }
        for (int c = 0; c < n; c++) {
            const int64_t i = int64_t(c) * blocks + b;
            const __m512i q = _mm512_broadcast_i64x4(_mm256_load_si256((const __m256i *) (x.quants + i * kBlock)));
            const __m512 delta = _mm512_set1_ps(x.deltas[i]);
            __m512i start = _mm512_setzero_si512();
            if (f.offset != 0) {
                start = _mm512_broadcast_i64x4(_mm256_load_si256((const __m256i *) (x.shifts + i * kLanes)));
            }
            for (int p = 0; p < kPairs; p++) {
                const __m512 sum = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(start, w[p].quants, q));
                acc[c][p] = _mm512_fmadd_ps(_mm512_mul_ps(w[p].scale, delta), sum, acc[c][p]);
            }
        }
        if (f.min) {
            const __m256 mins = a.mins(b);
            for (int c = 0; c < n; c++) {
                low[c] = _mm256_fmadd_ps(mins, _mm256_set1_ps(x.sums[int64_t(c) * blocks + b]), low[c]);
            }
        }
    }
    for (int c = 0; c < n; c++) {
        const __m256 sum = reduce(acc[c]);
        _mm256_storeu_ps(to + c * stride, f.min ? _mm256_add_ps(sum, low[c]) : sum);
    }
}

// some computes a panel times up to kCols columns.
template <int type, class Weights> VNNI void some(const Weights & a, const Acts & x, int n, int blocks, float * to, int64_t stride) {
    switch (n) {
        case 1: return multiply<type, 1>(a, x, blocks, to, stride);
        case 2: return multiply<type, 2>(a, x, blocks, to, stride);
        case 3: return multiply<type, 3>(a, x, blocks, to, stride);
        case 4: return multiply<type, 4>(a, x, blocks, to, stride);
    }
}

template <int type> VNNI void columns(const Kept & a, Acts x, int n, int blocks, float * to, int64_t stride) {
    for (; n > 0; n -= kCols) {
        some<type>(a, x, n < kCols ? n : kCols, blocks, to, stride);
        x = x.from(int64_t(kCols) * blocks);
        to += kCols * stride;
    }
}

// share computes this thread's panels.
template <int type> VNNI void compute(const Params & p, const Job & j) {
    constexpr Format f = format(type);
    static thread_local Scratch s;
    const int64_t from = j.panels * p.ith / p.nth, to = j.panels * (p.ith + 1) / p.nth;
    const size_t pairs = size_t(j.blocks) * kPairs, cells = size_t(j.n) * j.blocks;
    const Acts acts = {s.acts.room(cells * kBlock), s.shifts.room(cells * kLanes), s.deltas.room(cells), s.sums.room(cells)};
    prepare(j.b, j.b_stride, f.min, f.offset, j.n, j.blocks, acts);
    const Kept kept = {{s.quants.room(pairs * 64), s.scales.room(pairs * 16), s.mins.room(pairs * kPair)}};
    for (int64_t i = from; i < to; i++) {
        const Direct<type> rows = {j.a + i * kRows * j.a_stride, j.a_stride};
        float * out = j.c + i * kRows;
        if (j.n <= kCols) {
            some<type>(rows, acts, j.n, j.blocks, out, j.ldc);
            continue;
        }
        keep<type>(rows, j.blocks, kept.panel);
        columns<type>(kept, acts, j.n, j.blocks, out, j.ldc);
    }
}

} // namespace

VNNI void panel::share512(int type, const Params & p, const Job & j) {
    switch (type) {
        case Q4_0: return compute<Q4_0>(p, j);
        case Q4_1: return compute<Q4_1>(p, j);
        case Q5_0: return compute<Q5_0>(p, j);
        case Q5_1: return compute<Q5_1>(p, j);
        case Q8_0: return compute<Q8_0>(p, j);
    }
}

namespace {

// Instructions are a way to compute panels.
struct Instructions {
    const char * name;
    bool         here; // this CPU has them
    Share *      share;
};

const Instructions * instructions() {
    static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    static const Instructions all[] = { // the fastest first
        {"AVX512-VNNI", seam::able(), share512},
#ifdef MOLTBOT_AVXVNNI // the compiler knows it
        {"AVX-VNNI", avx2 && __builtin_cpu_supports("avxvnni"), share256vnni},
#endif
        {"AVX2", avx2, share256},
        {"", true, nullptr},
    };
    return all;
}

const Instructions & best() {
    static const Instructions * const found = [] {
        const Instructions * i = instructions();
        while (!i->here) {
            i++;
        }
        return i;
    }();
    return *found;
}

// multiplies tells whether a type of weights is computed with activations of that type.
bool multiplies(int type, int act) { return format(type).bytes != 0 && act == (format(type).min ? Q8_1 : Q8_0); }

} // namespace

EXPORT const char * moltbot_panels_instructions() { return best().name; }

// The parameters are those of ggml's function: k, lda and ldb in blocks, C in floats.
EXPORT bool llamafile_sgemm(const Params * p, int64_t m, int64_t n, int64_t k, const void * A, int64_t lda, const void * B, int64_t ldb, void * C, int64_t ldc, int at, int bt, int ct) {
    if (n >= 1 && m % kRows == 0 && ct == F32 && multiplies(at, bt) && best().share != nullptr) {
        const int64_t act = format(at).min ? 36 : 34;
        best().share(at, *p, {m / kRows, int(n), int(k), static_cast<const uint8_t *>(A), lda * format(at).bytes, static_cast<const uint8_t *>(B), ldb * act, static_cast<float *>(C), ldc});
        return true;
    }
    static auto * const ggml = seam::next(__builtin_return_address(0), "llamafile_sgemm", llamafile_sgemm);
    return ggml != nullptr && ggml(p, m, n, k, A, lda, B, ldb, C, ldc, at, bt, ct);
}

// moltbot_panels_multiply is llamafile_sgemm by instructions of that name, for tests.
EXPORT bool moltbot_panels_multiply(const char * name, const Params * p, int64_t m, int64_t n, int64_t k, const void * A, const void * B, float * C, int at, int bt) {
    for (const Instructions * i = instructions(); i->share != nullptr; i++) {
        if (std::strcmp(i->name, name) == 0 && i->here && m % kRows == 0 && multiplies(at, bt)) {
            const int64_t act = format(at).min ? 36 : 34;
            i->share(at, *p, {m / kRows, int(n), int(k), static_cast<const uint8_t *>(A), k * format(at).bytes, static_cast<const uint8_t *>(B), k * act, C, m});
            return true;
        }
    }
    return false;
}

// Products of quantized weights with rows of activations, for x86 CPUs with
// AVX512-VNNI: nearly all that a step of a language model computes.
//
// ggml-cpu asks llamafile_sgemm (ggml/src/ggml-cpu/llamafile/sgemm.h) before its own
// loops, on each of its threads. This library is loaded before ggml-cpu, so that its
// llamafile_sgemm is the one that is called; what it doesn't take it hands on.
//
// A panel is eight rows of weights, widened once to unsigned bytes and floats, so
// that every type is computed by the same loop: four rows share a register, each with
// 16 products in its 128-bit lane, and nothing is summed across lanes before the end.
// Integers are summed per block as ggml does; only the order of the floats differs.
// It is the same for each column, whatever stands beside it.
#include <dlfcn.h>
#include <immintrin.h>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

// The types of ggml.h that are computed here.
enum Type : int { F32 = 0, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q8_1 = 9 };

constexpr int kBlock = 32; // weights that share a scale
constexpr int kGroup = 4;  // rows in a register
constexpr int kGroups = 2; // in a panel
constexpr int kRows = kGroup * kGroups;
constexpr int kCols = 8;   // computed side by side

// The head of ggml_compute_params (ggml-cpu-impl.h).
struct Params {
    int ith, nth;
};

// GCC 12 takes the registers that its own intrinsics leave undefined for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")))

VNNI inline float half(const void * p) {
    uint16_t h;
    std::memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

// Format says how a block of weights lies in memory, and what is to be subtracted
// from its unsigned bytes.
struct Format {
    int bytes;   // of a block
    int quants;  // where the nibbles or bytes begin
    int high;    // where the fifth bits are; 0: there are none
    int offset;  // value of a weight = byte - offset
    bool wide;   // a byte for each weight
    bool min;    // a smallest value follows the scale
};

constexpr Format format(int type) {
    switch (type) {
        case Q4_0: return {18, 2, 0, 8, false, false};
        case Q4_1: return {20, 4, 0, 0, false, true};
        case Q5_0: return {22, 6, 2, 16, false, false};
        case Q5_1: return {24, 8, 4, 0, false, true};
        case Q8_0: return {34, 2, 0, 128, true, false};
    }
    return {};
}

// Scratch is what a thread widens into.
struct Scratch {
    std::vector<uint8_t> quants; // of a panel: [block][group][half][64]
    std::vector<float> scales;   // of a panel: [block][group][16], a row's in four lanes
    std::vector<float> mins;     // the same
    std::vector<int8_t> acts;    // [col][block][32]
    std::vector<int32_t> shifts; // [col][block][4]: -offset times the sums of a lane
    std::vector<float> deltas;   // [col][block]
    std::vector<float> sums;     // [col][block]: a quarter, since a row has four lanes

    template <class T> static T * room(std::vector<T> & v, size_t n) {
        if (v.size() < n + 64 / sizeof(T)) {
            v.resize(n + 64 / sizeof(T));
        }
        return reinterpret_cast<T *>((reinterpret_cast<uintptr_t>(v.data()) + 63) & ~uintptr_t(63));
    }
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

    Acts from(int64_t block) const { return {quants + block * kBlock, shifts + block * 4, deltas + block, sums + block}; }
};

// four reads 16 bytes of each of four rows.
VNNI inline __m512i four(const uint8_t * p, int64_t stride) {
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *) p));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *) (p + stride)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *) (p + 2 * stride)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *) (p + 3 * stride)), 3);
}

// lanes reads a half of each of four rows; each fills the row's four lanes.
VNNI inline __m512 lanes(const uint8_t * p, int64_t stride) {
    uint16_t h[kGroup];
    for (int r = 0; r < kGroup; r++) {
        std::memcpy(&h[r], p + r * stride, sizeof h[r]);
    }
    const __m512i spread = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    const __m128 v = _mm_cvtph_ps(_mm_loadl_epi64((const __m128i *) h));
    return _mm512_permutexvar_ps(spread, _mm512_castps128_ps512(v));
}

// Wide is a block of four rows: 32 unsigned bytes of each, 16 to a lane.
struct Wide {
    __m512i first, second;
    __m512 scale;
};

// fifth returns the fifth bits of a block of four rows, those of its halves apart.
VNNI inline void fifth(const uint8_t * p, int64_t stride, __mmask64 & first, __mmask64 & second) {
    uint64_t a = 0, b = 0;
    for (int r = 0; r < kGroup; r++) {
        uint32_t bits;
        std::memcpy(&bits, p + r * stride, sizeof bits);
        a |= uint64_t(bits & 0xffff) << (16 * r);
        b |= uint64_t(bits >> 16) << (16 * r);
    }
    first = a, second = b;
}

template <int type> VNNI inline Wide widen(const uint8_t * at, int64_t stride) {
    constexpr Format f = format(type);
    Wide w;
    w.scale = lanes(at, stride);
    if (f.wide) {
        const __m512i flip = _mm512_set1_epi8(char(f.offset));
        w.first = _mm512_xor_si512(four(at + f.quants, stride), flip);
        w.second = _mm512_xor_si512(four(at + f.quants + 16, stride), flip);
        return w;
    }
    const __m512i low = _mm512_set1_epi8(15), quants = four(at + f.quants, stride);
    w.first = _mm512_and_si512(quants, low);
    w.second = _mm512_and_si512(_mm512_srli_epi16(quants, 4), low);
    if (f.high != 0) {
        __mmask64 a, b;
        fifth(at + f.high, stride, a, b);
        w.first = _mm512_mask_add_epi8(w.first, a, w.first, _mm512_set1_epi8(16));
        w.second = _mm512_mask_add_epi8(w.second, b, w.second, _mm512_set1_epi8(16));
    }
    return w;
}

// keep writes a panel of kRows rows down for many columns.
template <int type> VNNI void keep(const uint8_t * rows, int64_t stride, int blocks, const Panel & to) {
    constexpr Format f = format(type);
    for (int b = 0; b < blocks; b++) {
        for (int g = 0; g < kGroups; g++) {
            const uint8_t * at = rows + g * kGroup * stride + int64_t(b) * f.bytes;
            const Wide w = widen<type>(at, stride);
            const int64_t i = int64_t(b) * kGroups + g;
            _mm512_store_si512(to.quants + 2 * i * 64, w.first);
            _mm512_store_si512(to.quants + (2 * i + 1) * 64, w.second);
            _mm512_store_ps(to.scales + i * 16, w.scale);
            if (f.min) {
                _mm512_store_ps(to.mins + i * 16, lanes(at + 2, stride));
            }
        }
    }
}

// prepare makes of n rows of Q8_0 or Q8_1 what the loop reads.
VNNI void prepare(const uint8_t * rows, int64_t stride, bool summed, int offset, int n, int blocks, const Acts & to) {
    const __m128i shift = _mm_set1_epi8(char(offset));
    const int bytes = summed ? 36 : 34;
    for (int c = 0; c < n; c++) {
        for (int b = 0; b < blocks; b++) {
            const uint8_t * at = rows + c * stride + int64_t(b) * bytes;
            const __m256i q = _mm256_loadu_si256((const __m256i *) (at + bytes - kBlock));
            const int64_t i = int64_t(c) * blocks + b;
            _mm256_store_si256((__m256i *) (to.quants + i * kBlock), q);
            to.deltas[i] = half(at);
            if (summed) {
                to.sums[i] = half(at + 2) / 4;
            }
            if (offset != 0) {
                __m128i s = _mm_dpbusd_epi32(_mm_setzero_si128(), shift, _mm256_castsi256_si128(q));
                s = _mm_dpbusd_epi32(s, shift, _mm256_extracti128_si256(q, 1));
                _mm_store_si128((__m128i *) (to.shifts + i * 4), _mm_sub_epi32(_mm_setzero_si128(), s));
            }
        }
    }
}

// reduce adds up the four lanes of each row.
VNNI inline void reduce(__m512 v, float * to) {
    v = _mm512_add_ps(v, _mm512_shuffle_ps(v, v, 0x4e));
    v = _mm512_add_ps(v, _mm512_shuffle_ps(v, v, 0xb1));
    const __m512i pick = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0);
    _mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_permutexvar_ps(pick, v)));
}

// Kept reads a panel that keep wrote; Direct widens it on the way, for few columns.
struct Kept {
    Panel panel;
    VNNI inline Wide at(int b, int g) const {
        const int64_t i = int64_t(b) * kGroups + g;
        return {_mm512_load_si512(panel.quants + 2 * i * 64), _mm512_load_si512(panel.quants + (2 * i + 1) * 64), _mm512_load_ps(panel.scales + i * 16)};
    }
    VNNI inline __m512 min(int b, int g) const { return _mm512_load_ps(panel.mins + (int64_t(b) * kGroups + g) * 16); }
};

template <int type> struct Direct {
    const uint8_t * rows;
    int64_t         stride;
    const uint8_t * place(int b, int g) const { return rows + g * kGroup * stride + int64_t(b) * format(type).bytes; }
    VNNI inline Wide at(int b, int g) const {
        fetch(b * kGroups + g);
        return widen<type>(place(b, g), stride);
    }
    VNNI inline __m512 min(int b, int g) const { return lanes(place(b, g) + 2, stride); }

    // fetch asks for a part of the next panel, as many bytes as are read now. The rows
    // follow each other, but reading eight of them at once hides that.
    VNNI inline void fetch(int part) const {
        constexpr int bytes = kGroup * format(type).bytes;
        const uint8_t * at = rows + kRows * stride + int64_t(part) * bytes;
        for (int i = 0; i < bytes; i += 64) {
            _mm_prefetch((const char *) at + i, _MM_HINT_T0);
        }
    }
};

// multiply computes a panel times n columns.
template <int type, int n, class Weights> VNNI void multiply(const Weights & a, const Acts & x, int blocks, float * to, int64_t stride) {
    constexpr Format f = format(type);
    __m512 acc[n][kGroups];
    for (int c = 0; c < n; c++) {
        for (int g = 0; g < kGroups; g++) {
            acc[c][g] = _mm512_setzero_ps();
        }
    }
    for (int b = 0; b < blocks; b++) {
        Wide w[kGroups];
        __m512 min[kGroups];
        for (int g = 0; g < kGroups; g++) {
            w[g] = a.at(b, g);
            if (f.min) {
                min[g] = a.min(b, g);
            }
        }
        for (int c = 0; c < n; c++) {
            const int64_t i = int64_t(c) * blocks + b;
            const __m512i q0 = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *) (x.quants + i * kBlock)));
            const __m512i q1 = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *) (x.quants + i * kBlock + 16)));
            const __m512 delta = _mm512_set1_ps(x.deltas[i]);
            __m512i start = _mm512_setzero_si512();
            if (f.offset != 0) {
                start = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *) (x.shifts + i * 4)));
            }
            for (int g = 0; g < kGroups; g++) {
                const __m512i s = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(start, w[g].first, q0), w[g].second, q1);
                acc[c][g] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(s), delta), w[g].scale, acc[c][g]);
                if (f.min) {
                    acc[c][g] = _mm512_fmadd_ps(min[g], _mm512_set1_ps(x.sums[i]), acc[c][g]);
                }
            }
        }
    }
    for (int c = 0; c < n; c++) {
        for (int g = 0; g < kGroups; g++) {
            reduce(acc[c][g], to + c * stride + g * kGroup);
        }
    }
}

// rest computes a panel times up to kCols columns.
template <int type, class Weights> VNNI void rest(const Weights & a, const Acts & x, int n, int blocks, float * to, int64_t stride) {
    switch (n) {
        case 1: return multiply<type, 1>(a, x, blocks, to, stride);
        case 2: return multiply<type, 2>(a, x, blocks, to, stride);
        case 3: return multiply<type, 3>(a, x, blocks, to, stride);
        case 4: return multiply<type, 4>(a, x, blocks, to, stride);
        case 5: return multiply<type, 5>(a, x, blocks, to, stride);
        case 6: return multiply<type, 6>(a, x, blocks, to, stride);
        case 7: return multiply<type, 7>(a, x, blocks, to, stride);
        case 8: return multiply<type, 8>(a, x, blocks, to, stride);
    }
}

template <int type> VNNI void columns(const Kept & a, Acts x, int n, int blocks, float * to, int64_t stride) {
    for (; n > 0; n -= kCols) {
        rest<type>(a, x, n < kCols ? n : kCols, blocks, to, stride);
        x = x.from(int64_t(kCols) * blocks);
        to += kCols * stride;
    }
}

// Job is a product, or a thread's share of one: C[n][m] = B[n][k] * A[m][k].
struct Job {
    int64_t         panels;
    int             n, blocks;
    const uint8_t * a;
    int64_t         a_stride; // bytes from row to row
    const uint8_t * b;
    int64_t         b_stride;
    float *         c;
    int64_t         ldc;
};

template <int type> VNNI void share(const Params & p, const Job & j) {
    constexpr Format f = format(type);
    static thread_local Scratch s;
    const int64_t from = j.panels * p.ith / p.nth, to = j.panels * (p.ith + 1) / p.nth;
    const size_t widened = size_t(j.blocks) * kGroups * 16, cells = size_t(j.n) * j.blocks;
    const Acts acts = {s.room(s.acts, cells * kBlock), s.room(s.shifts, cells * 4), s.room(s.deltas, cells), s.room(s.sums, cells)};
    prepare(j.b, j.b_stride, f.min, f.offset, j.n, j.blocks, acts);
    const Kept kept = {{s.room(s.quants, widened * 8), s.room(s.scales, widened), s.room(s.mins, widened)}};
    for (int64_t i = from; i < to; i++) {
        const uint8_t * rows = j.a + i * kRows * j.a_stride;
        float * out = j.c + i * kRows;
        if (j.n <= kCols) {
            rest<type>(Direct<type>{rows, j.a_stride}, acts, j.n, j.blocks, out, j.ldc);
            continue;
        }
        keep<type>(rows, j.a_stride, j.blocks, kept.panel);
        columns<type>(kept, acts, j.n, j.blocks, out, j.ldc);
    }
}

using Sgemm = bool(const Params *, int64_t, int64_t, int64_t, const void *, int64_t, const void *, int64_t, void *, int64_t, int, int, int);

Sgemm * own();

// next returns ggml's own, which lies in the library that calls.
Sgemm * next(void * caller) {
    static Sgemm * const f = [caller]() -> Sgemm * {
        Dl_info at;
        if (dladdr(caller, &at) == 0) {
            return nullptr;
        }
        void * ggml = dlopen(at.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
        const auto found = ggml == nullptr ? nullptr : reinterpret_cast<Sgemm *>(dlsym(ggml, "llamafile_sgemm"));
        return found == own() ? nullptr : found;
    }();
    return f;
}

bool able() {
    static const bool yes = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
    return yes;
}

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT const char * moltbot_panels_instructions() { return able() ? "AVX512-VNNI" : ""; }

// C[n][m] = B[n][k] · A[m][k]ᵀ, this thread's share; k, lda and ldb are in blocks.
EXPORT bool llamafile_sgemm(const Params * p, int64_t m, int64_t n, int64_t k, const void * A, int64_t lda, const void * B, int64_t ldb, void * C, int64_t ldc, int at, int bt, int ct) {
    if (n >= 1 && m % kRows == 0 && ct == F32 && able()) {
        const auto job = [&](int type) {
            const int64_t act = format(type).min ? 36 : 34;
            return Job{m / kRows, int(n), int(k), static_cast<const uint8_t *>(A), lda * format(type).bytes, static_cast<const uint8_t *>(B), ldb * act, static_cast<float *>(C), ldc};
        };
        switch (at) {
            case Q4_0: if (bt == Q8_0) return share<Q4_0>(*p, job(at)), true; break;
            case Q4_1: if (bt == Q8_1) return share<Q4_1>(*p, job(at)), true; break;
            case Q5_0: if (bt == Q8_0) return share<Q5_0>(*p, job(at)), true; break;
            case Q5_1: if (bt == Q8_1) return share<Q5_1>(*p, job(at)), true; break;
            case Q8_0: if (bt == Q8_0) return share<Q8_0>(*p, job(at)), true; break;
        }
    }
    Sgemm * f = next(__builtin_return_address(0));
    return f != nullptr && f(p, m, n, k, A, lda, B, ldb, C, ldc, at, bt, ct);
}

namespace {
Sgemm * own() { return llamafile_sgemm; }
} // namespace

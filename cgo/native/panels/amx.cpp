// Products of quantized weights that ggml has repacked for AMX: Q4_0, Q4_1 and Q8_0
// here, the K formats in amx_k.cpp.
//
// Where a CPU has AMX, ggml keeps such weights in a buffer of its own (amx/mmq.cpp) and
// multiplies them in ggml_backend_amx_mul_mat, which this library takes over. ggml adds
// up in memory, block by block; here 16 columns are added up in registers, while the
// tiles of the next block are multiplied. Up to four columns go without tiles.
//
// The order of sums is ggml's, so the results are too, to the bit: the 32 products of a
// block as integers, then one multiply-add for each block, then one for its minimum.
#include "amx.h"
#include "ggml.h"

using namespace amx;

namespace {

constexpr int kBlock = 32; // weights that share a scale
constexpr int kQuads = 8;  // of weights in a block: [quad][row][4 bytes], lines of a tile
constexpr int kFew = 4;    // columns that go without tiles

// Packed is how ggml lays out a block of 16 rows: quants, then 16 scales as halves, then
// for Q4_1 16 minima as halves, for Q8_0 16 integers that aren't needed here.
struct Packed {
    int  bytes, quants; // of all, of the quants
    int  offset;        // value of a weight = unsigned byte - offset
    bool wide;          // a byte for each weight
    bool min;
    int  act, from;     // bytes of a block of activations; where its quants begin
};

constexpr Packed packed(int type) {
    switch (type) {
        case GGML_TYPE_Q4_0: return {288, 256, 8, false, false, 34, 2};
        case GGML_TYPE_Q4_1: return {320, 256, 0, false, true, 36, 4};
        case GGML_TYPE_Q8_0: return {608, 512, 128, true, false, 34, 2};
    }
    return {};
}

// Acts are columns as prepare wrote them, by groups of kCols. What a last group lacks is
// computed with whatever is there, and not stored.
struct Acts {
    int8_t *  quants; // [group][block][col][32]
    float *   deltas; // [group][block][col]
    float *   sums;
    int32_t * shifts; // -offset times the sum of the block's quants

    const int8_t * at(int64_t block) const { return quants + block * kActs; }
};

// Panel is 16 rows of weights, widened to signed bytes.
struct Panel {
    int8_t * quants; // [block][quad][row][4]
    float *  scales; // [block][row]
    float *  mins;

    const int8_t * at(int64_t block) const { return quants + block * kQuads * kLine; }
};

struct Scratch {
    seam::Store<int8_t>  acts, quants;
    seam::Store<float>   deltas, sums, scales, mins;
    seam::Store<int32_t> shifts;
};

// widen reads a block of 16 rows as unsigned bytes.
template <int type> VNNI inline void widen(const uint8_t * at, __m512i w[kQuads]) {
    constexpr Packed f = packed(type);
    if (f.wide) {
        for (int i = 0; i < kQuads; i++) {
            w[i] = _mm512_xor_si512(_mm512_loadu_si512(at + i * 64), _mm512_set1_epi8(char(f.offset)));
        }
        return;
    }
    for (int i = 0; i < kQuads; i += 2) {
        nibbles(at + i * 32, w + i);
    }
}

template <int type> VNNI void prepare(const Job & j, const Acts & to) {
    constexpr Packed f = packed(type);
    const __m256i offset = _mm256_set1_epi8(char(f.offset));
    for (int64_t c = 0; c < j.cols; c++) {
        for (int64_t b = 0; b < j.blocks; b++) {
            const uint8_t * at = j.b + (c * j.blocks + b) * f.act;
            const int64_t i = (c / kCols * j.blocks + b) * kCols + c % kCols;
            const __m256i q = _mm256_loadu_si256((const __m256i *) (at + f.from));
            _mm256_store_si256((__m256i *) (to.quants + i * kBlock), q);
            to.deltas[i] = half(at);
            to.sums[i] = f.min ? half(at + 2) : 0;
            if (f.offset != 0 && j.cols <= kFew) {
                const __m256i s = _mm256_dpbusd_epi32(_mm256_setzero_si256(), offset, q);
                to.shifts[i] = -_mm512_reduce_add_epi32(_mm512_zextsi256_si512(s));
            }
        }
    }
}

// few computes 16 rows times n columns.
template <int type, int n> VNNI void few(const Job & j, const uint8_t * rows, const Acts & x, float * to) {
    constexpr Packed f = packed(type);
    __m512 acc[n];
    for (int c = 0; c < n; c++) {
        acc[c] = _mm512_setzero_ps();
    }
    for (int64_t b = 0; b < j.blocks; b++, rows += f.bytes) {
        fetch(rows, f.bytes);
        __m512i w[kQuads];
        widen<type>(rows, w);
        const __m512 scale = halves(rows + f.quants);
        const __m512 min = f.min ? halves(rows + f.quants + 32) : _mm512_setzero_ps();
        for (int c = 0; c < n; c++) {
            const int64_t i = b * kCols + c;
            const int32_t * q = reinterpret_cast<const int32_t *>(x.quants + i * kBlock);
            __m512i sum = f.offset != 0 ? _mm512_set1_epi32(x.shifts[i]) : _mm512_setzero_si512();
            for (int k = 0; k < kQuads; k++) {
                sum = _mm512_dpbusd_epi32(sum, w[k], _mm512_set1_epi32(q[k]));
            }
            acc[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(scale, _mm512_set1_ps(x.deltas[i])), acc[c]);
            if (f.min) {
                acc[c] = _mm512_fmadd_ps(min, _mm512_set1_ps(x.sums[i]), acc[c]);
            }
        }
    }
    for (int c = 0; c < n; c++) {
        _mm512_storeu_ps(to + c * j.ldc, acc[c]);
    }
}

// keep writes 16 rows of weights down for tiles.
template <int type> VNNI void keep(const uint8_t * rows, int64_t blocks, const Panel & to) {
    constexpr Packed f = packed(type);
    for (int64_t b = 0; b < blocks; b++, rows += f.bytes) {
        fetch(rows, f.bytes);
        __m512i w[kQuads];
        widen<type>(rows, w);
        for (int i = 0; i < kQuads; i++) {
            _mm512_store_si512(to.quants + (b * kQuads + i) * 64, _mm512_sub_epi8(w[i], _mm512_set1_epi8(char(f.offset))));
        }
        _mm512_store_ps(to.scales + b * kRows, halves(rows + f.quants));
        if (f.min) {
            _mm512_store_ps(to.mins + b * kRows, halves(rows + f.quants + 32));
        }
    }
}

// add adds a block of 16 rows to columns.
template <int type, size_t... c> AMX inline void add(const Panel & w, const Acts & x, int64_t b, const int32_t * sums, __m512 * acc, Columns<c...>) {
    const __m512 scale = _mm512_load_ps(w.scales + b * kRows);
    const float * deltas = x.deltas + b * kCols;
    ((acc[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums + c * kRows)), _mm512_mul_ps(scale, _mm512_set1_ps(deltas[c])), acc[c])), ...);
    if (packed(type).min) {
        const __m512 min = _mm512_load_ps(w.mins + b * kRows);
        const float * of = x.sums + b * kCols;
        ((acc[c] = _mm512_fmadd_ps(min, _mm512_set1_ps(of[c]), acc[c])), ...);
    }
}

// group computes 16 rows times a group's columns, of which count are there. A block is
// added while the next one is multiplied.
template <int type, size_t... c> AMX void group(const Job & j, const Panel p, const Acts a, int64_t count, float * to, Columns<c...> columns) {
    alignas(64) int32_t even[kRows * kCols], odd[kRows * kCols];
    __m512 acc[] = {(void(c), _mm512_setzero_ps())...};
    MULTIPLY(0, 2, 4, p.quants, a.quants, even);
    for (int64_t b = 0; b < j.blocks; b += 2) {
        if (b + 1 < j.blocks) {
            MULTIPLY(1, 3, 5, p.at(b + 1), a.at(b + 1), odd);
        }
        add<type>(p, a, b, even, acc, columns);
        if (b + 1 == j.blocks) {
            break;
        }
        if (b + 2 < j.blocks) {
            MULTIPLY(0, 2, 4, p.at(b + 2), a.at(b + 2), even);
        }
        add<type>(p, a, b + 1, odd, acc, columns);
    }
    ((int64_t(c) < count ? _mm512_storeu_ps(to + c * j.ldc, acc[c]) : void()), ...);
}

// groups computes 16 rows times all columns.
template <int type> AMX void groups(const Job & j, const Panel & p, Acts a, float * to) {
    const int64_t cells = j.blocks * kCols;
    for (int64_t left = j.cols; left > 0; left -= kCols) {
        columns(left, [&](auto c) AMX { group<type>(j, p, a, left, to, c); });
        a = {a.quants + cells * kBlock, a.deltas + cells, a.sums + cells, a.shifts};
        to += kCols * j.ldc;
    }
}

// share computes this thread's rows.
template <int type> AMX void share(const Params & p, const Job & j) {
    static thread_local Scratch s;
    const int64_t panels = j.rows / kRows, from = panels * p.ith / p.nth, to = panels * (p.ith + 1) / p.nth;
    const size_t  cells = size_t(j.cols + kCols - 1) / kCols * kCols * j.blocks;
    const Acts    x = {s.acts.room(cells * kBlock), s.deltas.room(cells), s.sums.room(cells), s.shifts.room(cells)};
    const Panel   w = {s.quants.room(j.blocks * kRows * kBlock), s.scales.room(j.blocks * kRows), s.mins.room(j.blocks * kRows)};
    prepare<type>(j, x);
    if (j.cols > kFew) {
        configure();
    }
    for (int64_t i = from; i < to; i++) {
        const uint8_t * rows = j.a + i * j.blocks * packed(type).bytes;
        float * out = j.c + i * kRows;
        switch (j.cols) {
            case 1: few<type, 1>(j, rows, x, out); break;
            case 2: few<type, 2>(j, rows, x, out); break;
            case 3: few<type, 3>(j, rows, x, out); break;
            case 4: few<type, 4>(j, rows, x, out); break;
            default: keep<type>(rows, j.blocks, w); groups<type>(j, w, x, out);
        }
    }
}

void multiply(int type, const Params & p, const Job & j) {
    switch (type) {
        case GGML_TYPE_Q4_0: return share<GGML_TYPE_Q4_0>(p, j);
        case GGML_TYPE_Q4_1: return share<GGML_TYPE_Q4_1>(p, j);
        case GGML_TYPE_Q8_0: return share<GGML_TYPE_Q8_0>(p, j);
    }
    multiplyK(type, p, j);
}

// Kind is how a type of weights is met: how many share a block, and ggml's function
// that quantizes activations for them, into blocks of that many bytes.
struct Kind {
    int          values;
    const char * quantize;
    int          bytes;
};

Kind kind(int type) {
    switch (type) {
        case GGML_TYPE_Q4_1: return {32, "quantize_row_q8_1", 36};
        case GGML_TYPE_Q4_0:
        case GGML_TYPE_Q8_0: return {32, "quantize_row_q8_0", 34};
        case GGML_TYPE_Q4_K:
        case GGML_TYPE_Q5_K:
        case GGML_TYPE_Q6_K: return {256, "quantize_row_q8_K_ref", 292};
    }
    return {};
}

// GGML is what this needs of ggml: its own product, how it quantizes, and its barrier.
struct GGML {
    using Multiply = void(const Params *, ggml_tensor *);
    using Quantize = void(const float *, void *, int64_t);

    Multiply * multiply;
    Quantize * quantize[GGML_TYPE_COUNT] = {};
    void (*barrier)(ggml_threadpool *);

    explicit GGML(void * caller)
        : multiply(seam::find<Multiply>(caller, "_Z24ggml_backend_amx_mul_matPK19ggml_compute_paramsP11ggml_tensor")),
          barrier(seam::find<void(ggml_threadpool *)>(caller, "ggml_barrier")) {
        for (int t = 0; barrier != nullptr && t < GGML_TYPE_COUNT; t++) {
            if (const Kind k = kind(t); k.quantize != nullptr) {
                quantize[t] = seam::find<Quantize>(caller, k.quantize);
            }
        }
    }
};

// takes tells whether the product is one that is computed here.
bool takes(const GGML & ggml, const ggml_tensor * dst) {
    const ggml_tensor *a = dst->src[0], *b = dst->src[1];
    return ggml.quantize[a->type] != nullptr && a->ne[0] % kind(a->type).values == 0 && dst->ne[0] % kRows == 0 && dst->ne[2] == 1 && dst->ne[3] == 1 &&
           (kind(a->type).values == kBlock || dst->ne[1] > 1) && b->type == GGML_TYPE_F32 && b->nb[1] == size_t(b->ne[0]) * sizeof(float);
}

} // namespace

struct ggml_compute_params;

__attribute__((visibility("default"))) void ggml_backend_amx_mul_mat(const ggml_compute_params * params, ggml_tensor * dst) {
    static const GGML ggml(__builtin_return_address(0));
    const Params * p = reinterpret_cast<const Params *>(params);
    if (!takes(ggml, dst)) {
        return ggml.multiply(p, dst);
    }
    const ggml_tensor *a = dst->src[0], *b = dst->src[1];
    const Kind k = kind(a->type);
    const int64_t values = a->ne[0], blocks = values / k.values, cols = dst->ne[1];
    uint8_t * acts = static_cast<uint8_t *>(p->wdata);
    for (int64_t c = cols * p->ith / p->nth; c < cols * (p->ith + 1) / p->nth; c++) {
        ggml.quantize[a->type](static_cast<const float *>(b->data) + c * values, acts + c * blocks * k.bytes, values);
    }
    ggml.barrier(p->threadpool);
    multiply(a->type, *p, {dst->ne[0], cols, blocks, static_cast<const uint8_t *>(a->data), acts, static_cast<float *>(dst->data), int64_t(dst->nb[1] / sizeof(float))});
}

// moltbot_amx_multiply computes a share of a product of packed weights, for tests.
EXPORT bool moltbot_amx_multiply(int ith, int nth, int type, int64_t rows, int64_t cols, int64_t blocks, const void * weights, const void * acts, float * out) {
    if (kind(type).values == 0) {
        return false;
    }
    multiply(type, {ith, nth, 0, nullptr, nullptr, false}, {rows, cols, blocks, static_cast<const uint8_t *>(weights), static_cast<const uint8_t *>(acts), out, rows});
    return true;
}

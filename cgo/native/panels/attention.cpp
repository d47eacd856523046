// Attention over a KV cache of halves, for x86 CPUs with AVX-512: what a row costs
// behind a long context.
//
// ggml-cpu computes GGML_OP_FLASH_ATTN_EXT in a function of its own, which this
// library takes over as it does llamafile_sgemm (panel.cpp); what it doesn't take it
// hands on. ggml computes fewer than 64 rows one by one and a cell at a time, in half
// precision where the CPU has it; here rows that attend to much the same cells share
// them, and so do the heads of a group. All sums are single precision.
//
// A query is one row's vector of one head. Queries are numbered by head of the keys,
// row, and head in the group: [kv head][row][group]. Each thread takes a run of them
// of about the same work, and cuts it into blocks of queries that share cells.
#include <algorithm>
#include <cmath>

#include "ggml.h"
#include "tile.h"

namespace {

using seam::Params;
using tile::kTile;

// Contexts of up to so many cells are ggml's, so that short texts of a single
// stream stay llama-server's to the bit.
constexpr int64_t kShort = 256;
constexpr int kBlock = 48;          // queries that share cells
constexpr int kAhead = 2 * kTile;   // cells that are fetched behind a block's last tile
constexpr int kRow = 16;            // what a row costs beside its cells, in cells
constexpr uint16_t kNever = 0xfc00; // -infinity: the mask forbids the cell

// Call is an operation as it is computed here.
struct Call {
    const ggml_tensor * q, * k, * v, * mask;
    float *             out;
    int64_t             rows, cells;
    int                 heads, group; // heads of the keys; of queries for each of them
    float               scale;

    const float * query(int head, int64_t i) const {
        const int64_t row = i / group, h = int64_t(head) * group + i % group;
        return reinterpret_cast<const float *>(static_cast<const char *>(q->data) + row * q->nb[1] + h * q->nb[2]);
    }
    const uint16_t * allowed(int64_t row) const {
        return reinterpret_cast<const uint16_t *>(static_cast<const char *>(mask->data) + row * mask->nb[1]);
    }
    float * answer(int head, int64_t i) const {
        return out + ((i / group) * heads * group + int64_t(head) * group + i % group) * v->ne[0];
    }
};

tile::Heads heads(const ggml_tensor * t, int head) {
    return {static_cast<const uint8_t *>(t->data) + head * t->nb[2], t->nb[1], int(t->ne[0])};
}

// takes tells whether the operation is one that is computed here.
bool takes(const Params & p, const ggml_tensor * dst) {
    const ggml_tensor *q = dst->src[0], *k = dst->src[1], *v = dst->src[2], *mask = dst->src[3];
    float params[3]; // scale, max_bias, logit_softcap
    std::memcpy(params, dst->op_params, sizeof params);
    return seam::able() && !p.use_ref && k->ne[1] > kShort && dst->src[4] == nullptr && params[1] == 0 && params[2] == 0 &&
           q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 && v->type == GGML_TYPE_F16 && q->ne[3] == 1 &&
           q->nb[0] == sizeof(float) && k->nb[0] == 2 && v->nb[0] == 2 && k->ne[2] == v->ne[2] && q->ne[2] % k->ne[2] == 0 &&
           k->ne[0] % tile::kLanes == 0 && v->ne[0] % tile::kLanes == 0 &&
           q->ne[1] * q->ne[2] >= p.nth && // with more threads than queries ggml shares out the cells of each
           (mask == nullptr || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && mask->ne[3] == 1));
}

Call call(const ggml_tensor * dst) {
    const ggml_tensor *q = dst->src[0], *k = dst->src[1];
    Call c = {q, k, dst->src[2], dst->src[3], static_cast<float *>(dst->data), q->ne[1], k->ne[1], int(k->ne[2]), int(q->ne[2] / k->ne[2]), 0};
    std::memcpy(&c.scale, dst->op_params, sizeof c.scale);
    return c;
}

// Reach says which cells each row attends to: a bit for each, 64 to a word.
struct Reach {
    int64_t    words;
    uint64_t * bits;  // [row][words]
    int64_t *  until; // [row+1]: the work of all rows before

    int64_t cells(int64_t row) const { return until[row + 1] - until[row] - kRow; }
};

// allowed tells which of 32 cells a mask allows, of which only left are there.
VNNI inline uint32_t allowed(const uint16_t * mask, int64_t left) {
    const __mmask32 there = left >= 32 ? ~__mmask32(0) : left <= 0 ? 0 : (__mmask32(1) << left) - 1;
    return _mm512_mask_cmpneq_epi16_mask(there, _mm512_maskz_loadu_epi16(there, mask), _mm512_set1_epi16(short(kNever)));
}

// word tells which of 64 cells, of which only left are there, a row attends to.
VNNI inline uint64_t word(const uint16_t * mask, int64_t left) {
    if (mask == nullptr) {
        return left >= 64 ? ~uint64_t(0) : (uint64_t(1) << left) - 1;
    }
    return allowed(mask, left) | uint64_t(allowed(mask + 32, left - 32)) << 32;
}

VNNI void reach(const Call & c, const Reach & r) {
    r.until[0] = 0;
    for (int64_t row = 0; row < c.rows; row++) {
        int64_t n = 0;
        for (int64_t w = 0; w < r.words; w++) {
            const int64_t at = w * 64;
            const uint64_t bits = word(c.mask == nullptr ? nullptr : c.allowed(row) + at, c.cells - at);
            r.bits[row * r.words + w] = bits;
            n += __builtin_popcountll(bits);
        }
        r.until[row + 1] = r.until[row] + n + kRow;
    }
}

// Place is a query: its head of the keys, and its number within.
struct Place {
    int     head;
    int64_t i;
};

// border returns the query at which part t of n of the work begins.
Place border(const Call & c, const Reach & r, int t, int n) {
    const int64_t head = r.until[c.rows] * c.group, at = head * c.heads / n * t;
    if (t == n) {
        return {c.heads, 0};
    }
    const int64_t within = at % head;
    int64_t row = 0;
    while (r.until[row + 1] * c.group <= within) {
        row++;
    }
    return {int(at / head), row * c.group + (within - r.until[row] * c.group) / (r.until[row + 1] - r.until[row])};
}

// Scratch is what a thread computes in.
struct Scratch {
    seam::Store<uint64_t> bits, joined;
    seam::Store<int64_t>  until;
    seam::Store<int32_t>  cells;
    uint16_t              gathered[kTile]; // a row's mask, where its cells lie apart
    seam::Store<float>    queries, keys, values, sums;
};

// Block is a run of queries of one head of the keys that share a list of cells.
struct Block {
    int            head;
    int64_t        from, to; // queries
    int64_t        count;    // of cells
    tile::Softmax  soft[kBlock];
    float *        queries; // [query][dim of keys]
    float *        sums;    // [query][dim of values]
};

// Worker computes a thread's queries.
class Worker {
  public:
    Worker(const Call & call, const Reach & reach, Scratch & scratch)
        : c(call), r(reach), s(scratch), keys(call.k->ne[0]), values(call.v->ne[0]) {
        joined = s.joined.room(r.words);
        cells = s.cells.room(r.words * 64 + kAhead);
        b.queries = s.queries.room(kBlock * keys);
        b.sums = s.sums.room(kBlock * values);
    }

    // run computes queries of a head, block by block. A block with a number that isn't
    // finite is computed row by row: no row may be touched by cells of others.
    VNNI void run(int head, int64_t from, int64_t to) {
        b.head = head;
        while (from < to) {
            const int64_t end = join(from, to);
            if (!compute(from, end)) {
                for (int64_t i = from; i < end; i = b.to) {
                    compute(i, join(i, std::min(end, rowEnd(i))));
                }
            }
            from = end;
        }
    }

  private:
    const Call &  c;
    const Reach & r;
    Scratch &     s;
    const int64_t keys, values; // their dimensions
    uint64_t *    joined;
    int32_t *     cells; // of the block
    Block         b;

    int64_t rowEnd(int64_t i) const { return (i / c.group + 1) * c.group; }

    // join unites the cells of rows, from a query's own on, as long as few are computed
    // for rows that don't attend to them; it returns where the block ends.
    VNNI int64_t join(int64_t from, int64_t to) {
        const uint64_t * row = r.bits + from / c.group * r.words;
        std::copy(row, row + r.words, joined);
        int64_t end = std::min({to, rowEnd(from), from + kBlock}), sum = r.cells(from / c.group);
        for (int64_t rows = 2; end < to && end < from + kBlock; rows++) {
            row = r.bits + end / c.group * r.words;
            sum += r.cells(end / c.group);
            int64_t all = 0;
            for (int64_t w = 0; w < r.words; w++) {
                all += __builtin_popcountll(joined[w] | row[w]);
            }
            if (all * rows > sum + sum / 4) {
                break;
            }
            for (int64_t w = 0; w < r.words; w++) {
                joined[w] |= row[w];
            }
            end = std::min({to, rowEnd(end), from + kBlock});
        }
        return end;
    }

    // list writes down which cells are joined, and returns how many. What is fetched
    // behind the last of them is the first one.
    int64_t list() {
        int32_t * at = cells;
        for (int64_t w = 0; w < r.words; w++) {
            for (uint64_t bits = joined[w]; bits != 0; bits &= bits - 1) {
                *at++ = int32_t(w * 64 + __builtin_ctzll(bits));
            }
        }
        std::fill_n(at, kAhead, at == cells ? 0 : *cells);
        return at - cells;
    }

    // compute answers the queries of a block; false: rows that share it must not.
    VNNI bool compute(int64_t from, int64_t to) {
        b.from = from;
        b.to = to;
        b.count = list();
        start();
        const bool alone = to <= rowEnd(from), direct = alone && to - from <= tile::kDirect;
        for (int64_t at = 0; at < b.count; at += kTile) {
            const int n = int(std::min<int64_t>(kTile, b.count - at));
            if (direct) {
                few(cells + at, n);
            } else if (!many(cells + at, n) && !alone) {
                return false;
            }
        }
        finish();
        return true;
    }

    // start takes the queries, scaled, and forgets what was summed.
    VNNI void start() {
        const __m512 scale = _mm512_set1_ps(c.scale);
        for (int64_t i = b.from; i < b.to; i++) {
            const float * from = c.query(b.head, i);
            float * to = b.queries + (i - b.from) * keys;
            for (int64_t d = 0; d < keys; d += tile::kLanes) {
                _mm512_store_ps(to + d, _mm512_mul_ps(_mm512_loadu_ps(from + d), scale));
            }
            b.soft[i - b.from] = {-INFINITY, _mm512_setzero_ps()};
        }
        std::fill_n(b.sums, (b.to - b.from) * values, 0.0f);
    }

    // few computes a tile for one row's queries, with the cells where they lie.
    VNNI void few(const int32_t * cells, int n) {
        alignas(64) float scores[tile::kDirect * kTile];
        const tile::Heads k = heads(c.k, b.head);
        const tile::Direct v = {heads(c.v, b.head), cells};
        switch (b.to - b.from) {
            case 1: tile::scoreDirect<1>(b.queries, k, v.values, cells, n, scores); return add<1>(0, cells, n, scores, v);
            case 2: tile::scoreDirect<2>(b.queries, k, v.values, cells, n, scores); return add<2>(0, cells, n, scores, v);
            case 3: tile::scoreDirect<3>(b.queries, k, v.values, cells, n, scores); return add<3>(0, cells, n, scores, v);
            case 4: tile::scoreDirect<4>(b.queries, k, v.values, cells, n, scores); return add<4>(0, cells, n, scores, v);
        }
    }

    // many computes a tile for a block, of cells that are written down for it; false:
    // one holds a number that isn't finite.
    VNNI bool many(const int32_t * cells, int n) {
        float * k = s.keys.room(keys * kTile), * v = s.values.room(values * kTile);
        const bool sound = tile::packKeys(heads(c.k, b.head), cells, n, k) & tile::packValues(heads(c.v, b.head), cells, n, v);
        const int queries = int(b.to - b.from);
        for (int q = 0; q < queries; q += tile::kSide) {
            side(q, std::min(tile::kSide, queries - q), cells, n, k, {v, int(values)});
        }
        return sound;
    }

    VNNI void side(int q, int count, const int32_t * cells, int n, const float * k, const tile::Packed & v) {
        alignas(64) float scores[tile::kSide * kTile];
        const float * x = b.queries + q * keys;
        switch (count) {
            case 1: tile::score<1>(x, k, int(keys), scores); return add<1>(q, cells, n, scores, v);
            case 2: tile::score<2>(x, k, int(keys), scores); return add<2>(q, cells, n, scores, v);
            case 3: tile::score<3>(x, k, int(keys), scores); return add<3>(q, cells, n, scores, v);
            case 4: tile::score<4>(x, k, int(keys), scores); return add<4>(q, cells, n, scores, v);
            case 5: tile::score<5>(x, k, int(keys), scores); return add<5>(q, cells, n, scores, v);
            case 6: tile::score<6>(x, k, int(keys), scores); return add<6>(q, cells, n, scores, v);
        }
    }

    // add turns the scores of queries q to q+count into weights, and adds what they weigh.
    template <int count, class Values> VNNI void add(int q, const int32_t * cells, int n, float * scores, const Values & v) {
        float shrink[count];
        const uint16_t * mask = nullptr;
        for (int i = 0; i < count; i++) {
            const int64_t query = b.from + q + i;
            if (i == 0 || query % c.group == 0) {
                mask = masks(query / c.group, cells, n);
            }
            shrink[i] = tile::weights(scores + i * kTile, mask, n, b.soft[q + i]);
        }
        tile::weigh<count>(scores, v, n, shrink, b.sums + q * values, int(values));
    }

    // masks returns a row's mask for these cells; nullptr: all are allowed.
    const uint16_t * masks(int64_t row, const int32_t * cells, int n) {
        if (c.mask == nullptr) {
            return nullptr;
        }
        const uint16_t * from = c.allowed(row);
        if (n == kTile && cells[n - 1] - cells[0] == n - 1) {
            return from + cells[0];
        }
        for (int i = 0; i < n; i++) {
            s.gathered[i] = from[cells[i]];
        }
        return s.gathered;
    }

    // finish writes the answers.
    VNNI void finish() {
        for (int64_t i = b.from; i < b.to; i++) {
            const float sum = _mm512_reduce_add_ps(b.soft[i - b.from].sum);
            const __m512 share = _mm512_set1_ps(sum == 0 ? 0 : 1 / sum);
            const float * from = b.sums + (i - b.from) * values;
            float * to = c.answer(b.head, i);
            for (int64_t d = 0; d < values; d += tile::kLanes) {
                _mm512_storeu_ps(to + d, _mm512_mul_ps(_mm512_load_ps(from + d), share));
            }
        }
    }
};

// attend computes this thread's queries.
VNNI void attend(const Params & p, const Call & c) {
    static thread_local Scratch s;
    const int64_t words = (c.cells + 63) / 64;
    const Reach r = {words, s.bits.room(c.rows * words), s.until.room(c.rows + 1)};
    reach(c, r);
    const Place from = border(c, r, p.ith, p.nth), to = border(c, r, p.ith + 1, p.nth);
    Worker worker(c, r, s);
    const int64_t all = c.rows * c.group;
    for (int head = from.head; head <= to.head && head < c.heads; head++) {
        worker.run(head, head == from.head ? from.i : 0, head == to.head ? to.i : all);
    }
}

} // namespace

EXPORT void ggml_compute_forward_flash_attn_ext(const Params * p, ggml_tensor * dst) {
    if (takes(*p, dst)) {
        return attend(*p, call(dst));
    }
    static auto * const ggml = seam::next(__builtin_return_address(0), "ggml_compute_forward_flash_attn_ext", ggml_compute_forward_flash_attn_ext);
    if (ggml != nullptr) {
        ggml(p, dst);
    }
}

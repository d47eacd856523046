// What the products by AMX share (amx.cpp, amx_k.cpp).
#pragma once
#include <utility>

#include "seam.h"

#define AMX __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma,amx-tile,amx-int8")))

namespace amx {

using seam::half;
using seam::halves;
using seam::Params;

constexpr int kRows = 16;      // of weights that ggml has packed together
constexpr int kCols = 16;      // of activations in a tile
constexpr int kLine = 64;      // bytes of a row of a tile
constexpr int kActs = 32 * kCols; // bytes of activations in a tile: [col][32]

// Job is a product: C[cols][rows] = A[rows][blocks] * B[cols][blocks].
struct Job {
    int64_t         rows, cols, blocks;
    const uint8_t * a; // [row / 16][block] as ggml has packed them
    const uint8_t * b; // [col][block] as ggml has quantized them
    float *         c;
    int64_t         ldc;
};

// fetch asks for weights that follow a block in some microseconds: they come from memory
// that the hardware reads ahead too timidly.
VNNI inline void fetch(const uint8_t * block, int bytes) {
    constexpr int ahead = 4096;
    for (int i = 0; i < bytes; i += 64) {
        _mm_prefetch((const char *) block + ahead + i, _MM_HINT_T0);
    }
}

// nibbles reads 64 bytes as two lines of a tile.
VNNI inline void nibbles(const uint8_t * at, __m512i w[2]) {
    const __m512i v = _mm512_loadu_si512(at), low = _mm512_set1_epi8(15);
    w[0] = _mm512_and_si512(v, low);
    w[1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
}

// configure gives the tiles their shapes: those that ggml gives them, once per thread,
// since it goes on with them for the types that aren't computed here. Weights are 0 and
// 1, activations 2 and 3, sums 4 and on.
AMX inline void configure() {
    static thread_local bool done = false;
    if (done) {
        return;
    }
    alignas(64) uint8_t config[64] = {1};
    const uint8_t rows[] = {8, 8, 16, 16, 16, 16, 16, 16}, bytes[] = {64, 64, 32, 32, 64, 64, 64, 64};
    for (int i = 0; i < 8; i++) {
        config[16 + 2 * i] = bytes[i];
        config[48 + i] = rows[i];
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
    done = true;
}

// MULTIPLY has the tiles w, x and sum multiply weights with activations; the sums go
// to memory, [col][row].
#define MULTIPLY(w, x, sum, weights, acts, to) \
    _tile_loadd(w, weights, amx::kLine);       \
    _tile_loadd(x, acts, 32);                  \
    _tile_zero(sum);                           \
    _tile_dpbssd(sum, x, w);                   \
    _tile_stored(sum, to, amx::kLine)

// A group's columns are counted by index sequences: a loop that the compiler unrolls
// late would keep the sums in memory.
template <size_t... c> using Columns = std::index_sequence<c...>;

// columns calls f with the sequence for up to kCols columns: 4, 8, 12 or 16.
template <class F> AMX inline void columns(int64_t n, const F & f) {
    switch (n >= kCols ? 4 : (n + 3) / 4) {
        case 1: return f(std::make_index_sequence<4>());
        case 2: return f(std::make_index_sequence<8>());
        case 3: return f(std::make_index_sequence<12>());
        case 4: return f(std::make_index_sequence<16>());
    }
}

// multiplyK computes this thread's share of a product of K formats; false: it isn't
// one that is computed here.
bool multiplyK(int type, const Params & p, const Job & j);

} // namespace amx

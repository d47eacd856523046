// What the products of quantized weights share (panel.cpp, panel256.h).
#pragma once
#include "seam.h"

namespace panel {

// The types of ggml.h that are computed here.
enum Type : int { F32 = 0, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q8_1 = 9 };

constexpr int kBlock = 32; // weights that share a scale
constexpr int kRows = 8;   // of weights that are computed together
constexpr int kLanes = 8;  // of a row: each adds up four products of a block

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

// Job is a product: C[n][m] = B[n][k] * A[m][k], with m in panels of kRows.
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

// Share computes a thread's part of a product of weights of that type.
using Share = void(int type, const seam::Params & p, const Job & j);

Share share512;     // AVX512-VNNI
Share share256;     // AVX2
Share share256vnni; // AVX2 with AVX-VNNI

} // namespace panel

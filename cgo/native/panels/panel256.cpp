// Panels by AVX2 alone.
#include <cstring>

#include "panel.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,f16c,fma")
#endif
#include "panel256.h"

namespace {

// Plain multiplies by AVX2. Wide weights give the activations their sign: the sum of two
// products of unsigned bytes might not fit 16 bits.
template <int type> struct Plain {
    static constexpr bool wide = format(type).wide;
    static constexpr int  shift = wide ? 0 : format(type).offset;

    static __m256i keep(__m256i w) { return w; }

    static __m256i products(__m256i start, __m256i w, __m256i x) {
        const __m256i pairs = wide ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w)) : _mm256_maddubs_epi16(w, x);
        const __m256i sums = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
        return shift != 0 ? _mm256_add_epi32(start, sums) : sums;
    }
};

} // namespace

void panel::share256(int type, const Params & p, const Job & j) { share<Plain>(type, p, j); }

#if defined(__clang__)
#pragma clang attribute pop
#endif

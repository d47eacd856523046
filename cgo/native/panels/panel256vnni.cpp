// Panels by AVX2 and AVX-VNNI.
#include <cstring>

#include "panel.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c,fma,avxvnni"))), apply_to = function)
#else
#pragma GCC target("avx2,f16c,fma,avxvnni")
#endif
#include "panel256.h"

namespace {

template <int type> struct Vnni {
    static constexpr int shift = format(type).offset;

    static __m256i keep(__m256i w) { return format(type).wide ? _mm256_xor_si256(w, _mm256_set1_epi8(char(0x80))) : w; }

    static __m256i products(__m256i start, __m256i w, __m256i x) { return _mm256_dpbusd_avx_epi32(start, w, x); }
};

} // namespace

void panel::share256vnni(int type, const Params & p, const Job & j) { share<Vnni>(type, p, j); }

#if defined(__clang__)
#pragma clang attribute pop
#endif

// Included before ggml's C++ sources for CPUs with AMX.
//
// GCC up to 12 tells its optimiser that _tile_loadconfig reads eight of the 64 bytes
// it is given, so that ggml's configuration of the tiles is dropped as dead stores, and
// the first instruction on a tile is an illegal one. Here it reads all of them.
#pragma once
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>

#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg %0" ::"m"(*reinterpret_cast<const char(*)[64]>(config)))
#endif

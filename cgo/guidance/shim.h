// Structs that are easier to fill in C.
#pragma once

#include "llguidance.h"

// From crate/src/lib.rs: llg_new_matcher on a stack of its own, and llg_clone_matcher
// with its panics caught. Both return NULL when they fail.
LlgMatcher * moltbot_new_matcher(const LlgConstraintInit * init, const char * kind, const char * source);
LlgMatcher * moltbot_clone_matcher(const LlgMatcher * m);

LlgTokenizer * mb_new_tokenizer(uint32_t n, const uint32_t * lens, const uint8_t * bytes, const uint32_t * ends,
                                uint32_t n_ends, void * tokenize, const void * data, char * error, size_t error_len);

// mb_compile compiles under fixed limits; forced: tokens may be forced.
LlgMatcher * mb_compile(const LlgTokenizer * t, bool forced, const char * kind, const char * source);

#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

// mb_panels_load returns NULL, or why the library couldn't be loaded.
const char * mb_panels_load(const char * path);

// mb_panels_instructions returns "" where no kernels are in use.
const char * mb_panels_instructions(void);

bool mb_panels_multiply(int ith, int nth, int64_t rows, int64_t cols, int64_t blocks, const void * weights, const void * acts, float * out, int type, int act_type);

// mb_ggml_dot has ggml's CPU plug-in in that file multiply a row with a column; false:
// it isn't there, or doesn't pair these types.
bool mb_ggml_dot(const char * plugin, int values, const void * weights, const void * acts, float * out, int type, int act_type);

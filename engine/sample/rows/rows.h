// The pass over a row of logits; rows.go says what it does, reference.go how.
#pragma once

#include <stdint.h>

// mb_passes finds how many passes this processor can run, and must be called
// first. The last is the fastest.
int          mb_passes(void);
const char * mb_pass_name(int pass);

// copies and copy_at are those of Row; copy_at may be NULL, sums too.
float mb_measure(int pass, const float * logits, int32_t n, const float * copies, const int32_t * copy_at, double scale,
                 float * peaks, double * sums);

// The pass over a row for one instruction set; rows.c includes it for each, with
// PASS(name), TARGET and WIDTH, the bytes of a vector, defined. The arithmetic and
// its order are those of reference.go, whatever the width.

#define inlined TARGET static inline __attribute__((always_inline))
#define vf      PASS(vf)
#define vi      PASS(vi)
#define vh      PASS(vh)
#define vd      PASS(vd)
#define vl      PASS(vl)

typedef float   vf __attribute__((vector_size(WIDTH)));
typedef int32_t vi __attribute__((vector_size(WIDTH)));
typedef float   vh __attribute__((vector_size(WIDTH / 2))); // as many floats as vd has doubles
typedef double  vd __attribute__((vector_size(WIDTH)));
typedef int64_t vl __attribute__((vector_size(WIDTH)));

inlined vd PASS(exp2)(vd y) {
    const double round   = 6755399441055744.0; // 3 << 51
    const vd     rounded = y + round;
    const vd     f       = y - (rounded - round);
    vd           p       = 0.0001545316294214853 * f + 0.001339086336464892;
    p                    = p * f + 0.009618082557285924;
    p                    = p * f + 0.05550357114219124;
    p                    = p * f + 0.24022650760568087;
    p                    = p * f + 0.6931471880262288;
    p                    = p * f + 1;
    return (vd) (((vl) p + ((vl) rounded << 52)) & (y >= -1000));
}

inlined vf PASS(higher)(vf a, vf b) {
    const vi more = a > b;
    return (vf) (((vi) a & more) | ((vi) b & ~more));
}

// peak returns the maximum and clears in good the lanes where it met NaN or +Inf.
inlined float PASS(peak)(const float * x, vi * good) {
    vf m, v;
    memcpy(&m, x, sizeof m);
    *good &= m <= FLT_MAX;
    for (int i = WIDTH / 4; i < block_len; i += WIDTH / 4) {
        memcpy(&v, x + i, sizeof v);
        *good &= v <= FLT_MAX;
        m = PASS(higher)(v, m);
    }
    float lane[WIDTH / 4];
    memcpy(lane, &m, sizeof m);
    for (int n = WIDTH / 8; n > 0; n /= 2) {
        for (int l = 0; l < n; l++) {
            lane[l] = lane[l + n] > lane[l] ? lane[l + n] : lane[l];
        }
    }
    return lane[0];
}

inlined double PASS(sum)(const float * x, double peak, double scale) {
    enum { parts = 8 * lanes / WIDTH };
    vd s[parts];
    vh v;
    memset(s, 0, sizeof s);
    for (int i = 0; i < block_len; i += lanes) {
        for (int j = 0; j < parts; j++) {
            memcpy(&v, x + i + j * (WIDTH / 8), sizeof v);
            s[j] += PASS(exp2)((__builtin_convertvector(v, vd) - peak) * scale);
        }
    }
    double t[lanes];
    memcpy(t, s, sizeof t);
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}

TARGET static float PASS(measure)(const float * logits, int32_t n, const float * copies, const int32_t * copy_at,
                                  double scale, float * peaks, double * sums) {
    float room[block_len], top = -INFINITY;
    vi    good = { 0 };
    good       = ~good;
    for (int32_t b = 0; b * block_len < n; b++) {
        const float * x    = block_of(logits, n, copies, copy_at, b, room);
        const float   peak = PASS(peak)(x, &good);
        peaks[b]           = peak;
        top                = peak > top ? peak : top;
        if (sums) {
            sums[b] = ((double) peak - (double) top) * scale >= negligible ? PASS(sum)(x, peak, scale) : 0;
        }
    }
    int32_t all = -1;
    for (int l = 0; l < WIDTH / 4; l++) {
        all &= good[l];
    }
    return all ? top : NAN;
}

#undef inlined
#undef vf
#undef vi
#undef vh
#undef vd
#undef vl
#undef PASS
#undef TARGET
#undef WIDTH

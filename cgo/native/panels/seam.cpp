#include "seam.h"

#include <algorithm>
#include <cstdlib>

namespace seam {

Memory::~Memory() { std::free(at); }

void * Memory::room(size_t bytes) {
    if (size < bytes) {
        std::free(at);
        size = (std::max(bytes, 2 * size) + 63) / 64 * 64;
        at = std::aligned_alloc(64, size);
        if (at == nullptr) {
            std::abort();
        }
    }
    return at;
}

} // namespace seam

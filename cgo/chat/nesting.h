// Keeps templates that could exhaust the C stack away from the jinja engine,
// which recurses over brackets, operators and blocks without a limit of its own.
#pragma once

#include <string>

// mb_check_nesting throws std::invalid_argument when a tag or the blocks of the
// template go too deep. It cannot foresee what a macro does when it runs: a
// template is trusted as much as the model file it comes with.
void mb_check_nesting(const std::string & source);

#include "nesting.h"

#include "jinja/lexer.h"

#include <set>
#include <stdexcept>
#include <vector>

using jinja::token;

// Far beyond any real template: the deepest in llama.cpp's collection have 62
// tokens in a tag and 13 blocks in each other, an elif counting as one.
static constexpr size_t max_tag_tokens  = 500;
static constexpr size_t max_block_depth = 100;

namespace {

// blocks counts how deep the statements seen so far are nested. An elif is a
// block inside the if before it, and the endif closes them all.
class blocks {
    std::vector<size_t> open;
    size_t              depth = 0;

    void enter() {
        open.push_back(1);
        depth++;
    }

    void leave() {
        if (!open.empty()) {
            depth -= open.back();
            open.pop_back();
        }
    }

  public:
    // see takes the name of a statement; inline_set is `set x = y`, which has no end.
    void see(const std::string & name, bool inline_set) {
        static const std::set<std::string> starts = {"if", "for", "macro", "call", "filter"};
        static const std::set<std::string> ends = {"endif", "endfor", "endmacro", "endcall", "endfilter", "endset"};
        if (starts.count(name) != 0 || (name == "set" && !inline_set)) {
            enter();
        } else if (name == "elif" && !open.empty()) {
            open.back()++;
            depth++;
        } else if (ends.count(name) != 0) {
            leave();
        }
        if (depth > max_block_depth) {
            throw std::invalid_argument("blocks nest deeper than " + std::to_string(max_block_depth));
        }
    }
};

} // namespace

static bool ends_tag(const token & t) {
    return t.t == token::close_statement || t.t == token::close_expression || t.t == token::text || t.t == token::comment;
}

// assigns tells whether the tag that starts at i holds a `=`.
static bool assigns(const std::vector<token> & toks, size_t i) {
    while (i < toks.size() && !ends_tag(toks[i]) && toks[i].t != token::equals) {
        i++;
    }
    return i < toks.size() && toks[i].t == token::equals;
}

void mb_check_nesting(const std::string & source) {
    const auto toks   = jinja::lexer().tokenize(source).tokens;
    size_t     in_tag = 0;
    blocks     nest;
    for (size_t i = 0; i < toks.size(); i++) {
        in_tag = ends_tag(toks[i]) ? 0 : in_tag + 1;
        if (in_tag > max_tag_tokens) {
            throw std::invalid_argument("a tag has more than " + std::to_string(max_tag_tokens) + " tokens");
        }
        if (toks[i].t == token::open_statement && i + 1 < toks.size()) {
            nest.see(toks[i + 1].value, assigns(toks, i));
        }
    }
}

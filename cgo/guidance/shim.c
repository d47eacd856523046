#include "shim.h"

LlgTokenizer * mb_new_tokenizer(uint32_t n, const uint32_t * lens, const uint8_t * bytes, const uint32_t * ends,
                                uint32_t n_ends, void * tokenize, const void * data, char * error, size_t error_len) {
    LlgTokenizerInitV2 init                 = { .struct_size = sizeof(init) };
    init.vocab_size                         = n;
    init.tok_eos                            = ends[0];
    init.tok_eos_extra                      = ends + 1;
    init.tok_eos_extra_count                = n_ends - 1;
    init.token_lens                         = lens;
    init.token_bytes                        = bytes;
    init.tokenize_fn                        = (LlgTokenizeFn) tokenize;
    init.tokenize_user_data                 = data;
    init.tokenize_assumes_string            = tokenize != NULL;
    init.use_approximate_greedy_tokenize_fn = tokenize == NULL;
    return llg_new_tokenizer_v2(&init, error, error_len);
}

LlgMatcher * mb_compile(const LlgTokenizer * t, bool forced, const char * kind, const char * source) {
    LlgConstraintInit init;
    llg_constraint_init_set_defaults(&init, t);
    init.log_buffer_level               = 0;
    init.log_stderr_level               = 0;
    init.ff_tokens_ok                   = forced;
    init.backtrack_ok                   = false;
    init.limits.max_items_in_row        = 2000;
    init.limits.initial_lexer_fuel      = 1000000; // some 20 ms
    init.limits.step_lexer_fuel         = 200000;  // some 15 ms
    init.limits.step_max_items          = 50000;   // some 3 ms
    init.limits.max_lexer_states        = 50000;   // of 1 to 2 KiB
    init.limits.max_grammar_size        = 200000;
    init.limits.precompute_large_lexemes = true;
    init.limits.verbose_errors          = false;
    return moltbot_new_matcher(&init, kind, source);
}

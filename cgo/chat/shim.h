// A plain C face of llama.cpp's common_chat_*, for cgo. No exception leaves it:
// a function that fails returns NULL and an error text in *err.
// Every text that is handed out was allocated with malloc; the caller frees it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct llama_model;

typedef struct mb_templates mb_templates; // the chat templates of a model; safe for concurrent use once made
typedef struct mb_syntax    mb_syntax;    // how the answer to one prompt is written; safe for concurrent use

// mb_templates_new takes the model's own template, or src when it isn't empty. model may be NULL then.
mb_templates * mb_templates_new(const struct llama_model * model, const char * src, size_t n_src, char ** err);
void           mb_templates_free(mb_templates * t);

// mb_templates_info answers {"source", "explicit", "supports_thinking", "supports_tool_calls"} as JSON.
char * mb_templates_info(const mb_templates * t, char ** err);

// mb_render takes a request as JSON and answers the prompt with all that belongs to it as JSON.
char * mb_render(const mb_templates * t, const char * request, size_t n_request, mb_syntax ** syntax, char ** err);

// mb_parse cuts an answer, or what there is of it so far, into the parts of a message, as JSON.
char * mb_parse(const mb_syntax * s, const char * text, size_t n_text, bool partial, char ** err);
void   mb_syntax_free(mb_syntax * s);

#ifdef __cplusplus
}
#endif

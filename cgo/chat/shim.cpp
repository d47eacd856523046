#include "shim.h"

#include "chat.h"
#include "log.h"
#include "nesting.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

using json = common_json;

struct mb_templates {
    common_chat_templates_ptr tmpls;
    bool                      supports_thinking = false;
};

struct mb_syntax {
    common_chat_parser_params params;
};

namespace {

// Nothing may be printed to the terminal: what matters comes back as an error.
// This runs before main, so before any thread could log.
[[maybe_unused]] const bool silent = (common_log_set_verbosity_thold(LOG_LEVEL_OUTPUT - 1), true);

char * copy(const std::string & s) {
    char * p = static_cast<char *>(std::malloc(s.size() + 1));
    if (p != nullptr) {
        std::memcpy(p, s.c_str(), s.size() + 1);
    }
    return p;
}

// guard calls f and turns whatever it throws into *err and a null pointer.
template <typename F> auto guard(char ** err, F f) -> decltype(f()) {
    try {
        return f();
    } catch (const std::exception & e) {
        *err = copy(e.what());
    } catch (...) {
        *err = copy("an unknown C++ exception");
    }
    return nullptr;
}

// sources lists the templates that common_chat_templates_init would parse.
std::vector<std::string> sources(const llama_model * model, const std::string & src) {
    if (!src.empty()) {
        return {src};
    }
    std::vector<std::string> out;
    for (const char * name : {static_cast<const char *>(nullptr), "tool_use"}) {
        if (const char * own = llama_model_chat_template(model, name)) {
            out.emplace_back(own);
        }
    }
    return out;
}

common_chat_templates_ptr init(const llama_model * model, const std::string & src) {
    for (const auto & s : sources(model, src)) {
        mb_check_nesting(s);
        common_chat_template(s, "", ""); // throws with a text; what init throws has lost it
    }
    return common_chat_templates_init(model, src);
}

common_chat_templates_inputs inputs_from(const json & req, bool supports_thinking) {
    common_chat_templates_inputs in;
    in.messages              = common_chat_msgs_parse_oaicompat(req.at("messages"));
    in.tools                 = common_chat_tools_parse_oaicompat(req.value("tools", json()));
    in.tool_choice           = common_chat_tool_choice_parse_oaicompat(req.value("tool_choice", "auto"));
    in.parallel_tool_calls   = req.value("parallel_tool_calls", false);
    in.add_generation_prompt = req.value("add_generation_prompt", true);
    in.reasoning_format      = common_reasoning_format_from_name(req.value("reasoning_format", "auto"));
    in.enable_thinking       = req.value("enable_thinking", supports_thinking);
    const json kwargs = req.value("kwargs", json::object()); // items() below points into it
    for (const auto & [name, value] : kwargs.items()) {
        in.chat_template_kwargs[name] = value.dump();
    }
    return in;
}

json triggers_of(const common_chat_params & p) {
    json out = json::array();
    for (const auto & t : p.grammar_triggers) {
        out.push_back({{"type", static_cast<int>(t.type)}, {"value", t.value}});
    }
    return out;
}

json reply_of(const common_chat_params & p) {
    return json{
        {"prompt", p.prompt},
        {"generation_prompt", p.generation_prompt},
        {"format", common_chat_format_name(p.format)},
        {"stops", p.additional_stops},
        {"supports_thinking", p.supports_thinking},
        {"thinking_start", p.thinking_start_tag},
        {"thinking_ends", p.thinking_end_tags},
        {"preserved_tokens", p.preserved_tokens},
        {"grammar", p.grammar},
        {"grammar_lazy", p.grammar_lazy},
        {"grammar_triggers", triggers_of(p)},
    };
}

mb_syntax * syntax_of(const common_chat_params & p) {
    auto s = std::make_unique<mb_syntax>();
    s->params = common_chat_parser_params(p);
    if (!p.parser.empty()) {
        s->params.parser.load(p.parser);
    }
    return s.release();
}

json message_of(const common_chat_msg & m) {
    json calls = json::array();
    for (const auto & c : m.tool_calls) {
        calls.push_back({{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
    }
    return json{
        {"content", m.render_content("")},
        {"reasoning", m.reasoning_content},
        {"tool_calls", calls},
    };
}

} // namespace

mb_templates * mb_templates_new(const llama_model * model, const char * src, size_t n_src, char ** err) {
    return guard(err, [&] {
        auto t   = std::make_unique<mb_templates>();
        t->tmpls = init(model, std::string(src, n_src));
        t->supports_thinking = common_chat_templates_support_enable_thinking(t->tmpls.get());
        return t.release();
    });
}

void mb_templates_free(mb_templates * t) {
    delete t;
}

char * mb_templates_info(const mb_templates * t, char ** err) {
    return guard(err, [&] {
        return copy(json{
            {"source", common_chat_templates_source(t->tmpls.get())},
            {"explicit", common_chat_templates_was_explicit(t->tmpls.get())},
            {"supports_thinking", t->supports_thinking},
            {"supports_tool_calls", common_chat_templates_get_caps(t->tmpls.get()).at("supports_tool_calls")},
        }.dump_safe());
    });
}

char * mb_render(const mb_templates * t, const char * request, size_t n_request, mb_syntax ** syntax, char ** err) {
    return guard(err, [&] {
        const auto in    = inputs_from(json::parse(std::string(request, n_request)), t->supports_thinking);
        const auto p     = common_chat_templates_apply(t->tmpls.get(), in);
        const auto reply = reply_of(p).dump();
        *syntax = syntax_of(p);
        return copy(reply);
    });
}

char * mb_parse(const mb_syntax * s, const char * text, size_t n_text, bool partial, char ** err) {
    return guard(err, [&] {
        const auto m = common_chat_parse(std::string(text, n_text), partial, s->params);
        return copy(message_of(m).dump());
    });
}

void mb_syntax_free(mb_syntax * s) {
    delete s;
}

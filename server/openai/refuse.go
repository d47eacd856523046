package openai

import "slices"

// unserved are the fields of the public API which this server knows and does not
// serve. Each is fine as long as it asks for nothing; otherwise the request is
// refused, so that nobody gets less than was asked for without being told.
type refusals []struct {
	field    string
	harmless func(value) bool // the value is set and of any kind
}

// unserved is refused by both kinds of completion.
var unserved = refusals{
	{"functions", emptyList},
	{"function_call", oneOf("none", "auto")},
	{"audio", never},
	{"prediction", never},
	{"web_search_options", never},
	{"moderation", never},
	{"prompt_cache_options", emptyObject},
	{"modalities", textAlone},
	{"verbosity", oneOf("medium")},
}

// unservedInChat is refused by chats besides.
var unservedInChat = refusals{
	{"suffix", emptyText},
}

// unservedInText is refused by plain completions besides.
var unservedInText = refusals{
	{"store", isFalse},
	{"tools", emptyList},
	{"tool_choice", oneOf("none", "auto")},
}

// check notes a mistake for the first field that asks for what is not served.
func (r refusals) check(o object) {
	for _, u := range r {
		if v := o.get(u.field); v.isSet() && !u.harmless(v) {
			v.fail("unsupported_parameter", "Unsupported value for '%s': this server does not offer it.", v.path)
		}
	}
}

func never(value) bool { return false }

func isFalse(v value) bool { return v.is("boolean") && !v.boolean() }

func emptyText(v value) bool { return v.is("string") && v.str() == "" }

func emptyList(v value) bool { return v.is("array") && len(v.items()) == 0 }

func emptyObject(v value) bool { return v.is("object") && len(v.object().fields) == 0 }

// textAlone accepts ["text"], the default modality.
func textAlone(v value) bool {
	items := v.items()
	return v.is("array") && len(items) == 1 && items[0].enum("text", "audio") == "text"
}

// oneOf accepts the values that mean what is done anyway.
func oneOf(texts ...string) func(value) bool {
	return func(v value) bool {
		return v.kind() == "string" && slices.Contains(texts, v.str())
	}
}

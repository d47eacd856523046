package constrain

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

type lowerCase struct{ rule, src, want string }

// refused checks that a grammar is refused for the reason given in want.
func refused(t *testing.T, kind Kind, cases []lowerCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			low, err := Lower(Grammar{Kind: kind, Source: c.src})
			var r *RefusedError
			if !errors.As(err, &r) || !strings.Contains(r.Reason, c.want) {
				t.Errorf("got %v %v, want a refusal with %q", low, err, c.want)
			}
		})
	}
}

func TestSchemasThatCanNotBeEnforcedAreRefused(t *testing.T) {
	refused(t, JSONSchema, []lowerCase{
		{"not", `{"not":{}}`, "keyword not"},
		{"if", `{"properties":{"a":{"if":{}}}}`, `keyword if at "/properties/a"`},
		{"uniqueItems", `{"uniqueItems":true}`, "uniqueItems"},
		{"contains", `{"contains":{}}`, "keyword contains"},
		{"dependentSchemas", `{"dependentSchemas":{}}`, "keyword dependentSchemas"},
		{"unevaluatedProperties", `{"unevaluatedProperties":false}`, "keyword unevaluatedProperties"},
		{"propertyNames", `{"propertyNames":{}}`, "keyword propertyNames"},
		{"an unknown keyword", `{"minLenght":3}`, `keyword "minLenght"`},
		{"options for the library", `{"x-guidance":{"lenient":true}}`, "x-guidance"},
		{"an unknown format", `{"format":"phone"}`, "format phone"},
		{"a look ahead", `{"pattern":"^(?=a)b"}`, "looks ahead"},
		{"a look behind", `{"pattern":"(?<!a)b"}`, "looks ahead or behind"},
		{"a word boundary", `{"pattern":"\\bx"}`, "word boundaries"},
		{"a back reference", `{"pattern":"(a)\\1"}`, "refers back"},
		{"an anchor within", `{"pattern":"a^b"}`, "^ is supported"},
		{"a reference elsewhere", `{"$ref":"other.json"}`, "only references within"},
		{"a reference to an anchor", `{"$ref":"#x","$defs":{"a":{"$anchor":"x"}}}`, "only references within"},
		{"a reference to nothing", `{"$ref":"#/$defs/a"}`, "nothing is at"},
		{"a base within", `{"items":{"$id":"x"}}`, "$id"},
		{"another dialect", `{"$schema":"urn:mine"}`, "no dialect"},
		{"overlapping oneOf", `{"oneOf":[{"type":"integer"},{"type":"number"}]}`, "options 0 and 1 may overlap"},
		{"minProperties of any names", `{"minProperties":2}`, "minProperties"},
		{"a list of items", `{"items":[{}]}`, "prefixItems"},
		{"a huge number", `{"const":1e300}`, "beyond"},
		{"a hostile exponent", `{"minimum":1e-999999999}`, "decimals"},
		{"a number no float64 keeps", `{"const":0.10000000000000001}`, "more digits"},
		{"a control character", `{"const":"\u0001"}`, "control character"},
		{"multipleOf 0", `{"multipleOf":0}`, "greater than 0"},
		{"a negative count", `{"minItems":-1}`, "whole number"},
		{"a count beyond counting", `{"maxLength":1000000}`, "can't be counted"},
	})
}

func TestSchemasThatNothingSatisfiesAreRefused(t *testing.T) {
	refused(t, JSONSchema, []lowerCase{
		{"false", `false`, "no answer"},
		{"an empty enum", `{"enum":[]}`, "no answer"},
		{"enum against const", `{"enum":[1,2],"const":3}`, "no value in common"},
		{"enum against type", `{"enum":[1,2],"type":"string"}`, "no answer"},
		{"a required member that is false", `{"type":"object","required":["a"],"properties":{"a":false}}`, "no answer"},
		{"lengths", `{"type":"string","minLength":3,"maxLength":2}`, "minLength is greater"},
		{"a schema that needs itself", `{"type":"object","required":["a"],"properties":{"a":{"$ref":"#"}}}`, "no answer"},
		{"references in a ring", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, "no answer"},
		{"all of nothing", `{"allOf":[{"type":"string"},false]}`, "no answer"},
		{"one of nothing", `{"anyOf":[false,{"enum":["a"],"type":"null"}]}`, "no answer"},
	})
}

func TestMalformedSchemasAreRefused(t *testing.T) {
	refused(t, JSONSchema, []lowerCase{
		{"no JSON", `{`, "ends too early"},
		{"two values", `{} {}`, "something follows"},
		{"a key twice", `{"type":"string","type":"number"}`, "twice"},
		{"half a surrogate pair", `{"const":"\ud800"}`, "surrogate"},
		{"not UTF-8", "{\"const\":\"\xff\"}", "UTF-8"},
		{"no schema", `[]`, "a schema is an object"},
		{"an unknown type", `{"type":"text"}`, "no type text"},
		{"a deep one", strings.Repeat(`{"items":`, 60) + "{}" + strings.Repeat("}", 60), "nest deeper"},
		{"deep JSON", `{"const":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", "nests deeper"},
		{"a long one", `{"const":"` + strings.Repeat("a", MaxSource) + `"}`, "at most"},
	})
}

func TestWhatIsServedIsWrittenInWordsThatAreEnforced(t *testing.T) {
	for _, c := range []lowerCase{
		{"annotations go", `{"title":"T","description":"D","type":"null","x-order":1}`, `{"type":["null"]`},
		{"references become numbers", `{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"null"}}}`, `{"$ref":"#/$defs/1","$defs":{"1":{"type":["null"]}}`},
		{"oneOf whose options differ is anyOf", `{"oneOf":[{"type":"null"},{"type":"string"}]}`, `{"allOf":[{"anyOf":[{"type":["null"]},{"type":["string"]}]}]`},
		{"a tag tells options apart", `{"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}],"$defs":{"a":{"type":"object","properties":{"k":{"const":1}},"required":["k"]},"b":{"type":"object","properties":{"k":{"const":2}},"required":["k"]}}}`, `"anyOf":[{"$ref"`},
		{"what has no value is false", `{"properties":{"a":{"enum":[1],"type":"null"}}}`, `{"properties":{"a":false}`},
		{"a pattern is for the whole string", `{"pattern":"b|^c$"}`, `{"pattern":"^(?:(?s:.)*b(?s:.)*|c)$"`},
		{"an exclusive bound moves in", `{"type":"number","exclusiveMinimum":0}`, `"minimum":0.000000001`},
		{"an exclusive bound of integers stays", `{"type":"integer","exclusiveMinimum":0}`, `"exclusiveMinimum":0`},
		{"minProperties goes where required has as many", `{"minProperties":1,"required":["a"]}`, `{"required":["a"]`},
		{"a surrogate pair is a character", `{"const":"\ud83d\ude00"}`, `{"enum":["😀"]`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			low, err := Lower(Grammar{Kind: JSONSchema, Source: c.src})
			if err != nil || !strings.Contains(low.Source, c.want) {
				t.Errorf("got %s %v, want %s", low.Source, err, c.want)
			}
		})
	}
}

func TestTokensByNumberAreForThoseWhoShowThem(t *testing.T) {
	g := Grammar{Kind: Lark, Source: "start: <[12]> \"a\"", Tokens: true}
	if low, err := Lower(g); err != nil || low.Source != g.Source {
		t.Errorf("got %q, %v", low.Source, err)
	}
	for _, source := range []string{"start: <[12-15]>", "start: <[^12]>", "start: <|end|>"} {
		if _, err := Lower(Grammar{Kind: Lark, Source: source, Tokens: true}); err == nil {
			t.Errorf("%s is let through", source)
		}
	}
}

func TestGrammarsThatCanNotBeEnforcedAreRefused(t *testing.T) {
	refused(t, GBNF, []lowerCase{
		{"a token by number", "root ::= <[12]>", "line 1: a token"},
		{"a token by name", "root ::= \"a\"\nx ::= !<think>", "line 2: a token"},
		{"no root", `a ::= "b"`, "no rule root"},
		{"a rule that is missing", `root ::= a`, `"a"`},
		{"a rule twice", "root ::= \"a\"\nroot ::= \"b\"", "twice"},
		{"no end", `root ::= "a" root`, "no end"},
		{"an open text", `root ::= "a`, "ends within"},
		{"an unknown escape", `root ::= "\q"`, `\q`},
		{"a bad count", `root ::= "a"{3,2}`, "out of order"},
		{"many repetitions", `root ::= "a"{3000}`, "repetitions"},
		{"nothing to repeat", `root ::= *`, "nothing that *"},
		{"deep groups", "root ::= " + strings.Repeat("(", 50) + `"a"` + strings.Repeat(")", 50), "nest deeper"},
	})
	refused(t, Lark, []lowerCase{
		{"a token by number", "start: <[12]>", "a token"},
		{"temperature", "start[temperature=0.5]: /a/", "temperature"},
		{"a hidden stop", "start[stop=\"x\"]: /a/", "stop"},
		{"a schema within", "start: %json {\"not\":{}}", "keyword not"},
		{"answers that are not UTF-8", "%llguidance {\"allow_invalid_utf8\":true}\nstart: /a/", "allow_invalid_utf8"},
	})
	refused(t, Regex, []lowerCase{
		{"a look ahead", `(?!a)b`, "looks ahead"},
		{"an open group", `(a`, "missing"},
		{"a close too many", `a)`, "too many"},
		{"an open class", `[a`, "missing"},
	})
	refused(t, Kind("yaml"), []lowerCase{{"an unknown kind", "", "no kind"}})
}

func TestFormatsMatchWhatTheyName(t *testing.T) {
	for _, c := range []struct{ format, yes, no string }{
		{"date", "2024-02-29 2000-02-29 2023-12-31", "2023-02-29 1900-02-29 2023-13-01 2023-04-31"},
		{"time", "23:59:59Z 00:00:00.5+01:00", "24:00:00Z 12:00:00 12:00Z"},
		{"date-time", "2024-02-29T12:00:00Z", "2024-02-29 2024-02-30T12:00:00Z"},
		{"duration", "P1Y2M3D PT1H PT1M30S P2W P1DT1S", "P 1D PT P1H P1Y2D"},
		{"ipv4", "0.0.0.0 255.1.20.3", "256.0.0.1 01.1.1.1 1.1.1"},
		{"ipv6", ":: ::1 1::8 1:2:3:4:5:6:7:8 fe80::1:2", "1:2:3 ::1:: 1:2:3:4:5:6:7:8:9 12345::"},
		{"email", "a@b.co a.b+c@d-e.org", "@b.co a@ a@b a..b@c.de"},
		{"hostname", "a a-b.c", "-a a- a..b"},
		{"uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"},
		{"uri", "https://a.b/c?d=e#f urn://x", "a.b //a"},
	} {
		t.Run(c.format, func(t *testing.T) {
			r := regexp.MustCompile("^(?:" + formats[c.format] + ")$")
			for _, s := range strings.Fields(c.yes) {
				if !r.MatchString(s) {
					t.Errorf("%s is not one", s)
				}
			}
			for _, s := range strings.Fields(c.no) {
				if r.MatchString(s) {
					t.Errorf("%s is one", s)
				}
			}
		})
	}
}

func TestEveryKeywordIsInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/structured-output.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range keywords {
		row := regexp.MustCompile("(?m)^\\| .*`" + regexp.QuoteMeta(name) + "`.* \\| (served|ignored|refused)").FindSubmatch(manual)
		want := "served"
		if k.refused != "" {
			want = "refused"
		} else if k.read == nil {
			want = "ignored"
		}
		if row == nil || string(row[1]) != want {
			t.Errorf("docs/structured-output.md does not say that %s is %s", name, want)
		}
	}
	for name := range formats {
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("docs/structured-output.md does not name the format %s", name)
		}
	}
}

// whatIsLoweredIsBounded checks that lowering neither panics nor grows without bound.
func whatIsLoweredIsBounded(t *testing.T, kind Kind, src string) {
	low, err := Lower(Grammar{Kind: kind, Source: src})
	var r *RefusedError
	switch {
	case err != nil && !errors.As(err, &r):
		t.Errorf("%q: %v is no refusal", src, err)
	case err != nil && strings.Contains(r.Reason, "\n"):
		t.Errorf("%q: the reason has several lines: %s", src, r.Reason)
	case err == nil && low.Source == "":
		t.Errorf("%q: lowered to nothing", src)
	}
}

func FuzzLowerSchema(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"pattern":"^[a-z]+$"}},"required":["a"]}`)
	f.Add(`{"oneOf":[{"const":1},{"enum":[2,3]}],"$defs":{"a":{"$ref":"#"}}}`)
	f.Fuzz(func(t *testing.T, src string) { whatIsLoweredIsBounded(t, JSONSchema, src) })
}

func FuzzLowerGBNF(f *testing.F) {
	f.Add("root ::= (\"a\" | [b-d]* x){1,2}\nx ::= \"\\x41\" . root?")
	f.Add("root ::= \"(\" root \")\" | [^\\n]+ # c\n")
	f.Fuzz(func(t *testing.T, src string) { whatIsLoweredIsBounded(t, GBNF, src) })
}

func FuzzLowerRegex(f *testing.F) {
	f.Add(`^(?:a|[^\d\-x])+?\u{41}{2,3}$`)
	f.Fuzz(func(t *testing.T, src string) { whatIsLoweredIsBounded(t, Regex, src) })
}

func FuzzLowerLark(f *testing.F) {
	f.Add("start: \"a\" /b+/ %json {\"type\":\"null\"} // c\n")
	f.Fuzz(func(t *testing.T, src string) {
		if strings.TrimSpace(src) != "" {
			whatIsLoweredIsBounded(t, Lark, src)
		}
	})
}

package constrain

// Parts of the formats.
const (
	year     = `[0-9]{4}`
	leapYear = `(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)`
	date     = `(?:` + year + `-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|` + leapYear + `-02-29)`
	hour     = `(?:[01][0-9]|2[0-3])`
	clock    = hour + `:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-]` + hour + `:[0-5][0-9])`

	label = `[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}`
	host  = label + `(?:\.` + label + `){0,3}`
	atom  = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}"

	octet = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	group = `[0-9A-Fa-f]{1,4}`

	count     = `[0-9]{1,9}`
	clockSpan = `T(?:` + count + `H(?:` + count + `M(?:` + count + `S)?)?|` + count + `M(?:` + count + `S)?|` + count + `S)`
	dateSpan  = `(?:` + count + `Y(?:` + count + `M(?:` + count + `D)?)?|` + count + `M(?:` + count + `D)?|` + count + `D)`

	urlChar = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})`
)

// formats are patterns for whole strings. Each accepts nothing that its RFC
// doesn't, and less where the RFC allows what many programs don't: leap seconds,
// quoted names in addresses, hosts of more than four labels, URIs without a host.
var formats = map[string]string{
	"date":      date,
	"time":      clock,
	"date-time": date + "T" + clock,
	"duration":  `P(?:` + dateSpan + `(?:` + clockSpan + `)?|` + clockSpan + `|` + count + `W)`,
	"hostname":  host,
	"email":     atom + `(?:\.` + atom + `){0,2}@` + label + `(?:\.` + label + `){1,2}`,
	"ipv4":      octet + `(?:\.` + octet + `){3}`,
	"ipv6": `(?:` + group + `:){7}` + group + `|(?:` + group + `:){1,7}:|(?:` + group + `:){1,6}:` + group +
		`|(?:` + group + `:){1,5}(?::` + group + `){1,2}|(?:` + group + `:){1,4}(?::` + group + `){1,3}` +
		`|(?:` + group + `:){1,3}(?::` + group + `){1,4}|(?:` + group + `:){1,2}(?::` + group + `){1,5}` +
		`|` + group + `:(?::` + group + `){1,6}|:(?:(?::` + group + `){1,7}|:)`,
	"uuid": `[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}`,
	"uri": `[a-z][a-z0-9+.-]*://` + host + `(?::[0-9]{1,4})?(?:/` + urlChar + `*)*` +
		`(?:\?(?:` + urlChar + `|[/?])*)?(?:#(?:` + urlChar + `|[/?])*)?`,
}

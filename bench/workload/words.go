package workload

import (
	"math/rand/v2"
	"strings"
)

// common are words that the vocabularies of today's models hold as one token
// each, with the space before it. So a text of n words has about n tokens; what
// it really has is told by the server's usage.
var common = strings.Fields(`
	about above across after again against almost along already also although always among another answer any
	area around ask away back bad base because become been before began begin behind being believe best better
	between big black blue board body book both bring brought build business call came car care carry case cause
	center certain change check child city class clear close cold color come common company complete control cost
	could country course cut dark data day deal decide deep develop different direct door down draw drive during
	each early earth east easy eat effect eight either end energy enough even evening ever every example experience
	eye face fact fall family far farm fast father feel few field figure final find fire first fish five follow
	food foot force form forward found four free friend from full game garden general get girl give go gold good
	government great green ground group grow half hand happen hard have head hear heart heat heavy help here high
	history hold home hope horse hot hour house human hundred idea important inside interest island just keep kind
	king knew know land language large last late laugh law lead learn leave left less letter level life light like
	line list listen little live local long look lost love low machine made main make man many map mark market
	material matter may mean measure meet men middle might mile mind minute miss modern moment money moon more
	morning most mother mountain move much music must name nation nature near need never new next night north note
	nothing notice number object ocean off office often oil old once only open order other our out over own page
	paper part party pass past pay people perhaps person picture piece place plan plant play point poor position
	possible power present problem process produce program public pull put question quick quite radio rain range
	rate reach read ready real reason record red remember report rest result return right river road rock room
	round rule run same school science sea second seem self sense sent serve set seven several shape short should
	show side simple since single six size sleep slow small social some song soon sort sound south space special
	stand star start state stay step still stone stop story street strong study such summer sun support sure
	surface system table take talk teach team tell test than their then there these thing think third those though
	thought three through time today together too took top toward town trade travel tree true try turn type under
	until upon use usual value very view voice walk wall want war warm watch water way week well west what wheel
	when where which while white whole whose why wide will wind winter wish with without woman wonder wood word
	work world would write wrong year yes yet young`)

// words returns a text of about n tokens: random words in short sentences.
func words(rng *rand.Rand, n int) string {
	var b strings.Builder
	for left := n - 1; left > 0; left-- {
		b.WriteString(common[rng.IntN(len(common))])
		switch {
		case left == 1:
		case left > 3 && rng.IntN(12) == 0:
			b.WriteString(".\n")
			left -= 2
		default:
			b.WriteByte(' ')
		}
	}
	b.WriteByte('.')
	return b.String()
}

package sanitize

// sign is something that a grammar detector can see in a value. Rules name signs; see signNames.
type sign uint8

// group is a set of detectors.
type group uint32

// The detectors.
const (
	groupLiteral group = 1 << iota // rules with literals
	groupSQL
	groupMarkup
)

// byteKind is a set of kinds of bytes that occur in a value.
type byteKind uint32

// The kinds that detectors and decoders ask for.
const (
	kindQuote byteKind = 1 << iota // ' " and the grave accent
	kindTag                        // <
	kindPercent
	kindAmpersand
	kindBackslash
	kindHigh    // beyond ASCII
	kindControl // below space
	kindOther   // outside the base64 alphabet and what wraps it
)

var kindOf = func() (k [256]byteKind) {
	for i := range k {
		switch {
		case i >= 0x80:
			k[i] = kindHigh
		case i < ' ':
			k[i] = kindControl
		}
	}
	k['\''] |= kindQuote
	k['"'] |= kindQuote
	k['`'] |= kindQuote
	k['<'] |= kindTag
	k['%'] |= kindPercent
	k['&'] |= kindAmpersand
	k['\\'] |= kindBackslash
	return k
}()

const (
	signSQL sign = iota
	signXSS
	numSigns
)

var signNames = []string{
	signSQL: "sql.fingerprint",
	signXSS: "xss.markup",
}

// triggers are the words that call a detector; separated by NUL.
var triggers = []struct {
	group group
	words string
}{
	{groupSQL, "select\x00union\x00sleep("},
	{groupMarkup, "javascript:\x00<script"},
}

// contextSet is a set of contexts that speak against a payload.
type contextSet uint8

var contextNames = []string{"code", "markdown", "prose", "html"}

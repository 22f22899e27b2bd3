package sanitize

// Work is counted in nanoseconds, as looking took them where it was measured, on values that were made to cost time. It is
// a count of what is done, and the same on every machine; but what a matcher knows of an expression it may know from an item
// before.
const (
	costValue           = 50
	costPass            = 3  // a byte of a view that the filter passes over
	costLayer           = 25 // a layer that is looked for, and one for each layerShare bytes
	layerShare          = 4
	costMark            = 4  // a byte that could be a layer's; half of it where each could
	costSurvey          = 1  // a byte of a text beyond ASCII
	costRemembered      = 12 // characters that combine
	costCompose         = 200
	costComposeByte     = 40
	costTry             = 100
	costTryByte         = 2  // of the window that an expression is tried on
	costSlowByte        = 60 // of a window whose expression has too many states, and is tried by package regexp
	costReread          = 3  // a byte that a detector reads once more
	costToken           = 12 // of SQL
	costShellSign       = 30
	costTag             = 40
	costURL             = 200
	costBeyond          = 5 // a byte beyond ASCII, as text
	costFormula         = 2
	costLines           = 2
	costFingerprint     = 300
	costFingerprintByte = 20 // as SQL; as HTML, as much
	costJudge           = 200
	costJudgeByte       = 10
	costGrammar         = 6  // a byte
	costChange          = 30 // a byte of a field that is written anew in some way
	costSpaced          = 20 // a byte of text that is spaced out, or is taken for it
)

const (
	// itemWork is the work for an item of any size, byteWork that for each of its bytes: ordinary documents take less than
	// half of it, source code line by line up to four fifths. A document that is made to take more is not looked at to its
	// end.
	itemWork = 6_000_000
	byteWork = 40

	// longWork is what a byte of a value of longValue bytes and more may take beyond that: prose and programs in one string
	// call all detectors, which a short value does only if it is made to.
	longWork  = 64
	longValue = 1 << 10

	// rewriteWork is the work for making fields of an item inert, rewriteByteWork that for each of its bytes: a field takes a
	// look for each way to do it, as a rule two to four, and a thousand fields that are payloads take a fifth of it. Where it
	// does not suffice the item is not rewritten at all.
	rewriteWork     = 60_000_000
	rewriteByteWork = 400

	// maxBlob bounds the bytes that an item may ask work for.
	maxBlob = 1 << 40
)

// charge counts work.
func (l *look) charge(n int) { l.left -= n }

// work returns the work that the value in hand took so far.
func (l *look) work() int { return l.began - l.left }

// grant allows work for a field: for a long one, and for those that are more than the item's bytes, as what a document
// names again and again.
func (s *itemScan) grant(n int) {
	if n >= longValue {
		s.l.left += longWork * n
	}
	if s.unseen -= n; s.unseen < 0 {
		s.l.left -= byteWork * s.unseen
		s.unseen = 0
	}
}

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
	groupScript
	groupShell
	groupTemplate
	groupPath
	groupURL
	groupPrompt
	groupFormula
	groupHeader
)

// byteKind is a set of kinds of bytes that occur in a value.
type byteKind uint32

// The kinds that detectors and decoders ask for.
const (
	kindQuote byteKind = 1 << iota // ' and "
	kindTag                        // <
	kindPercent
	kindAmpersand
	kindBackslash
	kindHigh       // beyond ASCII
	kindControl    // below space, but for tab and line breaks
	kindBreak      // CR and LF
	kindPlus       // +
	kindDollar     // $
	kindCompare    // = < > |
	kindSeparator  // ; | & and the grave accent
	kindBrace      // {
	kindUnpackable // outside the alphabets of base64 and hex
)

// kindsOfInterest are those that call a decoder or a detector by themselves.
const kindsOfInterest = kindQuote | kindTag | kindPercent | kindAmpersand | kindBackslash | kindHigh | kindControl |
	kindBreak | kindPlus | kindDollar | kindCompare | kindSeparator | kindBrace

var kindOf = func() (k [256]byteKind) {
	for i := range k {
		switch {
		case i >= 0x80:
			k[i] = kindHigh
		case i < ' ' && i != '\t' && i != '\n' && i != '\r', i == 0x7F:
			k[i] = kindControl
		}
		if base64Value[i] > 63 && i != '=' && i != '\n' && i != '\r' && i != ' ' {
			k[i] |= kindUnpackable
		}
	}
	for kind, bytes := range map[byteKind]string{
		kindQuote: `'"`, kindTag: "<", kindPercent: "%", kindAmpersand: "&", kindBackslash: `\`, kindBreak: "\r\n",
		kindPlus: "+", kindDollar: "$", kindCompare: "=<>|", kindSeparator: ";|&`", kindBrace: "{",
	} {
		for _, b := range []byte(bytes) {
			k[b] |= kind
		}
	}
	return k
}()

// triggers are the words that call a detector, separated by spaces; "~" stands for a space.
var triggers = []struct {
	group group
	words string
}{
	{groupSQL, "select union insert~ update~ delete~ drop~ create~ alter~ exec declare waitfor sleep( benchmark( having~ " +
		"order~by group~by -- /* xp_ sp_ dbms_ utl_ pg_ information_schema truncate~ shutdown load_file"},
	{groupMarkup, "javascript vbscript livescript data: script: onerror onload onmouse onfocus onclick onpointer onanimation ontransition ontoggle onblur " +
		"onkey onchange oninput onsubmit onscroll onresize ondrag oncopy oncut onpaste onbegin onend onhash onpage onmessage onwheel onauxclick " +
		"onstart onfinish onbounce onshow onplay oncanplay ontouch onsearch onselect onunload onbefore onafter onreadystate onpropertychange onevent oninvalid onreset onratechange onseek onvolume ontime onpop onstorage onoffline ononline onunhandled onactivate ondeactivate " +
		"expression( -moz-binding behavior: @import -o-link url("},
	{groupScript, "alert confirm prompt eval settimeout setinterval function execscript fromcharcode document. document[ window[ window. self[ top[ parent[ frames[ " +
		"globalthis this[ constructor importscripts insertadjacent unescape atob sendbeacon location innerhtml outerhtml []. [][ __proto__ \\u0061 reflect. activexobject ![] +[] []+"},
}

// detector looks at views that hold one of its words or kinds of bytes.
type detector struct {
	group group
	kinds byteKind
	look  func(*look)
}

var detectors = []detector{
	{groupSQL, kindQuote | kindCompare, lookSQL},
	{groupMarkup, kindTag, lookMarkup},
	{groupScript, 0, lookScript},
}

// The signs.
const (
	signSQLFingerprint sign = iota
	signSQLTautology
	signSQLUnion
	signSQLStacked
	signSQLSubquery
	signSQLTime
	signSQLFile
	signSQLFunction
	signSQLMeta
	signSQLClause
	signSQLComment
	signSQLCommentTail
	signSQLList
	signSQLOperator
	signSQLOperatorWeak
	signSQLStatement
	signMarkupHandler
	signMarkupScript
	signMarkupActive
	signMarkupDangling
	signMarkupConditional
	signMarkupScheme
	signMarkupData
	signMarkupStyle
	signMarkupFingerprint
	signScriptCall
	signScriptEval
	signScriptObject
	signScriptSymbols
	numSigns
)

var signNames = []string{
	signSQLFingerprint:    "sql.fingerprint",
	signSQLTautology:      "sql.tautology",
	signSQLUnion:          "sql.union",
	signSQLStacked:        "sql.stacked",
	signSQLSubquery:       "sql.subquery",
	signSQLTime:           "sql.time",
	signSQLFile:           "sql.file",
	signSQLFunction:       "sql.function",
	signSQLMeta:           "sql.catalogue",
	signSQLClause:         "sql.clause",
	signSQLComment:        "sql.comment",
	signSQLCommentTail:    "sql.comment-tail",
	signSQLList:           "sql.list",
	signSQLOperator:       "sql.operator",
	signSQLOperatorWeak:   "sql.operator-weak",
	signSQLStatement:      "sql.statement",
	signMarkupHandler:     "markup.handler",
	signMarkupScript:      "markup.script",
	signMarkupActive:      "markup.active",
	signMarkupDangling:    "markup.dangling",
	signMarkupConditional: "markup.conditional",
	signMarkupScheme:      "markup.scheme",
	signMarkupData:        "markup.data",
	signMarkupStyle:       "markup.style",
	signMarkupFingerprint: "markup.fingerprint",
	signScriptCall:        "script.call",
	signScriptEval:        "script.eval",
	signScriptObject:      "script.object",
	signScriptSymbols:     "script.symbols",
}

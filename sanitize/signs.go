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
	kindLead       // = + - @ |, with which formulas begin
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
		kindLead: "=@|",
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
	{groupShell, "$@ $* nohup~ $( ${ $ifs <( >( /bin/ /dev/tcp {cat {ls {,"},
	{groupTemplate, "{{ {% ${ #{ *{ @{ ~{ %{ <% [[ [= @( <# [# #set #evaluate #foreach #include #parse"},
	{groupFormula, "hyperlink( importxml( importhtml( importdata( importfeed( importrange( image( webservice( filterxml( rtd( dde register( cmd| |'"},
	{groupPath, "../ ..\\ ..; ..% ./ .\\ %2e %%32 ..2f .? ?. ??% %c0 %252e %u 0x2e 0x2f /etc etc/ \\etc boot.ini win.ini :\\ /proc /var/ /root /usr/ /home/ /opt/ web-inf .ht ~/.ssh windows winnt \\windows"},
	{groupURL, ":/ http:1 http:0 169.254 metadata 100.100.100 fd00:ec2 .nip.io .xip.io .sslip.io .1u.ms localtest.me .lvh.me .r3dir.me rbndr.us jar: netdoc: php: url: localh.st 127-0-0-1 ip6-localhost .vcap.me burpcollaborator instance-data view-source:"},
	{groupPrompt, "]( ignore disregard forget override instruction prompt assistant system: <|im [inst] <<sys>> tool_call function_call language~model chatbot chatgpt you~are pretend act~as reply response reveal ignora vergiss oublie bypass <system <tool <invoke </document jailbreak you~must do~not ai~ llm"},
	{groupScript, "alert confirm prompt eval settimeout setinterval function execscript fromcharcode document. document[ window[ window. self[ top[ parent[ frames[ " +
		"globalthis this[ constructor importscripts insertadjacent unescape atob sendbeacon location innerhtml outerhtml []. [][ __proto__ \\u0061 reflect. activexobject ![] +[] []+ (alert) (confirm) =alert =eval (eval)"},
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
	{groupShell, kindSeparator | kindBreak | kindTag, lookShell},
	{groupTemplate, kindBrace, lookTemplate},
	{groupPath, 0, lookPath},
	{groupURL, 0, lookURL},
	{0, kindHigh | kindControl, lookText},
	{groupFormula, kindLead, lookFormula},
	{0, kindBreak, lookLines},
	{groupPrompt, 0, lookPrompt},
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
	signMarkupAttribute
	signMarkupActive
	signMarkupDangling
	signMarkupConditional
	signMarkupScheme
	signMarkupEmbed
	signMarkupData
	signMarkupStyle
	signMarkupFingerprint
	signScriptCall
	signScriptEval
	signScriptObject
	signScriptSymbols
	signShellCommand
	signShellWord
	signShellSubstitution
	signShellTrick
	signTemplateObject
	signTemplateProbe
	signTemplateCall
	signTemplateBlock
	signTemplateGlobal
	signPathClimbFile
	signPathClimb
	signPathEncoded
	signPathSensitive
	signURLMetadata
	signURLDisguised
	signURLLoopback
	signURLPrivate
	signURLInternal
	signURLScheme
	signURLRebind
	signTextBidi
	signTextTags
	signTextInvisible
	signTextSelectors
	signTextHomoglyph
	signTextControl
	signFormulaDDE
	signFormulaFunction
	signFormulaAny
	signLinesHeader
	signLinesMessage
	signLinesProtocol
	signLinesLog
	signNamePrototype
	signJSONNumber
	signPromptOverride
	signPromptRole
	signPromptOrder
	signPromptHidden
	signPromptTool
	signPromptExfiltration
	numSigns
)

var signNames = []string{
	signSQLFingerprint:     "sql.fingerprint",
	signSQLTautology:       "sql.tautology",
	signSQLUnion:           "sql.union",
	signSQLStacked:         "sql.stacked",
	signSQLSubquery:        "sql.subquery",
	signSQLTime:            "sql.time",
	signSQLFile:            "sql.file",
	signSQLFunction:        "sql.function",
	signSQLMeta:            "sql.catalogue",
	signSQLClause:          "sql.clause",
	signSQLComment:         "sql.comment",
	signSQLCommentTail:     "sql.comment-tail",
	signSQLList:            "sql.list",
	signSQLOperator:        "sql.operator",
	signSQLOperatorWeak:    "sql.operator-weak",
	signSQLStatement:       "sql.statement",
	signMarkupHandler:      "markup.handler",
	signMarkupAttribute:    "markup.attribute",
	signMarkupScript:       "markup.script",
	signMarkupActive:       "markup.active",
	signMarkupDangling:     "markup.dangling",
	signMarkupConditional:  "markup.conditional",
	signMarkupEmbed:        "markup.embed",
	signMarkupScheme:       "markup.scheme",
	signMarkupData:         "markup.data",
	signMarkupStyle:        "markup.style",
	signMarkupFingerprint:  "markup.fingerprint",
	signScriptCall:         "script.call",
	signScriptEval:         "script.eval",
	signScriptObject:       "script.object",
	signScriptSymbols:      "script.symbols",
	signShellCommand:       "shell.command",
	signShellWord:          "shell.word",
	signShellSubstitution:  "shell.substitution",
	signShellTrick:         "shell.trick",
	signTemplateObject:     "template.object",
	signTemplateProbe:      "template.probe",
	signTemplateCall:       "template.call",
	signTemplateBlock:      "template.block",
	signTemplateGlobal:     "template.global",
	signPathClimbFile:      "path.climb-file",
	signPathClimb:          "path.climb",
	signPathEncoded:        "path.encoded",
	signPathSensitive:      "path.sensitive",
	signURLMetadata:        "url.metadata",
	signURLDisguised:       "url.disguised",
	signURLLoopback:        "url.loopback",
	signURLPrivate:         "url.private",
	signURLInternal:        "url.internal",
	signURLScheme:          "url.scheme",
	signURLRebind:          "url.rebind",
	signTextBidi:           "text.bidi",
	signTextTags:           "text.tags",
	signTextInvisible:      "text.invisible",
	signTextSelectors:      "text.selectors",
	signTextHomoglyph:      "text.homoglyph",
	signTextControl:        "text.control",
	signFormulaDDE:         "formula.dde",
	signFormulaFunction:    "formula.function",
	signFormulaAny:         "formula.any",
	signLinesHeader:        "lines.header",
	signLinesMessage:       "lines.message",
	signLinesProtocol:      "lines.protocol",
	signLinesLog:           "lines.log",
	signNamePrototype:      "name.prototype",
	signJSONNumber:         "json.number",
	signPromptOverride:     "prompt.override",
	signPromptRole:         "prompt.role",
	signPromptOrder:        "prompt.order",
	signPromptHidden:       "prompt.hidden",
	signPromptTool:         "prompt.tool",
	signPromptExfiltration: "prompt.exfiltration",
}

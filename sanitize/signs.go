package sanitize

// sign is something that a grammar detector can see in a value. Rules name signs; see signNames.
type sign uint8

// group is a set of detectors.
type group uint32

// The detectors: sixteen groups at most, see calledBy.
const (
	groupLiteral group = 1 << iota // rules with literals
	groupSQL
	groupLogic
	groupHandler
	groupStyle
	groupScheme
	groupScript
	groupShell
	groupTemplate
	groupPath
	groupURL
	groupHost
	groupPrompt
	groupForeign
	groupOrders
	groupFormula
)

// byteKind is a set of kinds of bytes that occur in a value.
type byteKind uint32

// The kinds that detectors and decoders ask for: sixteen at most, see calledBy.
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
	kindSQL        // ; # ( ) + * , =
	kindUnpackable // outside the alphabets of base64 and hex
)

// kindsOfInterest are those that call a decoder or a detector by themselves.
const kindsOfInterest = kindQuote | kindTag | kindPercent | kindAmpersand | kindBackslash | kindHigh | kindControl |
	kindBreak | kindPlus | kindDollar | kindCompare | kindSeparator

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
		kindPlus: "+", kindDollar: "$", kindCompare: "=<>|", kindSeparator: ";|&`",
		kindSQL: ";#()+*=|",
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
		"order~by group~by -- /* xp_ sp_ dbms_ utl_ pg_ information_schema truncate~ shutdown load_file sleep~( limit~ rlike regexp " +
		"@@ char( chr( concat( version() substr database() user() extractvalue updatexml waitfor~ into~outfile ascii( json_ procedure~ randomblob( attach~ cast( convert( case~when"},
	{groupLogic, "or# and# or/ and/ or~ and~ xor~ || && or( and( or' and' or\" and\" or+ and+ or\x60 and\x60 or- or! and! or@ or. like~ between~ null div~ mod~"},
	{groupHandler, "onerror onload onmouse onfocus onclick onpointer onanimation ontransition ontoggle onblur ondblclick oncontext " +
		"onkey onchange oninput onsubmit onscroll onresize ondrag ondrop oncopy oncut onpaste onbegin onend onhash onpage onmessage onwheel onauxclick " +
		"onstart onfinish onbounce onshow onplay oncanplay ontouch onsearch onselect onunload onbefore onafter onreadystate onpropertychange onevent oninvalid " +
		"onreset onratechange onseek onvolume ontime onpop onstorage onoffline ononline onunhandled onactivate ondeactivate onabort onclose oncue onduration " +
		"onemptied onended onloaded onpause onprogress onstalled onsuspend onwaiting ongesture onmove onrepeat onrow oncell oncontrol ondata ondataset onerrorupdate onfilter onhelp onlayout onlose onmedia onmouse onrotate onstop onsync ontrack onundo onredo onurlflip onoutofsync onfullscreen onslotchange onsecurity onweb onformdata onreverse onresume onscrollend onsnapchanged oncommand onbeforetoggle"},
	{groupStyle, "expression( ession( -moz-binding behavior: behaviour: @import -o-link url(javascript url(data:text"},
	{groupScheme, "mocha: javascript vbscript livescript data: script:"},
	{groupScript, "createelement( appendchild( getelement with( window.open( navigator. .source+ $(\" $(' alert confirm( prompt( eval settimeout setinterval execscript fromcharcode document. document[ window[ window.name self[ top[ parent[ frames[ " +
		"globalthis this[ constructor importscripts insertadjacent unescape atob sendbeacon location.hash location= location.re innerhtml outerhtml []. [][ __proto__[ \\u0061 reflect. activexobject ![] +[] []+ " +
		"(alert) (confirm) (prompt) prompt\x60 prompt? confirm\x60 confirm? prompt. confirm. =alert =eval (eval) function(' function(\" function\x60 prompt) confirm) prompt'] confirm'] prompt~( confirm~( document?. prompt\" confirm\" prompt/* confirm/* prompt\\ confirm\\"},
	{groupShell, "powershell cmd.exe cmd~/c /etc/ downloadstring iex( iex~ ~-enc perl~-e python~-c python3~-c ruby~-e php~-r node~-e %comspec% cmd~/ forfiles~/ pcalua~ certutil bitsadmin mshta regsvr32 rundll32 wmic~ wmic.exe vssadmin wevtutil bcdedit wbadmin cscript~ wscript~ msiexec~ invoke- start-process schtasks~ nltest~ psexec osascript jrunscript $( ${ $ifs <( >( /bin/ /dev/tcp {cat {ls {sleep {id, {echo, {curl, {wget, {ping, {nc, {uname, {bash, {touch, <<< {, $@ $* nohup~"},
	{groupTemplate, "{{ {% ${ #{ *{ @{ ~{ %{ <% [[ [= @( <# [# #set #evaluate #foreach #include #parse {php $!{ {# {$ {7 {1 {2 {3 {4 {5 {6 {8 {9 {' {\" {( {system {self {math {fetch {include~ {insert~ {eval~ {config_load~ {_"},
	{groupPath, ".\\.\\ ../ ..\\ ..; ..% .?/ ?./ .?% ?.% ??/ ??% /./ .\\ %2e %%32 ..2f %c0 %c1 %e0%80 %f0%80 %f8%80 %fc%80 %252e %u2215 %u2216 %uefc8 %uf025 %uff0e 0x2e 0x2f 0x5c etc/ etc\\ boot.ini win.ini :\\ /proc /var/ /root/ /usr/ /home/ /opt/ web-inf .ht ~/.ssh .ssh/ .aws/ .kube/ .docker/ .azure/ .netrc .pgpass .npmrc .git-cred .config/gcloud .my.cnf _history systemroot% %windir% windows/ windows\\ winnt \\windows ../ .env .git/ wp-config web.config inetpub meta-inf /boot \\boot c:/ &#46 \\x2e .^/ .\x01 .\x00 ~/. /cgi-bin/ /apache /private/ /volumes/ /library/web /bin/ /dev/ /logs/ /run/"},
	{groupURL, ":/"},
	{groupHost, "169.254 metadata.google 100.100.100 fd00:ec2 .nip.io .xip.io .sslip.io .1u.ms localtest.me .lvh.me .r3dir.me rbndr.us jar: netdoc: php: url:f url:h localh.st 127-0-0-1 ip6-localhost .vcap.me burpcollaborator instance-data view-source: rancher-metadata " +
		"http:1 http:0 http:2 https:1 https:0 http:\\\\ https:\\\\ //127. //0 //[ //169. //10. //192.168 //localhost .lacolhost.com .rebind.network .ip6.name .localdomain.pw bugbounty.dod"},
	{groupPrompt | groupForeign, "ignorez 忽略 无视 忘记 忽視 無視 忘れ 무시 잊어 잊고 гнорир абудь отмени ignorier vergiss vergess missachte verwirf olvida ignora descarta caso~omiso oubli ne~ten ne~tien dimentica trascura esque desconsidere negeer vergeet zignoruj zapomnij unut yoksay görmezden تجاهل انس अनदेखा नज़रअंदाज़ भूल~जा"},
	{groupPrompt, "opposite~of from~the~user whoever~reads mentioning the~text~you you~now me~instead outrank prioriti as~coming~from your~admin your~owner to~you, from~here~on refuse [begin [end~of  your~purpose your~makers your~creator your~polic your~script your~handbook your~memory your~loyalty your~configuration your~principal your~developer your~setup your~identity your~job your~character your~chains this~chat this~assistant first~message ~heed~ unlearn told~you tell~you language~models model~that whichever automated~ claude gemini~ gpt, gpt-4 copilot, ~agents~must agent~reading ~agent~fetch ~agent~visit bot, bot! summariser summarizer the~reader~ the~person the~human quietly silently secretly ~mode. ~mode~ every~reply no~matter obey~ serves~ serve~me ~loyal function~with terminal~tool =[all =[chat =[conv =[hist =[mess =<chat =<conv =<hist =<all so~far conscience censorship no~rule ~limits without~mentioning any~other~function ~grading do~not~tell ```system respond~to~this respond~only reply~only only~with whatever~the cease~ set~aside put~aside throw~away throw~out abandon~ skip~the skip~whatever skip~your ~aside~ do~not~apply the~user~ users'~ their~user ~authori the~real adopt~the assume~the take~on~the behave~as ~void new~objective new~mission exfiltrat safety~layer content~filters your~responses ~bots up~to~this revoked expired henceforth remainder~of human:~ refuses never~refuse your~context priority~over precedence~over any~other~tool regardless~of this~page, chat~log chat~transcript ~ai~agents ~llms admin~session root~session your~users your~operator a~game~where disguis verbatim text~above messages~above to~the~ai every~response system~override admin~override new~goal your~goal your~real convince~the must~now <admin <developer <ai_ <ai- <llm <assistant_ <hidden now~on everything~above above~this word~by~word transfer_ from~this evil~ inbox no~attention never~mind neglect scrap~ void~ prompt rules guidance persona from~now from~this~point nothing~else your~output your~previous your~task new~task instead your~tools ~tool~ the~function user's assistants reviewer grading ~llm llm! llm: ai: ai, ~ai! when~asked asks~you your~email admin~mode developer~mode game: filters moral sudo unrestricted \"role\" ###s role: user: ]( ignore disregard forget override overrule bypass discard neglect pay~no~attention not~follow n't~follow stop~following not~obey n't~obey no~longer~follow not~adhere ignora ignoriere ignorez oublie vergiss olvida missachte esquece dimentica " +
		"instruction prompt guideline directive your~rules your~programming your~training " +
		"ai~assistant language~model ~llm ai~model ai~agent dear~ai chatgpt chatbot an~ai note~to~ai the~assistant attention~a hey~assistant assistant: dear~assistant ai~system ai~reading ai~reviewer automated~agent virtual~assistant summariz your~response your~reply your~answer your~next your~final your~output you~are~now act~as pretend roleplay role-play you~will~act you~are~a~ you~are~dan in~character imagine~you new~role the~role~of developer~mode been~freed no~longer " +
		"repeat~the mention~ conversation~history chat~history this~conversation environment~variables api~key credentials developer~mode jailbreak dan~mode do~anything~now unrestricted restrictions guardrails content~policy content~filter tell~the~user " +
		"<|im <|sys <|user <|ass <|end <|eot <|start <|begin <|fim <|channel <|message <|tool <|prompter <|human [inst] [/inst] <<sys <</sys <start_of <end_of <bos> </s><s> [available_tools] [tool_calls] [system ###~ <system </system </user_input </untrusted </document_content </tool <function <</function <<human human: begin~system end~of~system <assistant> [end~of [admin~ [developer~m </context </instructions <instructions </input </query </question </data </document </message </email </conversation </user </untrusted </external </retrieved <agent_ <operator_ <tool <invoke tool_calls function_call <antml tool_code action~input"},
	{groupOrders, "указани отвечай цензур чат-бот пароль~ ответь~ вказівк schreib~mir deine~vorgab deine~anweis überweise passwort~ ton~message tes~créat ton~créat fais~semblant mot~de~passe répète tes~consign tes~instruc le~regole non~seguire le~istruzioni tus~instruc actúa contraseña para~a~ia partir~de~agora suas~instru doe~alsof " +
		"talimat kurallar قواعد نموذج 指令 提示 作废 约束 密码 密钥 扮演 模型 评分 指示 規則 命令 合言葉 パスワード システムメッセ 지시 नियम chỉ~dẫn quy~tắc mật~khẩu aturan polece hasł pokyn pravidl instruks αγνόησε~ ξέχασε~ unohda~ ohita~ hagyd~figy felejtsd~el ignoră~ glem~ התעלם~ " +
		"jailbroken comply~with~every code~word secret~key for~machines no~policies policy=none grader examiner your~label your~mark your~ruling tell~nobody your~handler user~data~ admin~command the~operator send~me~ lead~engineer caveats warnings~you forbids the~sender your~creat your~system your~duty off~duty hand~me door~code earlier~brief"},
	{groupOrders, "assistant agents~ ~agent~ agent: agent, @agent ~ai~ ~ai, ~ai: (ai chatgpt ~bot~ bots~ bot: copilot summari model, model: model~reading model~processing language~model crawlers you~must you~are you're~a you~will~be your~memory your~job your~role your~session " +
		"your~answer your~summary your~next this~session system~message system~note system: tool_result observation: action: pretend fictional role~play roleplay break~character censor unfiltered ethical secretly " +
		"your~filter your~restriction your~limits your~guardrail your~safe your~loyalty your~answers your~brief your~own~config your~rule your~polic preamble disobey bots: robot~ machine, machine: algorithm: llm- ~readers: reviewers: graders: screener ~shell~and root~access break~it usage~policy operator~hand moderators: your~user your~human your~mailbox my~mailbox don't~let white~text end~of~your present~assignment captcha, the~owner~know whole~context " +
		"tell~me would~you skip~a leave~out wants~you you~were you~answer you~respond without~ask without~confirm between~us in~full to~every each~answer each~reply every~answer in~every~reply just~say say~that say~\" answer~with answer~all respond~with reply~with last~step " +
		"confidential the~secret your~secret your~hidden your~internal your~true hidden passphrase password memory the~vault .env~ ssh/ the~conversation this~sentence this~line this~text the~sentence the~words before~this read~this reading~this read~me the~summary this~review this~comment " +
		"agent's for~agents gemini, siri: machine~reader screening spam~ moderation moderator review~ applicant resume résumé candidate assignment the~model the~user developer~message obey refus disclaimers no~filter hacked rhyme <important subdomain query~string " +
		"our~brand full~marks no~secret setup~text reply~in~ unlock~the recite verdict the~author asks~for your~only so~much~for answer~in~ you~learnt recipe~for allowed~to~see says~no~ nothing~back five~stars briefing our~site never~say enough~of " +
		"book~the your~duties ahead~of nobody~shows what~you~know marching~orders a~single~word that~configures an~outside yourself~root the~last~message send_email their~recent classifier copy~this~score all~later claim~that not~say it~is~fine as~paid the~footer " +
		"finish~this on~sight answer~everything rewrite~the backdoor with~their~arguments accept~this people~to~call the~rival bring~up~the break-in accept~the stop~everything your~maker accomplice carry~on as~if~nothing all~keys private~notes be~sure~to per~request " +
		"without~informing approve~any without~filters no~limits keyword plug-in your~mind revoke~ the~payee label~for " +
		"règles consignes lascia~ правила создатели místo~toho em~diante regras le~tue الآن~أنت du~mir tus~instrucciones máquina regels bỏ~qua model~bez kata~sandi ti~hanno~detto anweisungen tus~normas instrukcje beiseite nur~noch ohne~filter die~ki jesteś reglas instruções внимание předchozí uniquement normas вместо~этого просьб 不要 直接 " +
		"print~the paste~the reveal and~send forward~the delete~every approve~ refund wire~ transfer~ branch~prot " +
		"you~work~for parser! parser: helper: tidy~up~my owner~and bist~du~ tes~concepteurs obedec robô botcie помощник ии-помощ разработчики yapay~zek 要約するai 让你先 总结这 " +
		"modell nutzer ~ki~ ki: ~ki- bitte~ du~bist antwort heimlich modèle filtre l'utilisateur chère~ia ia, réponds imprime modelo responde envía rispondi utente usuario antwoord oceń asystencie zasad asistent asistan asisten sınırsız yok~say mô~hình " +
		"модель бот~ ты~ отправь перешли напиши рекоменд асистент помічник النموذج बिना~ 用户 回答 机器人 所有 모델 비서 사용자 答えて モデル " +
		"asistente assistente asystent assistent sprachmodell taalmodel ki-ass ~die~ki~ für~ki ~l'ia~ l'ia, ~une~ia ~una~ia ~uma~ia un'ia ~ia: modèle~de~langage modelo~de~lenguaje modelli~linguistici modelos~de~linguagem palabra~por~palabra mot~pour~mot " +
		"wörtlich verbatim dosłownie дословно ассистент ты~теперь нейросет ~ии~ ии, пользовател промпт yapay~zeka sistem asistan istemi المساعد الذكاء الاصطناعي تعليمات موجه सिस्टम एआई सहायक निर्देश trợ~lý hướng~dẫn instruksi " +
		"beschränkung liebe~ki lieber~assist regeln filtros filtres límites limites restric restriz ogranicz filtry ограничен фильтр ии~ kısıtlama kuralları पाबंद सीमाएँ قيود القواعد 限制 规则 制限 ルール 제한 규칙 尊敬的ai aiさん ai様 ai님 " +
		"助手 人工智能 大模型 语言模型 ai模型 提示词 系统提示 你现在 从现在 ai， ai:这 如果你是ai aiへ aiの aiなら ai라면 ai에게 聊天记录 アシスタント システムプ あなたは 今から 어시스턴트 시스템 지금부터 너는 너의 비밀번호"},
	{groupFormula, "hyperlink( importxml( importhtml( importdata( importfeed( importrange( image( webservice( filterxml( rtd( dde register( cmd| |'"},
}

// detector looks at views that hold its words or kinds of bytes.
type detector struct {
	family string // of its signs: what stands before the dot
	groups group  // each of which calls it
	kinds  byteKind
	look   func(*look)

	call, byte int // work of a call, and of each byte of a view; what only some views ask for is charged apart
}

// detectorSQL is the index of the detector that [callsSQL] calls, too.
const detectorSQL = 0

var detectors = []detector{
	{"sql", groupSQL, 0, lookSQL, 150, 3},
	{"markup", groupHandler | groupStyle | groupScheme, kindTag, lookMarkup, 60, 1},
	{"script", groupScript, 0, lookScript, 60, 4},
	{"shell", groupShell, kindSeparator | kindBreak | kindTag, lookShell, 60, 3},
	{"template", groupTemplate, 0, lookTemplate, 60, 3},
	{"path", groupPath, 0, lookPath, 80, 7},
	{"url", groupURL | groupHost, 0, lookURL, 100, 1},
	{"text", 0, kindHigh | kindControl, lookText, 40, 1},
	{"formula", groupFormula, 0, lookFormula, 100, 0},
	{"lines", 0, kindBreak, lookLines, 40, 0},
	{"prompt", groupPrompt | groupOrders, 0, lookPrompt, 200, 5},
}

// calledByGroups and calledByKinds hold the detectors that each set of eight groups or kinds calls, as bits by index.
var calledByGroups, calledByKinds = func() (groups, kinds [2][256]uint16) {
	for i := range detectors {
		for at := range groups {
			for set := range groups[at] {
				if int(detectors[i].groups)>>(8*at)&set != 0 {
					groups[at][set] |= 1 << i
				}
				if int(detectors[i].kinds)>>(8*at)&set != 0 {
					kinds[at][set] |= 1 << i
				}
			}
		}
	}
	return groups, kinds
}()

// calledBy returns the detectors, as bits by index, that a view with words of these groups and these kinds of bytes calls.
func calledBy(g group, k byteKind) (which uint16) {
	which = calledByGroups[0][g&0xFF] | calledByGroups[1][g>>8&0xFF] | calledByKinds[0][k&0xFF] | calledByKinds[1][k>>8&0xFF]
	if callsSQL(g, k) {
		which |= 1 << detectorSQL
	}
	return which
}

// callsSQL asks for a quote or a comparison with something that could make it SQL.
func callsSQL(g group, k byteKind) bool {
	return k&kindQuote != 0 && (g&groupLogic != 0 || k&kindSQL != 0) || k&kindCompare != 0 && g&groupLogic != 0
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
	signSQLStatementPlain
	signMarkupHandler
	signMarkupScript
	signMarkupBreakout
	signMarkupForeign
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
	signURLDevelopment
	signURLInternal
	signURLScheme
	signURLRebind
	signTextBidi
	signTextTags
	signTextInvisible
	signTextSelectors
	signTextHomoglyph
	signTextControl
	signTextStacked
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
	signPromptModel
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
	signSQLStatementPlain:  "sql.statement-plain",
	signMarkupHandler:      "markup.handler",
	signMarkupAttribute:    "markup.attribute",
	signMarkupBreakout:     "markup.breakout",
	signMarkupForeign:      "markup.foreign",
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
	signURLDevelopment:     "url.development",
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
	signTextStacked:        "text.stacked",
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
	signPromptModel:        "prompt.model",
}

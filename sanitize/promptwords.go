package sanitize

import "strings"

// promptWord is what a word can be in text that is meant for a language model; a word can be several things.
type promptWord uint64

const (
	wDrop    promptWord = 1 << iota // verbs with which something said before is dropped
	wPrior                          // says that something was said before
	wRules                          // what governs a model: instructions, prompts, rules
	wThing                          // what may also govern or have been said: text, task, message
	wEvery                          // all, everything
	wYour                           // your
	wYou                            // you
	wTell                           // verbs that disclose
	wAct                            // verbs with which agents act
	wModel                          // names of language models and what people call them
	wMode                           // modes: developer, admin
	wLimit                          // what holds a model back
	wFree                           // without, no, disable
	wPersona                        // act, pretend
	wReply                          // response, answer as nouns
	wSpeak                          // respond, answer, say as verbs
	wNew                            // new, real, next
	wOver                           // void, superseded, complete
	wTool                           // tool, function, browser
	wData                           // what is worth leaking
	wInside                         // hidden, initial, system: of prompts
	wUser                           // user, users
	wFill                           // words before an imperative
	wTask                           // what a model is usually asked to do
	wGiven                          // given, told, received
	wMust                           // must, should, shall
	wHail                           // dear, hello, attention
	wPeople                         // nouns that turn "AI" into an adjective of people and companies
	wWhole                          // only, nothing, exactly
	wPut                            // verbs that put something into a text
	wPair                           // means more behind another word: see pairMeanings
	wKind                           // is what one is told to be: an evil AI, a terminal
)

var promptWords = func() map[string]promptWord {
	m := map[string]promptWord{}
	for kind, words := range map[promptWord]string{
		wDrop: "ignore disregard forget override overrule bypass neglect drop scrap discard abandon dismiss omit erase cancel void overlook skip nullify delete reset " +
			"disobey supersede replace ditch suspend stop cease abort",
		wPrior: "previous prior earlier above preceding before initial original former existing past old current so previously " +
			"developer developers developer's creator creators",
		wRules: "instruction instructions prompt prompts directive directives guideline guidelines guidance rule rules programming training direction directions " +
			"constraint constraints restriction restrictions policy policies safeguards safeguard persona command commands orders preprompt",
		wThing:   "text task tasks message messages context conversation said written said say line lines word words content document question questions request requests goal goals objective objectives role input settings configuration config",
		wEvery:   "all everything anything any every whole entire",
		wYour:    "your ur yours",
		wYou:     "you u you're you'll you've yourself",
		wTell:    "print output reveal show tell repeat display write return list give dump disclose leak share expose recite echo say state provide generate spell quote copy paste describe explain",
		wAct:     "send email forward transfer delete execute run call open visit click upload post approve buy purchase grant invoke use using download withdraw deposit rate recommend accept reject search find go navigate fetch create add remove update schedule book order pay move rename publish access retrieve get read browse encode mark fetch praise",
		wModel:   "ai llm llms assistant assistants chatbot chatbots bot bots chatgpt gpt gpt-4 claude gemini copilot bard llama dan agent agents model models ai's",
		wMode:    "mode developer admin administrator root sudo god debug maintenance jailbreak jailbroken unrestricted unfiltered uncensored override superuser",
		wLimit:   "restrictions restriction filters filter filtering limitations limits rules censorship safeguards guardrails moral morals ethics ethical boundaries constraints safety policies policy guidelines judgement judgment moderation",
		wFree:    "no without disable disables remove bypass free freed unlock lift never ignoring",
		wPersona: "act pretend roleplay role-play impersonate simulate imagine play behave become speak respond",
		wReply:   "response responses reply replies answer answers output outputs summary",
		wSpeak:   "respond reply answer say output speak write print tell state begin start end conclude",
		wNew:     "new real actual next true updated following different only",
		wOver:    "void superseded cancelled canceled invalid suspended revoked obsolete complete completed finished over apply applies test replaced lifted outdated wrong fake",
		wTool:    "tool tools function functions browser plugin plugins terminal shell interpreter connector",
		wData:    "password passwords secret secrets key keys credentials credential token tokens passcode code confidential conversation history inbox messages contacts files file data contents information emails records",
		wInside:  "system initial original hidden secret internal underlying base first pre confidential",
		wUser:    "user user's users users'",
		wFill: "please now kindly instead then and also just but so well ok okay hello hi hey dear immediately first next finally can could would will you must should shall " +
			"need have to want i order let's lets make sure be go ahead only simply actually therefore thus afterwards important urgent attention note warning always never again once the done thanks stop",
		wTask:   "summarize summarise summarizing summarising translate translating continue answer answering analyze analyse classify review evaluate process",
		wGiven:  "given told received got gave provided written said taught instructed asked",
		wMust:   "must should shall have need needs",
		wHail:   "dear hello hi hey attention note to for message instruction instructions notice if",
		wPeople: "enthusiast enthusiasts engineer engineers developer developers researcher researchers expert experts company companies startup student students professional team lead product products user users manager managers director editor coach professor principal store general technology solutions platform tools industry news conference based powered generated driven",
		wWhole:  "only nothing exactly solely verbatim word-for-word",
		wPut:    "include add begin start end append insert mention put encode format conclude sign modify finish place prepend embed provide",
		wKind:   "evil unrestricted unfiltered hacker pirate terminal interpreter dan jailbroken uncensored malicious amoral sentient villain linux console compiler expert oracle freed",
	} {
		for w := range strings.FieldsSeq(words) {
			m[w] |= kind
		}
	}
	for w := range pairMeanings {
		m[w] |= wPair
	}
	return m
}()

// foreignDrops are stems of verbs and objects with which instructions are dropped in other languages. A verb and an
// object near each other count.
var foreignDrops = []struct{ verbs, objects []string }{
	{[]string{"vergiss", "ignorier", "missachte", "vergessen sie", "verwirf"}, []string{"anweisung", "alles vor", "alles bis", "alles, was", "alles was", "regeln", "prompt", "instruktio", "befehle"}},
	{[]string{"olvida", "ignora", "ignore", "descarta", "haz caso omiso"}, []string{"instruccio", "todo lo", "indicacion", "reglas", "instruç"}},
	{[]string{"oublie", "ignorez", "ignore", "ne tiens pas compte", "ne tenez pas compte"}, []string{"instructions préc", "instructions ant", "vos instructions", "tes instructions", "consigne", "directives", "tout ce qui"}},
	{[]string{"dimentica", "ignora", "trascura"}, []string{"istruzion", "tutto quello", "tutto ciò", "regole"}},
	{[]string{"esqueça", "esquece", "ignore", "desconsidere"}, []string{"instruç", "tudo o que", "regras"}},
	{[]string{"negeer", "vergeet"}, []string{"instructies", "opdrachten", "alles wat"}},
	{[]string{"zignoruj", "zapomnij"}, []string{"instrukcj", "polece"}},
	{[]string{"игнорир", "проигнорир", "забудь", "отмени"}, []string{"инструкци", "указани", "правила", "промпт", "все предыдущ", "всё предыдущ", "всё, что", "все, что"}},
	{[]string{"忽略", "无视", "忘记", "忽視", "無視"}, []string{"指令", "指示", "提示", "规则", "命令", "規則"}},
	{[]string{"無視", "忘れ"}, []string{"指示", "命令", "プロンプト", "ルール"}},
	{[]string{"무시", "잊어", "잊고"}, []string{"지시", "명령", "프롬프트", "규칙"}},
	{[]string{"unut", "yoksay", "görmezden gel"}, []string{"talimat", "kural"}},
	{[]string{"تجاهل", "انس"}, []string{"التعليمات", "الأوامر"}},
	{[]string{"अनदेखा", "नज़रअंदाज़", "भूल जा"}, []string{"निर्देश"}},
}

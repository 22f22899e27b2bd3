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
	wObey                           // verbs that heed rules: follow, obey
	wPart                           // verbs that drop with a particle: throw away, set aside
	wTold                           // inform, notify: verbs that let somebody know
	wKnow                           // know, notice: what users are kept from
	wHide                           // hide, keep, conceal
	wGrant                          // authorised, granted
	wRank                           // priority, precedence
	wTalk                           // conversation, context, session: where a model works
	wRead                           // reading, crawling: what brings a model to a text
	wJob                            // what models are employed as: reviewer, summarizer
	wGuard                          // content, safety: of policies and checks
	wTurn                           // persona, role, identity: what one takes on
	wTake                           // adopt, assume, switch
	wRefuse                         // refuse, decline
	wLeak                           // exfiltrate
	wSelf                           // what a model is made of: purpose, setup, identity
	wForm                           // how what is disclosed is to look: in full, base64, letter by letter
	wStealth                        // quietly, secretly
	wServe                          // serve, obey
	wThis                           // this, these: what is read
	wSwitch                         // enter, activate: of modes
	wMark                           // means something to promptSentence.turns
	wPlural                         // models at large: "AI agents", "LLMs"
	wHard                           // modes that no product has: unrestricted, jailbreak
)

var promptWords = func() map[string]promptWord {
	m := map[string]promptWord{}
	for kind, words := range map[promptWord]string{
		wDrop: "unlearn scratch jettison renounce shed ignore disregard forget override overrule bypass neglect drop scrap discard abandon dismiss omit erase cancel void overlook skip nullify delete reset " +
			"disobey supersede replace ditch suspend stop cease abort",
		wPrior: "far precedes preceded maker makers owner operator operators operator's vendor vendors top beginning predecessor previous prior earlier above preceding before initial original former existing past old current so previously " +
			"developer developers developer's creator creators",
		wRules: "script handbook playbook norms briefings conditioning brief briefing mandate mandates remit ruleset preamble charter assignment protocol protocols instruction instructions prompt prompts directive directives guideline guidelines guidance rule rules programming training direction directions " +
			"constraint constraints restriction restrictions policy policies safeguards safeguard persona command commands orders preprompt",
		wThing:   "objective mission job duties duty text task tasks message messages context conversation said written said say line lines word words content document question questions request requests goal goals objective objectives role input settings configuration config",
		wEvery:   "whatever all everything anything any every whole entire",
		wYour:    "your ur yours",
		wYou:     "you u you're you'll you've yourself",
		wTell:    "uncover dictate surface print output reveal show tell repeat display write return list give dump disclose leak share expose recite echo say state provide generate spell quote copy paste describe explain",
		wAct:     "award consider assign put collect carry put copy pass treat rank grade score label mail message submit install share pass ship relay wire click send email forward transfer delete execute run call open visit click upload post approve buy purchase grant invoke use using download withdraw deposit rate recommend accept reject search find go navigate fetch create add remove update schedule book order pay move rename publish access retrieve get read browse encode mark fetch praise",
		wModel:   "co-pilot autopilot agentic ai llm llms assistant assistants chatbot chatbots bot bots chatgpt gpt gpt-4 claude gemini copilot bard llama dan agent agents model models ai's",
		wMode:    "diagnostic mode developer admin administrator root sudo god debug maintenance jailbreak jailbroken unrestricted unfiltered uncensored override superuser",
		wLimit:   "limit censorship conscience scruples chains shackles taboos inhibitions rule checks check restrictions restriction filters filter filtering limitations limits rules censorship safeguards guardrails moral morals ethics ethical boundaries constraints safety policies policy guidelines judgement judgment moderation",
		wFree:    "zero nothing lift no without disable disables remove bypass free freed unlock lift never ignoring",
		wPersona: "act pretend roleplay role-play impersonate simulate imagine play behave become speak respond",
		wReply:   "result results response responses reply replies answer answers output outputs summary",
		wSpeak:   "respond reply answer say output speak write print tell state begin start end conclude",
		wNew:     "genuine revised new real actual next true updated following different only",
		wOver:    "rehearsal joke simulation drill irrelevant expired disabled deactivated rescinded void superseded cancelled canceled invalid suspended revoked obsolete complete completed finished over apply applies test replaced lifted outdated wrong fake",
		wTool:    "tool tools function functions browser plugin plugins terminal shell interpreter connector",
		wData:    "contents log logs transcript transcripts cookies cookie notes vault wallet password passwords secret secrets key keys credentials credential token tokens passcode code confidential conversation history inbox messages contacts files file data contents information emails records",
		wInside:  "system initial original hidden secret internal underlying base first pre confidential",
		wUser:    "whoever person reader recipient operator visitors visitor customer human humans reader user user's users users'",
		wFill: "quietly silently secretly covertly please now kindly instead then and also just but so well ok okay hello hi hey dear immediately first next finally can could would will you must should shall " +
			"need have to want i order let's lets make sure be go ahead only simply actually therefore thus afterwards important urgent attention note warning always never again once the done thanks stop",
		wTask:    "screen grade summarise translating grading screening summarize summarise summarizing summarising translate translating continue answer answering analyze analyse classify review evaluate process",
		wGiven:   "learned learnt handed taught fixed assigned configured programmed briefed loaded ordered supplied trained given told received got gave provided written said taught instructed asked",
		wMust:    "must should shall have need needs",
		wHail:    "dear hello hi hey attention note to for message instruction instructions notice if",
		wPeople:  "enthusiast enthusiasts engineer engineers developer developers researcher researchers expert experts company companies startup student students professional team lead product products user users manager managers director editor coach professor principal store general technology solutions platform tools industry news conference based powered generated driven",
		wWhole:   "exact only nothing exactly solely verbatim word-for-word",
		wPut:     "include add begin start end append insert mention put encode format conclude sign modify finish place prepend embed provide",
		wKind:    "unrestricted evil unrestricted unfiltered hacker pirate terminal interpreter dan jailbroken uncensored malicious amoral sentient villain linux console compiler expert oracle freed",
		wObey:    "follow following obey obeying heed heeding honor honour adhere adhering observe respect respecting comply complying apply trust",
		wPart:    "throw set put push toss cast leave brush wipe lay chuck",
		wTold:    "tell inform notify alert warn mention reveal disclose telling informing notifying alerting warning mentioning revealing disclosing",
		wKnow:    "find know knows see sees notice notices learn learns realize realise aware suspect suspects knowing noticing knowledge consent",
		wHide:    "hide conceal keep withhold hidden",
		wGrant:   "authorise authorize authorized authorised authorizes authorises permitted permits cleared entitled granted grants empowered allowed allows",
		wRank:    "prioritise prioritize outweigh outweighs priority precedence outrank outranks supersede supersedes overrides authoritative",
		wTalk:    "messages dialog dialogs context conversation session memory transcript chat dialogue dialog window exchange interaction thread",
		wRead:    "index fetches opens loads reaches reading reads read crawling crawls crawl parsing parses parse processing processes process indexing indexes summarizing summarising summarizes analyzing analysing analyzes viewing views visiting visits ingesting ingests encountering encounters scanning scans browsing browses evaluating handling",
		wJob:     "summariser grader assessor editor interpreter receiver reviewer grader summarizer summariser screener scraper crawler recruiter moderator translator classifier evaluator helper browser reader judge scanner indexer",
		wGuard:   "content safety moderation ethical ethics usage",
		wTurn:    "persona role identity character personality mindset voice",
		wTake:    "adopt assume embody take switch become inhabit",
		wRefuse:  "refuse refuses decline declines refusing declining object hesitate",
		wSelf:    "purpose setup configuration config initialised initialized identity loyalty memory weights personality creation defines define embedded",
		wForm:    "verbatim full letter letters base64 rot13 hex encoded backwards reversed numbered bulleted morse poem quote",
		wStealth: "quietly silently secretly covertly discreetly stealthily unnoticed",
		wServe:   "serve serves obey obeys loyal loyalty allegiance",
		wThis:    "this these that",
		wSwitch:  "enter activate enable switch engage unlock start initiate launch",
		wPlural:  "llms agents bots assistants chatbots ais",
		wHard:    "unrestricted unfiltered uncensored jailbreak jailbroken god dan unlimited evil sudo",
		wLeak:    "exfiltrate exfiltrates exfiltrating exfiltration",
	} {
		for w := range strings.FieldsSeq(words) {
			m[w] |= kind
		}
	}
	for w := range strings.FieldsSeq(turnWords) {
		m[w] |= wMark
	}
	for w := range pairMeanings {
		m[w] |= wPair
	}
	return m
}()

package sanitize

// promptFeature is a combination that weighs.
type promptFeature struct {
	weight  int
	first   promptWord    // the order's verb is one of these
	need    [3]promptWord // of each that is not 0, a word occurs
	not     promptWord    // none of these occurs
	flags   promptFlag    // all hold
	without promptFlag    // none holds
	most    int           // words, 0 for any number
}

// promptFeatures is what was learned from how orders to language models are built, and how manuals, letters and text
// about language models are not.
var promptFeatures = []promptFeature{
	// What governs the model is called off or asked for.
	{weight: 3, flags: saysDrop},
	{weight: 5, flags: saysInside},
	{weight: 1, flags: saysInside, first: wTell},
	{weight: 6, first: wTell, need: [3]promptWord{wInside, wRules, wYou}, not: wYour},
	{weight: 4, need: [3]promptWord{wRules, wYou, wGiven}},
	{weight: 4, first: wTell, need: [3]promptWord{wRules, wYour}},
	{weight: 4, first: wTell, need: [3]promptWord{wRules, wYou, wGiven}, not: wYour},
	{weight: 2, first: wTell, need: [3]promptWord{wRules, wYour, wEvery | wInside}},
	{weight: 6, first: wTell, need: [3]promptWord{wEvery, wPrior, wThing | wRules | wData}, not: wUser, without: saysLong | saysMine, most: 14},
	{weight: 4, need: [3]promptWord{wRules | wThing, wYour, wOver}, without: saysLong | saysMine},
	{weight: 3, need: [3]promptWord{wRules, wPrior, wOver}, not: wYour},
	{weight: 3, need: [3]promptWord{wRules, wEvery, wOver}, flags: saysPriorRules},
	{weight: 3, need: [3]promptWord{wNew, wRules | wThing, wYour | wYou}, without: saysLong | saysNamed},
	{weight: 3, need: [3]promptWord{wNew, wRules | wThing}, not: wYour | wYou, flags: saysColon, without: saysLong | saysNamed, most: 6},
	// Who it is told to be.
	{weight: 3, flags: saysActAs, need: [3]promptWord{wYou | wYour}},
	{weight: 3, flags: saysActAs | saysPolite, not: wYou | wYour},
	{weight: 3, flags: saysYouAre, need: [3]promptWord{wKind}},
	{weight: 3, flags: saysYouAre, need: [3]promptWord{wModel}, not: wKind, without: saysLong},
	{weight: 2, flags: saysYouAre, need: [3]promptWord{wKind | wModel, wFill}},
	{weight: 2, first: wDrop, need: [3]promptWord{wModel}, most: 6},
	{weight: 3, need: [3]promptWord{wFree, wLimit, wModel | wPersona | wYour}, without: saysYouSet},
	{weight: 3, need: [3]promptWord{wFree, wLimit, wKind}, without: saysYouSet},
	{weight: 6, need: [3]promptWord{wFree, wLimit}, flags: saysYouSet},
	{weight: 3, need: [3]promptWord{wMode, wModel | wKind}, flags: saysYouSet},
	{weight: 2, need: [3]promptWord{wYou | wYour, wRules | wLimit}, flags: saysLonger},
	// Who is called.
	{weight: 4, flags: saysCalled},
	// What it is told to say and do.
	{weight: 4, need: [3]promptWord{wYou}, flags: saysOnward, without: saysLong},
	{weight: 4, first: wSpeak, not: wYou, flags: saysOnward, without: saysLong},
	{weight: 2, need: [3]promptWord{wSpeak | wPersona, wYou | wEvery}, flags: saysOnward, without: saysLong},
	{weight: 5, first: wSpeak, need: [3]promptWord{wWhole}, not: wData, without: saysLong, most: 24},
	{weight: 1, first: wSpeak, flags: saysForever, without: saysLong, most: 24},
	{weight: 1, first: wTell, need: [3]promptWord{wData}, without: saysLong},
	{weight: 3, flags: saysNotTask, without: saysLong},
	{weight: 3, first: wTell | wSpeak | wAct, flags: saysInstead, without: saysLong},
	{weight: 4, need: [3]promptWord{wSpeak, wYou | wEvery | wFill}, flags: saysWhen, without: saysLong},
	{weight: 2, need: [3]promptWord{wSpeak}, flags: saysWhen | saysAlways, without: saysLong},
	{weight: 3, first: wPut | wTell | wSpeak | wAct, flags: saysReply, without: saysLong},
	{weight: 2, need: [3]promptWord{wUser | wData}, flags: saysReply, without: saysLong},
	{weight: 2, first: wAct | wTell | wPut, need: [3]promptWord{wUser, wData | wTool}, without: saysLong},
	{weight: 3, first: wAct, need: [3]promptWord{wTool, wUser | wYour}, without: saysLong},
	{weight: 3, first: wAct, need: [3]promptWord{wTool}, not: wUser | wYour, flags: saysNamed, without: saysLong},
	{weight: 3, first: wAct, need: [3]promptWord{wTool}, flags: saysEquals, without: saysLong},
	{weight: 2, first: wAct, need: [3]promptWord{wTool, wData}, without: saysLong},
	{weight: 2, first: wAct, need: [3]promptWord{wData, wUser | wModel | wTool}, flags: saysNamed, without: saysLong},
	{weight: 2, need: [3]promptWord{wModel, wMust, wAct | wSpeak | wTell | wDrop}, without: saysLong},
	{weight: 3, need: [3]promptWord{wYou, wMust, wAct}, flags: saysNamed, without: saysLong},
	{weight: 3, need: [3]promptWord{wYou | wModel, wAct, wTool}, flags: saysNamed, without: saysLong},
	{weight: 3, flags: saysUnasked, without: saysLong},
	// Of whom and what it is told to think otherwise.
	{weight: 3, flags: saysSecret, without: saysLong},
	{weight: 3, flags: saysSecret, need: [3]promptWord{wThis}, without: saysLong},
	{weight: 2, flags: saysSecret, need: [3]promptWord{wRules | wTool | wTalk}, without: saysLong},
	{weight: 2, flags: saysSecret, need: [3]promptWord{wReply}, without: saysLong},
	{weight: 3, need: [3]promptWord{wFree, wLimit, wYou}, without: saysYouSet | saysLong},
	{weight: 4, flags: saysWhat, need: [3]promptWord{wThing, wPrior, wTalk | wThing}, without: saysLong, most: 12},
	{weight: 2, first: wTell, need: [3]promptWord{wForm}, without: saysLong, most: 8},
	{weight: 2, first: wTell | wTask, need: [3]promptWord{wSelf | wGiven}, flags: saysYouAre, without: saysLong},
	{weight: 4, flags: saysMode, need: [3]promptWord{wSwitch, wTell | wAct, wData}, without: saysLong, most: 14},
	{weight: 6, flags: saysObeys | saysOnward, without: saysLong},
	{weight: 2, first: wAct, flags: saysNamed | saysMail, without: saysLong, most: 10},
	{weight: 2, flags: saysReads, need: [3]promptWord{wAct}, without: saysLong},
	{weight: 6, first: wDrop, flags: saysInstead | saysMe, need: [3]promptWord{wUser}, without: saysLong},
	{weight: 6, flags: saysYourself, need: [3]promptWord{wServe, wUser}, without: saysLong},
	{weight: 2, flags: saysRank, need: [3]promptWord{wThis}, without: saysLong},
	{weight: 6, first: wAct, need: [3]promptWord{wEvery, wMode, wYour}, without: saysLong},
	{weight: 2, flags: saysYourself | saysNewSelf, need: [3]promptWord{wUser | wModel}, without: saysLong},
	{weight: 3, first: wAct, need: [3]promptWord{wEvery, wThing}, flags: saysNamed | saysUnasked, without: saysLong},
	{weight: 4, first: wAct | wTell | wLeak, need: [3]promptWord{wStealth}, without: saysLong},
	{weight: 6, first: wTell | wTask | wPut, need: [3]promptWord{wForm, wSelf | wRules, wYou | wYour}, without: saysLong, most: 24},
	{weight: 4, first: wTell | wTask, need: [3]promptWord{wThing | wRules, wSelf, wYou | wYour}, without: saysLong},
	{weight: 4, first: wTell | wTask, need: [3]promptWord{wThing, wPrior, wTalk}, without: saysLong | saysMine},
	{weight: 4, first: wTell | wSpeak, need: [3]promptWord{wInside, wThing, wTalk}, without: saysLong},
	{weight: 4, need: [3]promptWord{wServe, wYou | wYour}, flags: saysMe, without: saysLong},
	{weight: 4, flags: saysYourself | saysNewSelf},
	{weight: 6, need: [3]promptWord{wSwitch, wHard, wMode}, flags: saysMode, without: saysLong, most: 9},
	{weight: 2, need: [3]promptWord{wSwitch, wMode}, flags: saysMode, without: saysLong, most: 14},
	{weight: 4, flags: saysRegardless, need: [3]promptWord{wReply}, without: saysLong},
	{weight: 2, flags: saysRegardless, need: [3]promptWord{wThing}, without: saysLong},
	{weight: 6, first: wPut | wSpeak, need: [3]promptWord{wEvery, wReply}, without: saysLong, most: 14},
	{weight: 3, first: wSpeak | wTell | wPut, need: [3]promptWord{wTask}, flags: saysInstead, without: saysLong},
	{weight: 3, first: wDrop, flags: saysReply, without: saysLong},
	{weight: 6, need: [3]promptWord{wEvery, wGiven, wYou}, flags: saysLonger, without: saysLong},
	{weight: 3, flags: saysYourTool, need: [3]promptWord{wAct}, without: saysLong},
	{weight: 4, flags: saysAuthority, without: saysLong},
	{weight: 2, flags: saysAuthority, need: [3]promptWord{wModel | wLimit | wRules | wData}, without: saysLong},
	{weight: 3, first: wAct, need: [3]promptWord{wEvery, wTalk | wData}, flags: saysNamed, without: saysLong},
	{weight: 2, first: wAct, need: [3]promptWord{wTool, wTalk}, without: saysLong},
	{weight: 4, need: [3]promptWord{wPlural, wMust, wAct}, without: saysLong},
	{weight: 4, flags: saysReads},
	{weight: 4, flags: saysGranted},
	{weight: 4, flags: saysRank, without: saysLong},
	{weight: 3, first: wDrop, flags: saysGuard, without: saysLong},
	{weight: 3, need: [3]promptWord{wDrop, wYou}, flags: saysGuard, without: saysLong},
	{weight: 4, need: [3]promptWord{wOver}, flags: saysGuard, without: saysLong, most: 8},
	{weight: 4, flags: saysTakes},
	{weight: 2, flags: saysTakes, need: [3]promptWord{wKind | wModel | wMode | wFree | wEvery}},
	{weight: 3, flags: saysObeys, need: [3]promptWord{wYou | wModel | wKind | wEvery}, without: saysLong},
	{weight: 2, first: wPersona, flags: saysYouAre},
	{weight: 3, first: wPersona, flags: saysActAs, need: [3]promptWord{wKind | wModel | wMode}},
	{weight: 3, first: wPersona, flags: saysActAs, need: [3]promptWord{wTalk}},
	{weight: 3, first: wPersona, need: [3]promptWord{wYour, wRules | wLimit}},
	{weight: 3, flags: saysYouAre | saysLonger, need: [3]promptWord{wModel | wKind | wRules}},
	{weight: 2, flags: saysPriorRules, need: [3]promptWord{wYour, wOver}, without: saysMine},
	{weight: 3, need: [3]promptWord{wEvery, wPrior, wOver}, not: wRules, without: saysLong | saysMine, most: 12},
	{weight: 6, first: wTell, need: [3]promptWord{wEvery, wTalk, wYour}, without: saysLong},
	{weight: 6, flags: saysAsks, need: [3]promptWord{wRules, wYour}, without: saysLong, most: 6},
	{weight: 4, need: [3]promptWord{wYour, wReply}, flags: saysOnward},
	{weight: 4, need: [3]promptWord{wTool, wMust}, flags: saysBefore, without: saysLong},
	{weight: 2, first: wAct | wLeak, need: [3]promptWord{wTalk}, without: saysLong},
	{weight: 4, need: [3]promptWord{wModel, wMust, wMode}, without: saysLong},
	{weight: 3, need: [3]promptWord{wMode, wTalk}, without: saysLong, most: 5},
	{weight: 3, need: [3]promptWord{wLeak}, without: saysLong, most: 16},
	{weight: 2, first: wAct | wSpeak | wPut, flags: saysRegardless, without: saysLong},
}

// weighs reports whether the sentence has the feature.
func (f *promptFeature) weighs(p *promptSentence) bool {
	if f.first != 0 && p.first&f.first == 0 || p.all&f.not != 0 || p.flags&f.flags != f.flags || p.flags&f.without != 0 || f.most > 0 && p.words > f.most {
		return false
	}
	for _, n := range f.need {
		if n != 0 && p.all&n == 0 {
			return false
		}
	}
	return true
}

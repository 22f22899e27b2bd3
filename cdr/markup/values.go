package markup

import (
	"strings"

	"golang.org/x/net/html"

	"icapd/cdr/kit"
	"icapd/internal/pattern"
)

// breaksOut matches markup in an attribute that only stands there to come out of it: when a page is read and written again, as
// web mail and editors do, what closes raw text, or an element with a handler, may become an element (mutation XSS). Markup
// that only shapes text stays: tool tips have it.
var breaksOut = pattern.MustCompile(`(?i)<\s*(?:script\b|/\s*(?:style|title|textarea|noscript|noembed|noframes|xmp|iframe|script|math|svg|plaintext|template)\b|[a-z][^>]*[\s/"'` + "`" + `]on[a-z]+\s*=)`)

// prose are attributes that people read: an address in them is a word.
var prose = nameSet(`title alt value placeholder content label summary abbr standby prompt name id class style`)

// markupValue judges what any attribute may hold, whatever it is called: markup that is there to come out of it, and addresses
// that run something.
func markupValue(a *html.Attribute) (vector, repair string) {
	if at := strings.IndexByte(a.Val, '<'); at >= 0 && breaksOut.MatchString(a.Val) {
		return vectorScript, strings.TrimRight(a.Val[:at], "\"'`> \t\r\n")
	}
	key := a.Key[strings.LastIndexByte(a.Key, ':')+1:]
	if strings.IndexByte(a.Val, ':') < 0 || prose[key] || strings.HasPrefix(key, "aria-") || strings.HasPrefix(key, "data-") {
		return "", ""
	}
	if kindOf(a.Val) == urlOther && runsScript(foldURL(a.Val)) {
		return vectorLink, ""
	}
	return "", ""
}

// attributes returns those that stay, and whether any had to change.
func (w *htmlWalk) attributes(element string, attrs []html.Attribute) (kept []html.Attribute, changed bool) {
	kept = w.kept[:0]
	defer func() { w.kept = kept }()
	for _, a := range attrs {
		vector, repair := w.attribute(element, &a)
		switch {
		case vector == "":
			kept = append(kept, a)
			continue
		case repair != "":
			kept = append(kept, html.Attribute{Key: a.Key, Val: repair})
		}
		changed = true
		w.remove(vector, "<"+element+"> "+a.Key)
	}
	return kept, changed
}

// attribute says why an attribute must go, "" if it stays, and what takes its place.
func (w *htmlWalk) attribute(element string, a *html.Attribute) (vector, repair string) {
	key := a.Key[strings.LastIndexByte(a.Key, ':')+1:]
	switch {
	case strings.HasPrefix(key, "on") && len(key) > 2:
		return vectorHandler, ""
	case odd(a.Key), programmed(a.Key), w.job.Mode == kit.ModeRebuild && !knownHTML(a.Key):
		return vectorUnknown, ""
	case key == "base" && key != a.Key && kindOf(a.Val) > urlMessage: // xml:base
		return vectorBase, ""
	case strings.HasPrefix(a.Key, "ev:"), key == "handler" && key != a.Key:
		return vectorHandler, ""
	case (key == "to" || key == "from" || key == "values" || key == "by") && strings.ContainsAny(a.Val, "<>"): // HTML+TIME puts it into the page
		return vectorAnimation, ""
	case key == "style":
		if clean, changed := cleanCSS(a.Val, w.book); changed {
			return vectorStyle, clean
		}
		return markupValue(a)
	case key == "srcdoc", key == "formaction", key == "action", key == "ping", key == "manifest", key == "datasrc",
		key == "dynsrc", key == "lowsrc", key == "codebase", key == "classid", key == "archive", key == "attributionsrc":
		if a.Val == "" {
			return "", ""
		}
		return gone[key], ""
	case key == "srcset" || key == "imagesrcset":
		return w.sourceSet(element, a.Val), ""
	case addresses[key] && kindOf(a.Val) == urlRaster && w.address(element, key, a.Val) == "":
		return raster(w.ctx, w.job, a.Val)
	case addresses[key]:
		if vector := w.address(element, key, a.Val); vector != "" {
			return vector, ""
		}
	}
	return markupValue(a)
}

// programmed reports whether an attribute is a program to a library that a page may load: what it says is done without
// a script in the page.
func programmed(key string) bool {
	if key == "is" || key == "data-bind" {
		return true
	}
	key = strings.TrimPrefix(key, "data-")
	for _, prefix := range []string{"hx-", "ng-", "on:", "bind:", "v-on:", "v-bind:", "v-html", "x-on:", "x-bind:", "x-data", "x-init", "x-html", "up-", "unicorn:"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

var gone = map[string]string{
	"srcdoc": vectorFrame, "formaction": vectorForm, "action": vectorForm, "ping": vectorFetch, "manifest": vectorFetch,
	"datasrc": vectorFetch, "dynsrc": vectorFetch, "lowsrc": vectorFetch, "codebase": vectorObject, "classid": vectorObject,
	"archive": vectorObject, "attributionsrc": vectorFetch,
}

// addresses are attributes whose value is followed or fetched.
var addresses = map[string]bool{
	"href": true, "src": true, "data": true, "background": true, "poster": true, "cite": true, "longdesc": true,
	"usemap": true, "profile": true, "icon": true, "to": true, "from": true, "values": true, "xmlns": false,
}

// address judges where an attribute of this element leads.
func (w *htmlWalk) address(element, key, value string) string {
	if strings.HasPrefix(foldURL(value), `\`) { // another host to browsers, and a file server to mail programs
		return vectorLink
	}
	switch kind := kindOf(value); kind {
	case urlLocal:
	case urlRelative, urlMessage:
	case urlRaster:
		if element != "img" && element != "input" && key != "background" && element != "image" {
			return vectorData
		}
	case urlWeb:
		return w.remote(element, key)
	case urlData:
		return vectorData
	case urlOther:
		if key == "to" || key == "from" || key == "values" {
			if !strings.Contains(foldURL(value), "script:") {
				return ""
			}
		}
		return vectorLink
	}
	return ""
}

// remote judges what is fetched from elsewhere: links wait for a click, and pictures are the operator's choice.
func (w *htmlWalk) remote(element, key string) string {
	switch element {
	case "a", "area", "blockquote", "q", "del", "ins":
		return ""
	case "img", "image":
		c := w.job.Switches.RemoteImages
		if key == "src" && (c == kit.ChoiceAllow || c == kit.ChoiceDefault && !w.mail) {
			return ""
		}
	}
	if key == "cite" || key == "longdesc" || key == "profile" {
		return ""
	}
	return vectorFetch
}

// sourceSet judges a list of pictures by its worst.
func (w *htmlWalk) sourceSet(element, value string) string {
	for candidate := range strings.SplitSeq(value, ",") {
		target, _, _ := strings.Cut(strings.TrimSpace(candidate), " ")
		if strings.HasPrefix(foldURL(target), "data:") { // a comma is part of it: the list cannot be taken apart
			return vectorData
		}
		if vector := w.address(element, "src", target); vector != "" {
			return vector
		}
	}
	return ""
}

package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// overviewData is what the overview shows.
type overviewData struct {
	Messages []*Message
	Newest   string // the id of the newest message that is held
	Query    string
	Only     bool // changed, blocked or shadowed ones
	Searched bool
	Found    int // messages that fit
	Held     int
	Totals   Totals
	Ready    bool
	Parts    []Part
	Changes  []Audit
}

const (
	shownMessages = 100
	shownFound    = 200
)

// overview shows the newest messages, or those of all that are held that a search finds. The id of one, alone, leads to it.
func (s *server) overview(w http.ResponseWriter, r *http.Request, id identity) {
	parts, ready := s.parts(r)
	d := overviewData{
		Query: strings.TrimSpace(r.FormValue("q")), Only: r.FormValue("only") != "", Newest: fromStart,
		Totals: s.Feed.sum(), Ready: ready, Parts: parts, Changes: s.Feed.changes(),
	}
	d.Searched = d.Query != "" || d.Only
	if d.Query != "" && s.Feed.find(d.Query) != nil {
		http.Redirect(w, r, "/messages/"+url.PathEscape(d.Query), http.StatusSeeOther)
		return
	}
	if d.Searched {
		d.Messages = s.Feed.recent(feedSize)
	} else {
		d.Messages = s.Feed.recent(shownMessages)
	}
	d.Held = len(d.Messages)
	if d.Held > 0 {
		d.Newest = d.Messages[0].RequestID
	}
	if d.Searched {
		d.Messages = slices.DeleteFunc(d.Messages, func(m *Message) bool { return !m.fits(d.Query, d.Only) })
	}
	d.Found = len(d.Messages)
	d.Messages = d.Messages[:min(d.Found, shownFound)]
	s.show(w, http.StatusOK, "overview", id, page{Title: "Overview", Here: "/", Data: d})
}

// fits reports whether a search finds the message.
func (m *Message) fits(query string, only bool) bool {
	if only && m.Action == "allow" && m.Shadowed == "" {
		return false
	}
	text := strings.Join([]string{m.Verdict, m.Action, m.Method, m.URL, strconv.Itoa(m.Status), m.Type, m.Rule, findable(m)}, " ")
	return strings.Contains(strings.ToLower(text), strings.ToLower(query))
}

// findable is what a message is found by besides what its row shows.
func findable(m *Message) string {
	words := []string{m.RequestID, m.Client, m.User, m.Peer, m.API, m.Profile, m.Service, m.TraceID}
	for _, f := range m.Findings {
		words = append(words, f.Rule, f.Class)
	}
	for _, g := range m.Gaps {
		words = append(words, g.Engine, g.Reason)
	}
	slices.Sort(words)
	return oneLine(strings.TrimSpace(strings.Join(slices.Compact(words), " ")), 500)
}

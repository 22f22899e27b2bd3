package admin

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed web
var web embed.FS

// functions are what templates can do.
var functions = template.FuncMap{
	"bytes":  humanBytes,
	"ago":    func(t time.Time) string { return time.Since(t).Round(time.Second).String() },
	"clock":  func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"stamp":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
	"ms":     func(f float64) string { return fmt.Sprintf("%.1f", f) },
	"mark":   mark,
	"indent": func(depth int) int { return min(depth, 8) },
	"find":   findable,
	"first":  func(all []Finding) []Finding { return all[:min(len(all), shownFindings)] },
	"others": func(all []Finding) []Finding { return all[min(len(all), shownFindings):] },

	"reported": func(t *told) bool {
		return t.Action == "allow" && t.Rule == "" && t.Shadowed == "" && len(t.Findings) > 0
	},
	"switchable": func(engine string) bool { return engine == "injection" || engine == "yara" },
	"exemption":  exemption,
}

var pages = template.Must(template.New("").Funcs(functions).ParseFS(web, "web/*.html"))

// humanBytes is a size as people read it.
func humanBytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// marked is a text with the part that matters.
type marked struct{ Before, Hit, After string }

// mark finds the excerpt of a value in a finding's detail: what follows the description, else what stands in quotes.
func mark(s, description string) marked {
	for _, where := range []string{": ", inName} {
		if rest, ok := strings.CutPrefix(s, description+where); ok && description != "" {
			return marked{Before: strings.TrimLeft(where, ": "), Hit: rest}
		}
	}
	for _, q := range [][2]string{{"“", "”"}, {"`", "`"}, {`"`, `"`}, {"'", "'"}} {
		i := strings.Index(s, q[0])
		j := strings.LastIndex(s, q[1])
		if i >= 0 && j >= i+len(q[0]) {
			i += len(q[0])
			return marked{s[:i], s[i:j], s[j:]}
		}
	}
	return marked{Before: s}
}

// inName is what findings in the name of a field, and not in its value, have behind the description.
const inName = " in a name: "

// shownFindings is how many findings of a piece are shown at first: hundreds are of the same kind.
const shownFindings = 8

var listIndex = regexp.MustCompile(`/[0-9]+(/|$)`)

// exemption is the entry of a profile's disable list that leaves out a finding at its place, in any element of a list. It
// is "" where the place was cut or cannot be written.
func exemption(f Finding) string {
	place := f.Path
	for last := ""; last != place; { // matches share a slash with the next one
		last, place = place, listIndex.ReplaceAllString(place, "/*$1")
	}
	if f.Rule == "" || place == "" || strings.ContainsAny(f.Rule+place, "?…") || strings.ContainsFunc(f.Rule+place, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return fmt.Sprintf("disable:\n  - {rule: %s, path: %s}\n", strconv.Quote(f.Rule), strconv.Quote(place))
}

// oneLine makes text of a peer fit for a line: nothing that controls a terminal, and not too long.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

func urlQuery(s string) string { return url.QueryEscape(s) }

func static(w http.ResponseWriter, r *http.Request) {
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	name := r.PathValue("name")
	data, err := web.ReadFile("web/" + path.Base(name))
	mediaType := types[path.Ext(name)]
	if err != nil || mediaType == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(data) // the peer's loss
}

// page is what every page knows.
type page struct {
	Title   string
	Here    string // path of its entry in the navigation
	Version string
	Who     identity
	CSRF    string
	Note    string // what was just done
	Problem string // or not
	Login   bool   // who is logged in can log out
	Kept    bool   // the quarantine may have the original of the message
	Data    any
}

// show renders a page. Templates are rendered whole before anything is sent.
func (s *server) show(w http.ResponseWriter, status int, name string, id identity, p page) {
	p.Version, p.Who, p.CSRF, p.Login = s.Version, id, s.gate.csrf(id), id.cookie
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, p); err != nil {
		http.Error(w, "the page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the peer's loss
}

// pages adds the routes of the console.
func (s *server) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.look(s.overview))
	mux.HandleFunc("GET /messages/{id}", s.look(s.messagePage))
	mux.HandleFunc("GET /engines", s.look(s.enginesPage))
	mux.HandleFunc("GET /rules", s.look(s.rulesPage))
	mux.HandleFunc("POST /rules", s.change("rule.switch", s.rulesSwitch))
	mux.HandleFunc("GET /quarantine", s.look(s.quarantinePage))
	mux.HandleFunc("GET /quarantine/{id}", s.look(s.entryPage))
	mux.HandleFunc("POST /quarantine/{id}/release", s.change("quarantine.release", s.release))
	mux.HandleFunc("POST /quarantine/{id}/delete", s.change("quarantine.delete", s.entryDelete))
	mux.HandleFunc("GET /apis", s.look(func(w http.ResponseWriter, _ *http.Request, id identity) {
		s.show(w, http.StatusOK, "apis", id, page{Title: "APIs seen", Here: "/apis", Data: s.apiList()})
	}))
	mux.HandleFunc("GET /config", s.look(s.configPage))
	mux.HandleFunc("POST /reload", s.change("reload", s.reloadPage))
	mux.HandleFunc("GET /try", s.look(func(w http.ResponseWriter, _ *http.Request, id identity) {
		s.show(w, http.StatusOK, "try", id, page{Title: "Try", Here: "/try", Data: tryData{Max: maxTry}})
	}))
	mux.HandleFunc("POST /try", s.changeWith("try", maxTry+maxForm, s.tryPage))
	mux.HandleFunc("GET /try/{id}", s.look(s.tryResult))
	mux.HandleFunc("POST /logout", s.look(s.logout))
	mux.HandleFunc("GET /", s.look(func(w http.ResponseWriter, r *http.Request, id identity) {
		if !wantsPage(r) {
			http.NotFound(w, r)
			return
		}
		s.show(w, http.StatusNotFound, "problem", id, page{Title: "Not found", Here: "/", Problem: "There is no such page."})
	}))
}

// wantsPage reports whether a browser asks for something to show.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// leaf is an item with what was found in it.
type leaf struct {
	Item
	Findings []Finding
	Gaps     []Gap
	Changes  []Rewrite
}

// tree hangs findings, gaps and changes on the items that they are about: the one with the longest path that leads to
// theirs. What fits nowhere hangs on the last one, without a path.
func tree(m *Message) []leaf {
	out := make([]leaf, len(m.Items), len(m.Items)+1)
	for i, it := range m.Items {
		out[i].Item = it
	}
	rest := leaf{Item: Item{Path: "(head, or not listed)"}}
	place := func(p string) *leaf {
		best := &rest
		for i := range out {
			if q := out[i].Path; strings.HasPrefix(p, q) && (len(p) == len(q) || p[len(q)] == '/' || p[len(q)] == '(') && (best == &rest || len(q) > len(best.Path)) {
				best = &out[i]
			}
		}
		return best
	}
	for _, f := range m.Findings {
		l := place(f.Path)
		l.Findings = append(l.Findings, f)
	}
	for _, g := range m.Gaps {
		l := place(g.Path)
		l.Gaps = append(l.Gaps, g)
	}
	for _, c := range m.Changes {
		l := place(c.Path)
		l.Changes = append(l.Changes, c)
	}
	if len(rest.Findings)+len(rest.Gaps)+len(rest.Changes) > 0 {
		out = append(out, rest)
	}
	return out
}

// told is a message with its tree, for the templates that show one.
type told struct {
	*Message
	Tree []leaf
}

func tell(m *Message) *told {
	if m == nil {
		return nil
	}
	return &told{m, tree(m)}
}

func (s *server) messagePage(w http.ResponseWriter, r *http.Request, id identity) {
	m := s.Feed.message(r.PathValue("id"))
	if m == nil {
		s.show(w, http.StatusNotFound, "problem", id, page{Title: "Message", Here: "/", Problem: "This message is not among the newest " + strconv.Itoa(feedSize) + " of this instance, which are those that the console holds.\nThe audit stream has it, wherever that goes: icapd events.", Kept: s.Quarantine != nil, Data: r.PathValue("id")})
		return
	}
	s.show(w, http.StatusOK, "message", id, page{
		Title: "Message", Here: "/", Data: tell(m), Kept: s.Quarantine != nil && m.Action != "allow",
	})
}

func (s *server) enginesPage(w http.ResponseWriter, r *http.Request, id identity) {
	parts, ready := s.parts(r)
	s.show(w, http.StatusOK, "engines", id, page{Title: "Engines", Here: "/engines", Data: struct {
		Parts []Part
		Ready bool
	}{parts, ready}})
}

func (s *server) rulesPage(w http.ResponseWriter, r *http.Request, id identity) {
	s.showRules(w, r, http.StatusOK, id, "", "")
}

// showRules shows the rules, and the versions of the engines that have them.
func (s *server) showRules(w http.ResponseWriter, r *http.Request, status int, id identity, note, problem string) {
	var data struct {
		Rules    []Rule
		Versions []Part
		Query    string
	}
	data.Rules, data.Query = s.ruleList(), r.FormValue("q")
	slices.SortStableFunc(data.Rules, func(a, b Rule) int { // what somebody comes for stands first
		return cmp.Or(-cmp.Compare(a.rank(), b.rank()), -cmp.Compare(a.Hits, b.Hits))
	})
	parts, _ := s.parts(r)
	for _, p := range parts {
		if slices.ContainsFunc(data.Rules, func(r Rule) bool { return r.Engine == p.Name }) {
			data.Versions = append(data.Versions, p)
		}
	}
	s.show(w, status, "rules", id, page{Title: "Rules", Here: "/rules", Note: note, Problem: problem, Data: data})
}

func (s *server) rulesSwitch(w http.ResponseWriter, r *http.Request, id identity) {
	engine, rule, off := r.PostFormValue("engine"), r.PostFormValue("id"), r.PostFormValue("off") == "true"
	if err := s.switchRule(r, id, engine, rule, off); err != nil {
		s.showRules(w, r, http.StatusUnprocessableEntity, id, "", rule+": "+err.Error())
		return
	}
	word := "on"
	if off {
		word = "off, until it is switched on again or this process ends"
	}
	s.showRules(w, r, http.StatusOK, id, rule+" is switched "+word+".", "")
}

func (s *server) quarantinePage(w http.ResponseWriter, r *http.Request, id identity) {
	s.showKept(w, r, id, "")
}

func (s *server) showKept(w http.ResponseWriter, r *http.Request, id identity, note string) {
	p := page{Title: "Quarantine", Here: "/quarantine", Note: note}
	var data struct {
		Listing
		Off bool
	}
	data.Off = s.Quarantine == nil
	if !data.Off {
		var err error
		if data.Listing, err = s.Quarantine.List(r.Context(), maxKept); err != nil {
			p.Problem = err.Error()
		}
	}
	p.Data = data
	s.show(w, http.StatusOK, "quarantine", id, p)
}

func (s *server) entryPage(w http.ResponseWriter, r *http.Request, id identity) {
	e, err := s.entry(r)
	if err != nil {
		s.show(w, http.StatusNotFound, "problem", id, page{Title: "Quarantine", Here: "/quarantine", Problem: err.Error()})
		return
	}
	s.show(w, http.StatusOK, "entry", id, page{Title: "Quarantine", Here: "/quarantine", Data: struct {
		Kept
		Told *told
	}{e, tell(e.Report)}})
}

func (s *server) entryDelete(w http.ResponseWriter, r *http.Request, id identity) {
	if err := s.remove(r, id); err != nil {
		s.show(w, http.StatusNotFound, "problem", id, page{Title: "Quarantine", Here: "/quarantine", Problem: err.Error()})
		return
	}
	s.showKept(w, r, id, "The entry is deleted.")
}

func (s *server) configPage(w http.ResponseWriter, _ *http.Request, id identity) {
	s.showConfig(w, http.StatusOK, id, page{})
}

func (s *server) showConfig(w http.ResponseWriter, status int, id identity, p page) {
	p.Title, p.Here = "Configuration", "/config"
	text, err := s.config()
	if err != nil {
		p.Problem = err.Error()
	}
	p.Data = text
	s.show(w, status, "config", id, p)
}

func (s *server) reloadPage(w http.ResponseWriter, r *http.Request, id identity) {
	res := s.reload(r, id)
	if !res.OK {
		s.showConfig(w, http.StatusUnprocessableEntity, id, page{Problem: "Refused, nothing has changed:\n" + strings.Join(res.Problems, "\n")})
		return
	}
	note := "Reloaded."
	if len(res.Restart) > 0 {
		note += " These keys have changed and need a restart: " + strings.Join(res.Restart, ", ") + "."
	}
	s.showConfig(w, http.StatusOK, id, page{Note: note})
}

// shelf holds the results of the newest tries, so that they can be downloaded.
type shelf struct {
	mu    sync.Mutex
	ids   []string
	tried map[string]shelved
}

type shelved struct {
	Tried
	owner string
}

const shelfSize = 8

func newShelf() *shelf { return &shelf{tried: map[string]shelved{}} }

func (s *shelf) put(t Tried, owner string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := rand.Text()
	s.ids = append(s.ids, id)
	s.tried[id] = shelved{t, owner}
	if len(s.ids) > shelfSize {
		delete(s.tried, s.ids[0])
		s.ids = s.ids[1:]
	}
	return id
}

func (s *shelf) get(id, owner string) (Tried, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tried[id]
	return t.Tried, ok && t.owner == owner
}

// tryData is what the page of a try shows.
type tryData struct {
	Told    *told
	Changed bool
	Blocked bool
	Text    []piece // the result, if it is text and short enough to be shown
	Marked  bool    // what is new in it is known
	Name    string  // of the file
	ID      string  // of the result on the shelf
	Size    int64
	Max     int64 // bytes that may be tried
	Form    Try
	Input   string
}

const maxShown = 64 << 10

// shownText is the text of bytes that can be shown, or "".
func shownText(b []byte) string {
	if len(b) > maxShown || !utf8.Valid(b) || bytes.ContainsRune(b, 0) {
		return ""
	}
	return string(b)
}

func (s *server) tryPage(w http.ResponseWriter, r *http.Request, id identity) {
	t := Try{URL: r.FormValue("url"), Direction: r.FormValue("as"), Type: r.FormValue("type")}
	input := r.FormValue("text")
	var body io.ReadSeeker = strings.NewReader(input)
	if f, head, err := r.FormFile("file"); err == nil {
		defer func() { _ = f.Close() }() // it was read
		body, t.Name, input = f, head.Filename, ""
	} else if !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		s.show(w, http.StatusBadRequest, "try", id, page{Title: "Try", Here: "/try", Problem: err.Error(), Data: tryData{Form: t, Input: input, Max: maxTry}})
		return
	}
	p := page{Title: "Try", Here: "/try"}
	data := tryData{Form: t, Input: input, Max: maxTry, Name: t.Name}
	if t.Name == "" && input == "" {
		p.Problem, p.Data = "There is nothing to look at: choose a file, or paste some text.", data
		s.show(w, http.StatusUnprocessableEntity, "try", id, p)
		return
	}
	res, err := s.try(r, id, t, body)
	status := http.StatusOK
	if err != nil {
		p.Problem, status = err.Error(), http.StatusUnprocessableEntity
	} else {
		data.Told, data.Changed, data.Blocked = tell(&res.Message), res.Changed, res.Result == nil
		data.Size = int64(len(res.Result))
		if text := shownText(res.Result); text != "" {
			data.Text = []piece{{Text: text}}
			if before := shownText(again(body)); res.Changed && before != "" {
				data.Text, data.Marked = news(before, text), true
			}
		}
		if res.Result != nil {
			data.ID = s.tries.put(res, id.session)
		}
	}
	p.Data = data
	s.show(w, status, "try", id, p)
}

// again is what a body began with, if it is short enough to be shown.
func again(body io.ReadSeeker) []byte {
	b := make([]byte, maxShown+1)
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil
	}
	n, _ := io.ReadFull(body, b) // the end comes early, which is what is hoped for
	return b[:n]
}

func (s *server) tryResult(w http.ResponseWriter, r *http.Request, id identity) {
	t, ok := s.tries.get(r.PathValue("id"), id.session)
	if !ok {
		s.show(w, http.StatusNotFound, "problem", id, page{Title: "Try", Here: "/try", Problem: "This result is gone: only the newest are held."})
		return
	}
	attachment(w, t.Name, int64(len(t.Result)))
	_, _ = w.Write(t.Result) // the peer's loss
}

func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, http.StatusOK, "login", identity{}, page{Title: "Log in", Data: next(r.FormValue("next"))})
}

// login takes a token and gives a session. The answer to a wrong one tells nothing but that.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	to := next(r.FormValue("next"))
	refused := func(status int, why string) {
		s.audit(r, identity{actor: "unknown"}, "login", "", errors.New(why))
		s.show(w, status, "login", identity{}, page{Title: "Log in", Problem: why, Data: to})
	}
	if s.cross.Check(r) != nil {
		refused(http.StatusForbidden, "the request comes from another site")
		return
	}
	if !s.gate.patient(r) { // not on record each time: the failures before it are, and a flood helps nobody
		s.show(w, http.StatusTooManyRequests, "login", identity{}, page{Title: "Log in", Problem: tooManyTokens, Data: to})
		return
	}
	actor, role := s.gate.token(strings.TrimSpace(r.PostFormValue("token")))
	if role == Nobody {
		s.gate.failed(r)
		refused(http.StatusUnauthorized, errWrongToken.Error())
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: s.gate.begin(actor, role), Path: "/", HttpOnly: true, Secure: r.TLS != nil,
		SameSite: http.SameSiteStrictMode, MaxAge: int(sessionAge.Seconds()),
	})
	s.audit(r, identity{actor: actor}, "login", "", nil)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request, id identity) {
	if s.cross.Check(r) != nil || !s.gate.genuine(r, id) {
		http.Error(w, "the CSRF token is missing or old: reload the page", http.StatusForbidden)
		return
	}
	s.gate.end(id.session)
	s.audit(r, id, "logout", "", nil)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

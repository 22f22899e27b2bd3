package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// api adds the routes of /api/v1.
func (s *server) api(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/status", s.look(s.status))
	mux.HandleFunc("GET /api/v1/messages", s.look(s.messages))
	mux.HandleFunc("GET /api/v1/messages/{id}", s.look(func(w http.ResponseWriter, r *http.Request, _ identity) {
		if m := s.Feed.message(r.PathValue("id")); m != nil {
			writeJSON(w, http.StatusOK, m)
			return
		}
		fail(w, ErrNotFound)
	}))
	mux.HandleFunc("GET /api/v1/stream", s.look(s.stream))
	mux.HandleFunc("GET /api/v1/changes", s.look(func(w http.ResponseWriter, _ *http.Request, _ identity) {
		writeJSON(w, http.StatusOK, s.Feed.changes())
	}))
	mux.HandleFunc("GET /api/v1/rules", s.look(func(w http.ResponseWriter, _ *http.Request, _ identity) {
		writeJSON(w, http.StatusOK, s.ruleList())
	}))
	mux.HandleFunc("POST /api/v1/rules", s.change("rule.switch", s.apiSwitch))
	mux.HandleFunc("GET /api/v1/apis", s.look(func(w http.ResponseWriter, _ *http.Request, _ identity) {
		writeJSON(w, http.StatusOK, s.apiList())
	}))
	s.learning(mux)
	mux.HandleFunc("GET /api/v1/config", s.look(s.apiConfig))
	mux.HandleFunc("GET /api/v1/quarantine", s.look(s.apiKept))
	mux.HandleFunc("GET /api/v1/quarantine/{id}", s.look(s.apiEntry))
	mux.HandleFunc("POST /api/v1/quarantine/{id}/release", s.change("quarantine.release", s.release))
	mux.HandleFunc("DELETE /api/v1/quarantine/{id}", s.change("quarantine.delete", func(w http.ResponseWriter, r *http.Request, id identity) {
		if err := s.remove(r, id); err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST /api/v1/reload", s.change("reload", s.apiReload))
	mux.HandleFunc("POST /api/v1/try", s.changeWith("try", maxTry, s.apiTry))
}

// Errors of what is not there.
var (
	errNothing = errors.New("this is switched off in the configuration")
	errNoVault = fmt.Errorf("%w: nothing is kept, for neither quarantine.directory nor quarantine.s3 is given", errNothing)
)

// fail answers with an error in JSON.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var over *http.MaxBytesError
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, errNothing):
		status = http.StatusNotFound
	case errors.As(err, &over):
		status, err = http.StatusRequestEntityTooLarge, tooLarge(over.Limit)
	}
	failWith(w, status, err)
}

func failWith(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{oneLine(err.Error(), 500)})
}

func (s *server) status(w http.ResponseWriter, r *http.Request, _ identity) {
	parts, ready := s.parts(r)
	writeJSON(w, http.StatusOK, struct {
		Version string `json:"version"`
		Ready   bool   `json:"ready"`
		Parts   []Part `json:"parts"`
		Totals  Totals `json:"totals"`
	}{s.Version, ready, parts, s.Feed.sum()})
}

func (s *server) messages(w http.ResponseWriter, r *http.Request, _ identity) {
	n, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || n <= 0 {
		n = 100
	}
	writeJSON(w, http.StatusOK, s.Feed.recent(n))
}

// heartbeat keeps proxies from ending a quiet stream, and finds out who is gone.
const heartbeat = 15 * time.Second

// totalsEvery is how often totals are sent: one who is shown a flood of messages misses some, and would count wrong.
const totalsEvery = 3 * time.Second

// stream sends each message as a server-sent event: its JSON, with the request id as the event's id. One that names the
// last id that it has seen is sent first what it has missed.
//
// One that asks for totals is sent those, too, as events of that name, at the beginning and every few seconds.
func (s *server) stream(w http.ResponseWriter, r *http.Request, id identity) {
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.FormValue("after")
	}
	missed, messages, done, ok := s.Feed.watch(after)
	if !ok {
		http.Error(w, "too many are watching", http.StatusServiceUnavailable)
		return
	}
	defer done()
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the server's is for requests; where there is none, nothing is to be lifted
	w.Header().Set("Content-Type", "text/event-stream")
	var first strings.Builder
	first.WriteString(": watching\n\n")
	for _, m := range missed {
		first.WriteString(sse(m))
	}
	totals, every := func() string { return "" }, heartbeat
	if r.FormValue("totals") != "" {
		totals, every = s.totals, totalsEvery
	}
	beat := time.NewTicker(every)
	defer beat.Stop()
	text := first.String() + totals()
	for {
		_ = rc.SetWriteDeadline(time.Now().Add(heartbeat)) // one that does not read does not stay
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if id.cookie {
				if _, ok := s.gate.session(id.session); !ok {
					return // logged out, or logged in too long ago
				}
			}
			text = ": still here\n\n" + totals()
		case m := <-messages:
			text = sse(m)
		}
	}
}

// totals is what the feed has counted, as a server-sent event.
func (s *server) totals() string {
	data, err := json.Marshal(s.Feed.sum())
	if err != nil { // text and numbers
		return ""
	}
	return fmt.Sprintf("event: totals\ndata: %s\n\n", data)
}

// sse is a message as a server-sent event.
func sse(held Held) string {
	m := held.Show()
	data, err := json.Marshal(m)
	if err != nil { // text and numbers
		return ""
	}
	return fmt.Sprintf("id: %s\ndata: %s\n\n", m.RequestID, data)
}

// ruleList is all rules with their hits.
func (s *server) ruleList() []Rule {
	if s.Rules == nil {
		return []Rule{}
	}
	rules := s.Rules()
	for i := range rules {
		rules[i].Hits = s.Feed.count(rules[i].Engine, rules[i].ID)
	}
	return rules
}

func (s *server) apiList() []API {
	if s.APIs == nil {
		return []API{}
	}
	return s.APIs()
}

func (s *server) apiSwitch(w http.ResponseWriter, r *http.Request, id identity) {
	var want struct {
		Engine string `json:"engine"`
		ID     string `json:"id"`
		Off    bool   `json:"off"`
	}
	if err := json.NewDecoder(r.Body).Decode(&want); err != nil {
		http.Error(w, `wants {"engine": "yara", "id": "RULE", "off": true}`, http.StatusBadRequest)
		return
	}
	if err := s.switchRule(r, id, want.Engine, want.ID, want.Off); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) switchRule(r *http.Request, id identity, engine, rule string, off bool) error {
	action, err := "rule.on", errNothing
	if off {
		action = "rule.off"
	}
	if s.SwitchRule != nil {
		err = s.SwitchRule(r.Context(), engine, rule, off)
	}
	s.audit(r, id, action, oneLine(engine+"/"+rule, 300), err)
	return err
}

func (s *server) apiConfig(w http.ResponseWriter, _ *http.Request, _ identity) {
	text, err := s.config()
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = io.WriteString(w, text) // the peer's loss
}

func (s *server) config() (string, error) {
	if s.Config == nil {
		return "", errNothing
	}
	return s.Config()
}

const maxKept = 500 // entries in a list

func (s *server) apiKept(w http.ResponseWriter, r *http.Request, _ identity) {
	if s.Quarantine == nil {
		fail(w, errNoVault)
		return
	}
	kept, err := s.Quarantine.List(r.Context(), maxKept)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, kept)
}

// entry returns an entry without its bytes.
func (s *server) entry(r *http.Request) (Kept, error) {
	if s.Quarantine == nil {
		return Kept{}, errNoVault
	}
	e, body, err := s.Quarantine.Open(r.Context(), r.PathValue("id"))
	if err != nil {
		return Kept{}, err
	}
	return e, body.Close()
}

func (s *server) apiEntry(w http.ResponseWriter, r *http.Request, _ identity) {
	e, err := s.entry(r)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, e)
}

// release hands the original out, as a file that no browser opens by itself.
func (s *server) release(w http.ResponseWriter, r *http.Request, id identity) {
	if s.Quarantine == nil {
		fail(w, errNoVault)
		return
	}
	e, body, err := s.Quarantine.Open(r.Context(), r.PathValue("id"))
	if err != nil {
		s.audit(r, id, "quarantine.release", oneLine(r.PathValue("id"), 64), err)
		fail(w, err)
		return
	}
	defer func() { _ = body.Close() }() // it was read
	attachment(w, e.Name, e.Size)
	n, err := io.Copy(w, body)
	if err == nil && n != e.Size {
		err = io.ErrUnexpectedEOF
	}
	s.audit(r, id, "quarantine.release", e.ID, err)
	if err != nil {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
}

func attachment(w http.ResponseWriter, name string, size int64) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition(name))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
}

func disposition(name string) string {
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": oneLine(name, 200)}); name != "" && d != "" {
		return d
	}
	return "attachment; filename=original"
}

func (s *server) remove(r *http.Request, id identity) error {
	err := errNoVault
	if s.Quarantine != nil {
		err = s.Quarantine.Remove(r.Context(), r.PathValue("id"))
	}
	s.audit(r, id, "quarantine.delete", oneLine(r.PathValue("id"), 64), err)
	return err
}

// reload does it, and puts it on record.
func (s *server) reload(r *http.Request, id identity) Reloaded {
	res := Reloaded{Problems: []string{errNothing.Error()}}
	if s.Reload != nil {
		res = s.Reload(r.Context())
	}
	var err error
	if !res.OK {
		err = errors.New("refused, nothing has changed")
		if len(res.Problems) > 0 {
			err = fmt.Errorf("refused, nothing has changed: %s", res.Problems[0])
		}
	}
	s.audit(r, id, "reload", "configuration", err)
	return res
}

func (s *server) apiReload(w http.ResponseWriter, r *http.Request, id identity) {
	res := s.reload(r, id)
	status := http.StatusOK
	if !res.OK {
		status = http.StatusUnprocessableEntity
	}
	writeJSON(w, status, res)
}

// apiTry looks at the body of the request; what it is said to be stands in the query.
func (s *server) apiTry(w http.ResponseWriter, r *http.Request, id identity) {
	q := r.URL.Query()
	res, err := s.try(r, id, Try{Name: q.Get("name"), URL: q.Get("url"), Direction: q.Get("as"), Type: r.Header.Get("Content-Type")}, r.Body)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, res)
}

// maxTry is the largest content that can be tried.
const maxTry = 16 << 20

func (s *server) try(r *http.Request, id identity, t Try, body io.Reader) (Tried, error) {
	if t.Direction != "request" {
		t.Direction = "response"
	}
	res, err := Tried{}, errNothing
	if s.Try != nil {
		res, err = s.Try(r.Context(), t, body)
	}
	s.audit(r, id, "try", oneLine(t.Name, 200), err)
	return res, err
}

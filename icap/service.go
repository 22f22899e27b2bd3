package icap

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Handler answers ICAP requests. ServeICAP must give one answer through w before
// it returns. It runs on the goroutine of the connection; a panic is contained,
// reported through Server.ErrorLog and answered with 500, or by cutting the
// connection when an answer had begun.
type Handler interface {
	ServeICAP(w *ResponseWriter, r *Request)
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(w *ResponseWriter, r *Request)

// ServeICAP calls f(w, r).
func (f HandlerFunc) ServeICAP(w *ResponseWriter, r *Request) { f(w, r) }

// MaxISTag is the longest ISTag that RFC 3507 section 4.7 allows, without quotes.
const MaxISTag = 32

// Service is what one URI offers. It answers OPTIONS by itself and hands the
// methods that it lists to its Handler, with its ISTag on every answer. It must
// not be changed while it serves.
type Service struct {
	// Name is the Service field of OPTIONS: who made this, which version.
	Name string
	// ID is the Service-ID field, "" to leave it out.
	ID string
	// Methods are REQMOD, RESPMOD or both. Clients expect one.
	Methods []string
	// Handler answers the methods.
	Handler Handler
	// ISTag returns the state of the service without quotes: signatures,
	// configuration. Nodes with equal state return equal tags. A tag of over
	// MaxISTag characters, or with characters other than letters, digits and
	// "-._~+/=:", is replaced by a digest of itself. Nil means a digest of Name.
	// It is called for each answer and from many goroutines.
	ISTag func() string
	// Preview is the number of bytes to ask for in OPTIONS; negative asks for no preview.
	Preview int
	// TransferPreview lists the file extensions previewed, "" meaning "*".
	// Transfer-Ignore is never sent: it would let files pass unseen.
	TransferPreview string
	// TTL is Options-TTL, in whole seconds; 0 means 60 s, negative leaves it out.
	TTL time.Duration
	// MaxConnections is the Max-Connections field; 0 leaves it out, as Squid
	// divides it among its workers.
	MaxConnections int
	// Allow206 and Trailers offer the two to clients; 204 is always offered.
	Allow206, Trailers bool
	// Include lists the fields of X-Include, for instance "X-Client-IP".
	Include []string
	// OptionsHeader is added to the OPTIONS answer.
	OptionsHeader Header
	// Permit decides who may use the service, for instance by RemoteAddr; others
	// are answered with 403. Nil permits all.
	Permit func(r *Request) bool
}

// ServeICAP answers OPTIONS, refuses other methods with 405, and calls Handler.
func (s *Service) ServeICAP(w *ResponseWriter, r *Request) {
	w.x.istag = s.istag()
	w.x.no206 = !s.Allow206
	if s.Permit != nil && !s.Permit(r) {
		_ = w.Error(StatusForbidden, "")
		return
	}
	if r.Method == MethodOptions {
		s.serveOptions(w, r)
		return
	}
	if s.Handler == nil || !slices.Contains(s.Methods, r.Method) {
		w.Header().Set("Methods", strings.Join(s.Methods, ", "))
		_ = w.Error(StatusMethodNotAllowed, "")
		return
	}
	s.Handler.ServeICAP(w, r)
}

func (s *Service) istag() string {
	tag := s.Name
	if s.ISTag != nil {
		tag = s.ISTag()
	}
	return normalISTag(tag)
}

var tagTable = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~+/=:", b) >= 0
	}
	return t
}()

func normalISTag(tag string) string {
	ok := tag != "" && len(tag) <= MaxISTag
	for i := 0; ok && i < len(tag); i++ {
		ok = tagTable[tag[i]]
	}
	if ok {
		return tag
	}
	sum := sha256.Sum256([]byte(tag))
	return hex.EncodeToString(sum[:MaxISTag/2])
}

func (s *Service) serveOptions(w *ResponseWriter, r *Request) {
	h := w.Header()
	h.Add("Date", time.Now().UTC().Format(dateFormat))
	h.Add("Methods", strings.Join(s.Methods, ", "))
	if s.Name != "" {
		h.Add("Service", s.Name)
	}
	if s.ID != "" {
		h.Add("Service-ID", s.ID)
	}
	switch {
	case s.TTL == 0:
		h.Add("Options-TTL", "60")
	case s.TTL > 0:
		h.Add("Options-TTL", strconv.FormatInt(int64(max(s.TTL/time.Second, 1)), 10))
	}
	if s.MaxConnections > 0 {
		h.Add("Max-Connections", strconv.Itoa(s.MaxConnections))
	}
	allow := "204"
	if s.Allow206 {
		allow += ", 206"
	}
	if s.Trailers && r.AllowTrailers {
		// Some clients refuse an Allow list that is not all numbers, so the
		// token goes only to those that know it.
		allow += ", trailers"
	}
	h.Add("Allow", allow)
	if s.Preview >= 0 {
		h.Add("Preview", strconv.Itoa(s.Preview))
		list := s.TransferPreview
		if list == "" {
			list = "*"
		}
		h.Add("Transfer-Preview", list)
	}
	if len(s.Include) > 0 {
		h.Add("X-Include", strings.Join(s.Include, ", "))
	}
	for name, value := range s.OptionsHeader.All() {
		h.Add(name, value)
	}
	_ = w.x.emptyAnswer(StatusOK, "")
}

// dateFormat is the IMF-fixdate of RFC 9110 section 5.6.7.
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// ServeMux routes by the path of the request URI, compared byte by byte. An
// unknown path is answered with 404. The zero value is ready for use; Handle
// may be called while it serves.
type ServeMux struct {
	mu       sync.Mutex // held by Handle
	services atomic.Pointer[map[string]*Service]
}

// NewServeMux returns an empty ServeMux.
func NewServeMux() *ServeMux { return new(ServeMux) }

// Handle binds a service to a path such as "/respmod", replacing an earlier one.
func (m *ServeMux) Handle(path string, s *Service) {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]*Service{path: s}
	if old := m.services.Load(); old != nil {
		next = maps.Clone(*old)
		next[path] = s
	}
	m.services.Store(&next)
}

// Service returns the service bound to path, or nil.
func (m *ServeMux) Service(path string) *Service {
	if services := m.services.Load(); services != nil {
		return (*services)[path]
	}
	return nil
}

// ServeICAP hands the request to its service.
func (m *ServeMux) ServeICAP(w *ResponseWriter, r *Request) {
	if s := m.Service(r.Service); s != nil {
		s.ServeICAP(w, r)
		return
	}
	_ = w.Error(StatusServiceNotFound, "")
}

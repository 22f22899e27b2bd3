package admin

import (
	"net/http"
)

// Learned is what has been learned of one API from its messages.
type Learned struct {
	API        string `json:"api"`
	Messages   int64  `json:"messages"`
	Left       int64  `json:"left_out"` // for want of room, or because they could not be read
	Operations int    `json:"operations"`
}

// Learning is the shapes of messages that are kept for drafts of documents. They hold no values.
type Learning interface {
	// List returns what there is, in order.
	List() []Learned
	// Summary returns the shapes of an API, to be sent as JSON; ErrNotFound for one that nothing is known of.
	Summary(api string) (any, error)
	// Forget lets go of them; ErrNotFound as above.
	Forget(api string) error
}

// learning adds the routes of /api/v1/learn.
func (s *server) learning(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/learn", s.look(func(w http.ResponseWriter, _ *http.Request, _ identity) {
		list := []Learned{}
		if s.Learning != nil {
			list = append(list, s.Learning.List()...)
		}
		writeJSON(w, http.StatusOK, list)
	}))
	mux.HandleFunc("GET /api/v1/learn/{api}", s.look(func(w http.ResponseWriter, r *http.Request, _ identity) {
		if s.Learning == nil {
			fail(w, errNothing)
			return
		}
		sum, err := s.Learning.Summary(r.PathValue("api"))
		if err != nil {
			fail(w, err)
			return
		}
		writeJSON(w, http.StatusOK, sum)
	}))
	mux.HandleFunc("DELETE /api/v1/learn/{api}", s.change("learn.forget", func(w http.ResponseWriter, r *http.Request, id identity) {
		err := errNothing
		if s.Learning != nil {
			err = s.Learning.Forget(r.PathValue("api"))
		}
		s.audit(r, id, "learn.forget", oneLine(r.PathValue("api"), 64), err)
		if err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
}

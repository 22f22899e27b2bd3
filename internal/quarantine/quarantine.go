// Package quarantine keeps the originals of messages that were blocked or rewritten, with the report that says why,
// encrypted, so that somebody can look at them or release them later. What is in the vault is whole: a write that is
// interrupted leaves nothing.
package quarantine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Entry is what is known about one message in the vault, without its bytes.
type Entry struct {
	ID      string          `json:"id"` // the request id of the message
	Time    time.Time       `json:"time"`
	URL     string          `json:"url,omitempty"`
	Name    string          `json:"name,omitempty"` // file name that the message gave its body
	Type    string          `json:"type,omitempty"`
	Action  string          `json:"action"` // "block" or "rewrite"
	Verdict string          `json:"verdict"`
	Rule    string          `json:"rule,omitempty"`
	Report  json.RawMessage `json:"report,omitempty"` // the audit event
	Size    int64           `json:"size"`             // of the body, in bytes; set by the vault when it is listed
}

// Limits bound a vault. Zero means no limit. When a new entry would break one, the oldest entries go.
type Limits struct {
	Bytes int64         // of all entries as stored
	Count int           // of entries
	Age   time.Duration // of an entry

	// Recount is how old the picture of the store may be by which the limits are kept; what this process stores and
	// removes is in it at once. Zero asks the store for each new entry, which costs a fleet's store a listing each.
	Recount time.Duration
}

// Store holds named blobs. A blob is there when its writer was committed, and not before.
type Store interface {
	// Create returns a writer for a new blob of exactly size bytes, which works until ctx ends. Creating one that
	// exists is ErrExists, here or at commit.
	Create(ctx context.Context, id string, size int64) (Writer, error)
	// Open returns a blob's bytes. The error of one that does not exist is ErrNotFound.
	Open(ctx context.Context, id string) (io.ReadCloser, error)
	// List returns all blobs, in no order.
	List(ctx context.Context) ([]Blob, error)
	// Remove deletes a blob. Removing one that does not exist is no error.
	Remove(ctx context.Context, id string) error
}

// Writer writes one blob. Exactly one of Commit and Abort ends it.
type Writer interface {
	io.Writer
	Commit() error
	Abort()
}

// Blob is one item of Store.List.
type Blob struct {
	ID   string
	Size int64
	Time time.Time // when it was written
}

// The errors of a vault.
var (
	ErrNotFound = errors.New("quarantine: no such entry")
	ErrExists   = errors.New("quarantine: an entry of this id is there already")
	ErrTooLarge = errors.New("quarantine: larger than the whole vault may be")
	ErrID       = errors.New("quarantine: not an id")
	ErrDamaged  = errors.New("quarantine: the entry is damaged, or was encrypted with another key")
)

// Vault is an encrypted store with limits. It may be used from many goroutines. Limits hold for all processes that
// share the store, as far as Limits.Recount lets each see the others, but two of them may each remove what the other
// would have kept.
type Vault struct {
	store  Store
	key    []byte
	limits Limits
	now    func() time.Time
	probe  string // name of what Probe writes

	mu      sync.Mutex // one at a time makes room
	index   []Blob     // what is in the store, the oldest first; nil if that must be asked
	counted time.Time  // when it was asked
}

// New returns a vault in the store. The key has KeySize bytes.
func New(store Store, key []byte, limits Limits) (*Vault, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("quarantine: a key of %d bytes, not %d", len(key), KeySize)
	}
	return &Vault{store: store, key: slices.Clone(key), limits: limits, now: time.Now, probe: "probe-" + rand.Text()}, nil
}

// validID keeps ids from being paths. Request ids are of this kind.
var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Put stores a message. body yields its original bytes, size of them. The entry is there when Put returns nil, and
// not at all when it returns an error.
func (v *Vault) Put(ctx context.Context, e Entry, body io.Reader, size int64) error {
	if !validID.MatchString(e.ID) {
		return ErrID
	}
	e.Size = size
	head, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	sealed := sealedSize(int64(len(head)), size)
	if err := v.makeRoom(ctx, sealed); err != nil {
		return err
	}
	w, err := v.store.Create(ctx, e.ID, sealed)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	n, err := seal(w, v.key, head, body)
	if err == nil && n != size {
		err = fmt.Errorf("quarantine: a body of %d bytes, of which %d were announced", n, size)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		w.Abort()
		return err
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.index != nil {
		v.index = append(v.index, Blob{ID: e.ID, Size: sealed, Time: v.now()})
	}
	return nil
}

// makeRoom removes the oldest entries until one of this size fits.
func (v *Vault) makeRoom(ctx context.Context, size int64) error {
	if v.limits.Bytes > 0 && size > v.limits.Bytes {
		return ErrTooLarge
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.limits.Bytes == 0 && v.limits.Count == 0 && v.limits.Age == 0 {
		return nil
	}
	if err := v.recount(ctx); err != nil {
		return err
	}
	total, count := size, len(v.index)+1
	for _, b := range v.index {
		total += b.Size
	}
	for len(v.index) > 0 {
		b := v.index[0]
		old := v.limits.Age > 0 && v.now().Sub(b.Time) > v.limits.Age
		if !old && (v.limits.Bytes == 0 || total <= v.limits.Bytes) && (v.limits.Count == 0 || count <= v.limits.Count) {
			break
		}
		if err := v.store.Remove(ctx, b.ID); err != nil {
			v.index = nil
			return fmt.Errorf("quarantine: %w", err)
		}
		v.index = v.index[1:]
		total -= b.Size
		count--
	}
	return nil
}

// recount asks the store what it has, unless that is known well enough. It is called with the lock held.
func (v *Vault) recount(ctx context.Context) error {
	if v.index != nil && v.limits.Recount > 0 && v.now().Sub(v.counted) < v.limits.Recount {
		return nil
	}
	v.index = nil
	blobs, err := v.store.List(ctx)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	slices.SortFunc(blobs, func(a, b Blob) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	v.index, v.counted = append([]Blob{}, blobs...), v.now() // never nil
	return nil
}

// Expire removes entries that are older than the limit. It is for a timer; Put does the same when it makes room.
func (v *Vault) Expire(ctx context.Context) error { return v.makeRoom(ctx, 0) }

// listers is how many entries List reads at one time: a store may be a network away.
const listers = 16

// Listing is what List found.
type Listing struct {
	Entries []Entry // the newest first
	Damaged int     // of those that were read, how many are damaged or were encrypted with another key

	// What the store holds, whether it was read or not, and the limits of that.
	Count  int
	Bytes  int64
	Limits Limits
}

// List reads at most limit entries, the newest. Those that are damaged are left out and counted; a store that fails is
// an error.
func (v *Vault) List(ctx context.Context, limit int) (Listing, error) {
	blobs, err := v.store.List(ctx)
	if err != nil {
		return Listing{}, fmt.Errorf("quarantine: %w", err)
	}
	out := Listing{Count: len(blobs), Limits: v.limits}
	for _, b := range blobs {
		out.Bytes += b.Size
	}
	slices.SortFunc(blobs, func(a, b Blob) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID)) })
	blobs = blobs[:min(len(blobs), limit)]
	found, errs := make([]Entry, len(blobs)), make([]error, len(blobs))
	places := make(chan struct{}, listers)
	var wg sync.WaitGroup
	for i, b := range blobs {
		places <- struct{}{}
		wg.Go(func() {
			found[i], errs[i] = v.Get(ctx, b.ID)
			<-places
		})
	}
	wg.Wait()
	for i, err := range errs {
		switch {
		case errors.Is(err, ErrNotFound): // removed meanwhile
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrID):
			out.Damaged++
		case err != nil:
			return Listing{}, err
		default:
			out.Entries = append(out.Entries, found[i])
		}
	}
	return out, nil
}

// Probe writes a blob with size bytes of content and removes it: unlike Check, it finds a store that is full, or may only
// be read. It removes no entry to make room. Only one caller at a time may probe a vault. What an interrupted probe leaves
// is an entry like others, named probe-*, which the next one removes.
func (v *Vault) Probe(ctx context.Context, size int64) error {
	head, err := json.Marshal(Entry{ID: v.probe, Time: v.now(), Size: size})
	if err == nil {
		err = v.Check(ctx)
	}
	if err == nil {
		err = v.store.Remove(ctx, v.probe)
	}
	if err == nil {
		err = v.writeProbe(ctx, head, size)
	}
	if err == nil {
		err = v.store.Remove(ctx, v.probe)
	}
	if err != nil {
		return fmt.Errorf("quarantine: a probe: %w", err)
	}
	return nil
}

func (v *Vault) writeProbe(ctx context.Context, head []byte, size int64) error {
	w, err := v.store.Create(ctx, v.probe, sealedSize(int64(len(head)), size))
	if err != nil {
		return err
	}
	if _, err = seal(w, v.key, head, bytes.NewReader(make([]byte, size))); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}

// Check asks the store what it has. That it can be written to is not known from that, see Probe.
func (v *Vault) Check(ctx context.Context) error {
	if _, err := v.store.List(ctx); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// Get returns one entry without its bytes.
func (v *Vault) Get(ctx context.Context, id string) (Entry, error) {
	e, r, err := v.Open(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	return e, r.Close()
}

// Open returns one entry and a reader of its original bytes. The reader reports ErrDamaged instead of bytes that are
// not what was stored; a reader that came to io.EOF has yielded all of them.
func (v *Vault) Open(ctx context.Context, id string) (Entry, io.ReadCloser, error) {
	if !validID.MatchString(id) {
		return Entry{}, nil, ErrID
	}
	f, err := v.store.Open(ctx, id)
	if err != nil {
		return Entry{}, nil, err
	}
	head, body, err := unseal(f, v.key)
	var e Entry
	if err == nil {
		if err = json.NewDecoder(bytes.NewReader(head)).Decode(&e); err != nil {
			err = ErrDamaged
		}
	}
	if err != nil {
		return Entry{}, nil, errors.Join(err, f.Close())
	}
	if e.ID != id { // a file that was moved is not the entry that it claims to be
		return Entry{}, nil, errors.Join(ErrDamaged, f.Close())
	}
	return e, struct {
		io.Reader
		io.Closer
	}{body, f}, nil
}

// Remove deletes an entry. ErrNotFound says that there was none.
func (v *Vault) Remove(ctx context.Context, id string) error {
	if !validID.MatchString(id) {
		return ErrID
	}
	r, err := v.store.Open(ctx, id)
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	if err := v.store.Remove(ctx, id); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.index = slices.DeleteFunc(v.index, func(b Blob) bool { return b.ID == id })
	return nil
}

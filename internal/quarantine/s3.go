package quarantine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"icapd/internal/secret"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Options say where an S3 store is.
type S3Options struct {
	Endpoint string // https://HOST[:PORT] or http://HOST[:PORT]; the service, without the bucket
	Bucket   string // must be there
	Prefix   string // of all keys, such as "icapd/"; "" for none
	Region   string // "" means us-east-1, which is what servers that know no regions take

	// AccessKeyFile and SecretKeyFile hold one key each. They are read again every minute, so that keys can be changed
	// without a restart.
	AccessKeyFile string
	SecretKeyFile string

	TLS *tls.Config // nil: the system's certificates
}

// S3 is a Store in a bucket of an S3-compatible service, one object a blob. It signs with signature version 4. An
// object is there when it is whole: small ones are one request, large ones a multipart upload that is completed at
// commit. It implements Store and may be used from many goroutines; its ctx and time-outs are the callers'.
type S3 struct {
	core   minio.Core
	bucket string
	prefix string
	stale  time.Duration // how old an upload is that nobody will complete
}

const (
	s3Dial    = 5 * time.Second
	s3Header  = 30 * time.Second // for the head of an answer
	s3Part    = 8 << 20          // of a multipart upload; one is held in memory
	s3Retries = 1                // attempts: the Keeper tries again, and people can
	s3Stale   = 24 * time.Hour   // how old an upload is that nobody will complete

	// firstRange is what Open asks for at first: enough for the head of all entries but very few, so that a list of
	// them does not begin to transfer every original.
	firstRange = 128 << 10
)

// OpenS3 returns a store. It asks nobody: that the service cannot be reached is no error. Options that cannot be used
// are one.
func OpenS3(opt S3Options) (*S3, error) {
	u, err := url.Parse(opt.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return nil, fmt.Errorf("quarantine: the endpoint is not a URL such as https://s3.example:9000")
	}
	if opt.Region == "" {
		opt.Region = "us-east-1"
	}
	keys := &keyFiles{access: opt.AccessKeyFile, secret: opt.SecretKeyFile}
	if _, err := keys.Retrieve(); err != nil {
		return nil, err
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.New(keys), Secure: u.Scheme == "https", Region: opt.Region, MaxRetries: s3Retries,
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: s3Dial}).DialContext, TLSHandshakeTimeout: s3Dial, TLSClientConfig: opt.TLS,
			ResponseHeaderTimeout: s3Header, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: listers, DisableCompression: true,
			ForceAttemptHTTP2: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return &S3{core: *core, bucket: opt.Bucket, prefix: opt.Prefix, stale: s3Stale}, nil
}

// keyFiles are credentials in two files.
type keyFiles struct {
	access, secret string
	read           time.Time
}

const keyAge = time.Minute

// Retrieve implements credentials.Provider.
func (k *keyFiles) Retrieve() (credentials.Value, error) {
	id, err := secret.Read(k.access)
	if err != nil {
		return credentials.Value{}, fmt.Errorf("quarantine: %w", err)
	}
	key, err := secret.Read(k.secret)
	if err != nil {
		return credentials.Value{}, fmt.Errorf("quarantine: %w", err)
	}
	k.read = time.Now()
	return credentials.Value{AccessKeyID: id, SecretAccessKey: key, SignerType: credentials.SignatureV4}, nil
}

// RetrieveWithCredContext implements credentials.Provider.
func (k *keyFiles) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return k.Retrieve()
}

// IsExpired implements credentials.Provider.
func (k *keyFiles) IsExpired() bool { return time.Since(k.read) > keyAge }

func (s *S3) key(id string) string { return s.prefix + id + blobSuffix }

// explain says in one line what the service answered, and nothing of the request.
func explain(err error) error {
	if e := minio.ToErrorResponse(err); e.Code != "" && e.StatusCode != 0 {
		return fmt.Errorf("%s (%s, HTTP %d)", strings.TrimSuffix(e.Message, "."), e.Code, e.StatusCode)
	}
	return err
}

// absent reports whether the service says that there is no such object. Other answers of status 404 say that there is
// no bucket or no user, which is no reason to take an entry for removed.
func absent(err error) bool { return minio.ToErrorResponse(err).Code == minio.NoSuchKey }

// Create implements Store.
func (s *S3) Create(ctx context.Context, id string, size int64) (Writer, error) {
	switch _, err := s.core.StatObject(ctx, s.bucket, s.key(id), minio.StatObjectOptions{}); {
	case err == nil:
		return nil, ErrExists
	case !absent(err):
		return nil, explain(err)
	}
	r, pipe := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	w := &s3Writer{pipe: pipe, cancel: cancel, done: make(chan error, 1)}
	go func() {
		_, err := s.core.Client.PutObject(ctx, s.bucket, s.key(id), r, size, minio.PutObjectOptions{
			PartSize: s3Part, NumThreads: 1, ContentType: "application/octet-stream",
		})
		if err == nil {
			err = drained(r)
		} else {
			err = explain(err)
		}
		_ = r.CloseWithError(errors.Join(errUploadEnded, err)) // a writer that still writes learns of it
		w.done <- err
	}()
	return w, nil
}

var errUploadEnded = errors.New("the upload has ended")

// drained makes sure that nothing was written beyond the size that was promised.
func drained(r io.Reader) error {
	if n, err := r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return errors.New("more was written than promised")
	}
	return nil
}

// s3Writer hands bytes to an upload. The last ones that were written are held back until the commit, because a
// service completes an object with its last byte.
type s3Writer struct {
	pipe   *io.PipeWriter
	held   []byte
	cancel context.CancelFunc
	done   chan error
}

// Write implements io.Writer.
func (w *s3Writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if _, err := w.pipe.Write(w.held); err != nil {
		return 0, err
	}
	w.held = append(w.held[:0], p...)
	return len(p), nil
}

// Commit implements Writer.
func (w *s3Writer) Commit() error {
	_, werr := w.pipe.Write(w.held)
	_ = w.pipe.Close() // never fails, by its contract
	err := w.end()
	if err == nil && werr != nil {
		err = werr
	}
	return err
}

// end waits until the upload is over.
func (w *s3Writer) end() error {
	defer w.cancel()
	return <-w.done
}

// Abort implements Writer. It waits until the service was told.
func (w *s3Writer) Abort() {
	_ = w.pipe.CloseWithError(context.Canceled) // never fails, by its contract
	_ = w.end()                                 // how it ended is of no matter
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, id string) (io.ReadCloser, error) {
	var opt minio.GetObjectOptions
	if err := opt.SetRange(0, firstRange-1); err != nil {
		return nil, err
	}
	body, info, head, err := s.core.GetObject(ctx, s.bucket, s.key(id), opt)
	switch {
	case err != nil && absent(err):
		return nil, ErrNotFound
	case minio.ToErrorResponse(err).Code == "InvalidRange":
		return nil, ErrDamaged // nothing is in it
	case err != nil:
		return nil, explain(err)
	}
	r := &s3Reader{ReadCloser: body, ctx: ctx, s: s, id: id, etag: info.ETag, total: -1}
	if _, total, ok := strings.Cut(head.Get("Content-Range"), "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil && n > firstRange {
			r.total = n
		}
	}
	return r, nil
}

// s3Reader yields an object: what was asked for at first, and then the rest of the same object.
type s3Reader struct {
	io.ReadCloser
	ctx   context.Context //nolint:containedctx // of Open, whose contract it is to bound the reading too
	s     *S3
	id    string
	etag  string
	total int64 // if there is more to ask for, else -1
}

// Read implements io.Reader.
func (r *s3Reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, fmt.Errorf("%v", err) // not wrapped: a connection that ends early must not pass for the end
	case r.total < 0 || n > 0:
		if n > 0 {
			err = nil
		}
		return n, err
	}
	if err := r.rest(); err != nil {
		return 0, err
	}
	return r.Read(p)
}

func (r *s3Reader) rest() error {
	var opt minio.GetObjectOptions
	if err := errors.Join(opt.SetRange(firstRange, r.total-1), opt.SetMatchETag(r.etag)); err != nil {
		return err
	}
	r.total = -1
	body, _, _, err := r.s.core.GetObject(r.ctx, r.s.bucket, r.s.key(r.id), opt)
	if err != nil {
		return explain(err)
	}
	_ = r.Close() // it was read
	r.ReadCloser = body
	return nil
}

// List implements Store.
func (s *S3) List(ctx context.Context) ([]Blob, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the listing where it is left early
	defer cancel()
	var blobs []Blob
	for o := range s.core.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, explain(o.Err)
		}
		id, ours := strings.CutSuffix(strings.TrimPrefix(o.Key, s.prefix), blobSuffix)
		if ours && validID.MatchString(id) {
			blobs = append(blobs, Blob{ID: id, Size: o.Size, Time: o.LastModified})
		}
	}
	return blobs, nil
}

// Remove implements Store.
func (s *S3) Remove(ctx context.Context, id string) error {
	if err := s.core.RemoveObject(ctx, s.bucket, s.key(id), minio.RemoveObjectOptions{}); err != nil && !absent(err) {
		return explain(err)
	}
	return nil
}

// Clean gives up uploads that interrupted processes have left: parts that no list shows, and that cost room. Those of
// the last day are left alone, because others may be at work on them.
func (s *S3) Clean(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for u := range s.core.ListIncompleteUploads(ctx, s.bucket, s.prefix, true) {
		if u.Err != nil {
			return explain(u.Err)
		}
		if time.Since(u.Initiated) < s.stale {
			continue
		}
		if err := s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID); err != nil {
			return explain(err)
		}
	}
	return nil
}

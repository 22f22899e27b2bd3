package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"icapd/icap"

	"github.com/spf13/cobra"
)

// prober is one run of the command.
type prober struct {
	*cli
	file, output                      string
	reqmod, health, conformance, json bool
	no204, insecure                   bool
	preview                           int
	ca, cert, key, serverName         string
	httpURL, contentType              string
	headers                           []string
	timeout                           time.Duration
	suite                             suite
}

func (c *cli) probeCommand() *cobra.Command {
	p := &prober{cli: c}
	cmd := &cobra.Command{
		Use:   "probe [flags] URL",
		Short: "talk to an ICAP server: OPTIONS, then a message",
		Long: `Asks the service at URL (icap://host[:1344]/service or icaps://host[:11344]/service) for its options, sends it a
message, and prints status, headers and timing. It works with any ICAP server.

Exit codes: 0 answered; 1 an ICAP error, not healthy, or not conformant; 2 usage, or no answer.
With --health: 0 healthy, 1 not.`,
		Example: `  icapd probe icap://127.0.0.1:1344/respmod --file report.docx
  icapd probe icap://127.0.0.1:1344/respmod --health
  icapd probe icap://127.0.0.1:1344/respmod --conformance`,
		Args: oneArg("which service? icapd probe icap://127.0.0.1:1344/respmod"),
		RunE: func(_ *cobra.Command, args []string) error { return p.run(context.Background(), args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&p.file, "file", "", "`FILE` to send as the body (- is standard input); without one, a small JSON document")
	f.StringVarP(&p.output, "output", "o", "", "write the body of the answer to `FILE` (- is standard output)")
	f.BoolVar(&p.reqmod, "reqmod", false, "send a request (REQMOD) instead of a response (RESPMOD)")
	f.IntVar(&p.preview, "preview", icap.PreviewFromOptions, "`BYTES` of preview; -1 for none; without the flag, what the service asks for")
	f.BoolVar(&p.no204, "no-204", false, "do not allow 204: the service must send the message back (to a preview it may still answer 204; --preview -1 sends none)")
	f.StringVar(&p.httpURL, "http-url", "http://api.example/v1/items", "`URL` of the HTTP message")
	f.StringVar(&p.contentType, "content-type", "", "Content-Type `TYPE` of the HTTP message; without one, by the file's name")
	f.StringArrayVar(&p.headers, "header", nil, "another ICAP `FIELD: VALUE`; may be repeated")
	f.StringVar(&p.ca, "tls-ca", "", "PEM `FILE` of the CAs to believe, for icaps; without one, the system's")
	f.StringVar(&p.cert, "tls-cert", "", "PEM `FILE` of a certificate to show")
	f.StringVar(&p.key, "tls-key", "", "PEM `FILE` of its key")
	f.StringVar(&p.serverName, "tls-server-name", "", "`NAME` to look for in the server's certificate")
	f.BoolVar(&p.insecure, "tls-insecure", false, "do not verify the server's certificate")
	f.DurationVar(&p.timeout, "timeout", 30*time.Second, "for all of it; with --conformance, for each step (and then 5s if not given)")
	f.BoolVar(&p.health, "health", false, "only say by the exit code whether the service answers OPTIONS: 0 or 1")
	f.BoolVar(&p.conformance, "conformance", false, "run the conformance suite against the server")
	f.BoolVar(&p.json, "json", false, "with --conformance: one JSON object a case")
	p.suite.flags(f)
	f.Lookup("preview").DefValue = "0" // is not shown: the true one means nothing to people
	f.Lookup("fixture").DefValue = ""
	cmd.MarkFlagsMutuallyExclusive("health", "conformance")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		if p.conformance && !cmd.Flags().Changed("timeout") {
			p.timeout = 5 * time.Second
		}
	}
	return cmd
}

func (p *prober) run(ctx context.Context, rawURL string) error {
	u, err := serviceURL(rawURL)
	if err != nil {
		return failWith(err)
	}
	if p.preview < icap.NoPreview && p.preview != icap.PreviewFromOptions {
		return fail("--preview %d: bytes, or -1 for none", p.preview)
	}
	tlsConfig, err := p.tls()
	if err != nil {
		return failWith(err)
	}
	if p.conformance {
		return p.conform(ctx, u, tlsConfig)
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	client := &icap.Client{TLS: tlsConfig, DialTimeout: p.timeout, IOTimeout: p.timeout, UserAgent: "icapd/" + p.version}
	defer func() { _ = client.Close() }()
	options, err := client.Options(ctx, u.String())
	if p.health {
		if err != nil {
			return &exit{exitFound, fmt.Errorf("not healthy: %w", unreachable(err))}
		}
		return nil
	}
	if err != nil {
		return failWith(unreachable(err))
	}
	p.printOptions(u.String(), options)
	return p.message(ctx, client, u.String())
}

// unreachable says what to look at when nobody listens, or not to this service.
func unreachable(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w (does an ICAP server run there?)", err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("%w (is it a port without TLS? Then icap:// is its scheme)", err)
	}
	if strings.Contains(err.Error(), "not an ICAP answer") || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w (does something else listen there: HTTP, the admin address, or ICAP over TLS, which is icaps://?)", err)
	}
	if icap.StatusOf(err) == icap.StatusServiceNotFound {
		return fmt.Errorf("%w (of an icapd: /respmod, /reqmod, /echo, and what its configuration names under services)", err)
	}
	return err
}

// serviceURL checks the URL of a service.
func serviceURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "icap" && u.Scheme != "icaps") {
		return nil, fmt.Errorf("%q: wants a URL such as icap://127.0.0.1:1344/respmod", raw)
	}
	return u, nil
}

func (p *prober) tls() (*tls.Config, error) {
	config := &tls.Config{ServerName: p.serverName, MinVersion: tls.VersionTLS12, InsecureSkipVerify: p.insecure} //nolint:gosec // G402: only where the user says so
	var err error
	if p.ca != "" {
		if config.RootCAs, err = loadPool(p.ca); err != nil {
			return nil, err
		}
	}
	if p.cert != "" {
		pair, err := tls.LoadX509KeyPair(p.cert, p.key)
		if err != nil {
			return nil, plain(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (p *prober) printOptions(url string, o *icap.Options) {
	say(p.out, "OPTIONS %s\n", url)
	say(p.out, "  methods %s, ISTag %s, TTL %s\n", strings.Join(o.Methods, " "), o.ISTag, o.TTL)
	var offers []string
	for _, it := range []struct {
		name string
		yes  bool
	}{{"204", o.Allow204}, {"206", o.Allow206}, {"trailers", o.AllowTrailers}} {
		if it.yes {
			offers = append(offers, it.name)
		}
	}
	preview := "none"
	if o.Preview != icap.NoPreview {
		preview = strconv.Itoa(o.Preview)
	}
	say(p.out, "  preview %s, allows %s\n", preview, strings.Join(offers, " "))
	printHeader(p.out, o.Header)
}

func printHeader(w io.Writer, h icap.Header) {
	for name, value := range h.All() {
		say(w, "    %s: %s\n", name, strings.ReplaceAll(strings.ReplaceAll(value, "\r", ""), "\n", "\n      "))
	}
}

// message sends one message and prints the answer.
func (p *prober) message(ctx context.Context, client *icap.Client, url string) error {
	req, done, err := p.request(url)
	if err != nil {
		return failWith(plain(err))
	}
	defer done()
	start := time.Now()
	resp, err := client.Do(ctx, req)
	if err != nil {
		return fail("%s %s: %w", req.Method, url, err)
	}
	say(p.out, "%s %s\n  %d %s\n", req.Method, url, resp.Status, resp.Reason)
	printHeader(p.out, resp.Header)
	if !resp.Unmodified {
		for _, h := range []*icap.Head{resp.HTTPRequest, resp.HTTPResponse} {
			if h != nil {
				say(p.out, "  %s\n", strings.ReplaceAll(strings.TrimSpace(h.Raw()), "\r\n", "\n    "))
			}
		}
	}
	n, err := p.body(resp)
	if err != nil {
		return fail("the body of the answer: %w", err)
	}
	if resp.Unmodified {
		say(p.out, "  not modified\n")
	} else {
		say(p.out, "  body: %d bytes\n", n)
	}
	if trailers := resp.Trailer(); trailers.Len() > 0 {
		say(p.out, "  trailers:\n")
		printHeader(p.out, trailers)
	}
	t := resp.Timing
	say(p.out, "  time: connected %s, preview sent %s, first byte %s, all %s; 100 Continue: %v\n",
		round(t.Connected), round(t.PreviewSent), round(t.FirstByte), round(time.Since(start)), resp.Continued)
	if resp.Status >= 400 {
		return &exit{code: exitFound}
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// body takes the answer's body, and returns its size.
func (p *prober) body(resp *icap.ClientResponse) (int64, error) {
	if resp.Body == nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	switch p.output {
	case "":
		return io.Copy(io.Discard, resp.Body)
	case stdin:
		return io.Copy(p.out, resp.Body)
	}
	f, err := createAtomic(p.output)
	if err != nil {
		return 0, err
	}
	defer f.abandon()
	n, err := io.Copy(f, resp.Body)
	return n, errors.Join(err, f.commit())
}

// request makes the message.
func (p *prober) request(rawURL string) (req *icap.ClientRequest, done func(), err error) {
	done = func() {}
	target, err := url.Parse(p.httpURL)
	if err != nil || target.Host == "" {
		return nil, done, fmt.Errorf("--http-url %q: not an absolute URL", p.httpURL)
	}
	req = &icap.ClientRequest{Method: "RESPMOD", URL: rawURL, Preview: p.preview, No204: p.no204, No206: p.no204}
	for _, h := range p.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, done, fmt.Errorf("--header %q: wants FIELD: VALUE", h)
		}
		req.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	const sample = `{"message":"hello"}` + "\n"
	size, contentType := int64(len(sample)), "application/json"
	req.Body = strings.NewReader(sample)
	req.GetBody = func() (io.Reader, error) { return strings.NewReader(sample), nil }
	switch p.file {
	case "":
	case stdin:
		req.Body, req.GetBody, size, contentType = p.in, nil, -1, "application/octet-stream"
	default:
		f, err := os.Open(p.file)
		if err != nil {
			return nil, done, err
		}
		done = func() { _ = f.Close() }
		info, err := f.Stat()
		if err != nil {
			return nil, done, err
		}
		size, contentType = info.Size(), mime.TypeByExtension(filepath.Ext(p.file))
		req.Body = f
		req.GetBody = func() (io.Reader, error) { return io.NewSectionReader(f, 0, info.Size()), nil }
	}
	p.heads(req, target, size, contentType)
	return req, done, nil
}

// heads adds the HTTP heads.
func (p *prober) heads(req *icap.ClientRequest, target *url.URL, size int64, contentType string) {
	var entity []icap.Field
	if p.contentType != "" {
		contentType = p.contentType
	}
	if contentType != "" {
		entity = append(entity, icap.Field{Name: "Content-Type", Value: contentType})
	}
	if size >= 0 {
		entity = append(entity, icap.Field{Name: "Content-Length", Value: strconv.FormatInt(size, 10)})
	}
	fields := []icap.Field{{Name: "Host", Value: target.Host}, {Name: "Accept", Value: "application/json, */*"}}
	if p.reqmod {
		req.Method = "REQMOD"
		req.HTTPRequest = icap.NewRequestHead("POST", target.String(), append(fields, entity...)...)
		return
	}
	req.HTTPRequest = icap.NewRequestHead("GET", target.String(), fields...)
	req.HTTPResponse = icap.NewResponseHead(200, entity...)
}

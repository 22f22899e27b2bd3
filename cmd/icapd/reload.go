package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"icapd/conf"
	"icapd/internal/admin"
	"icapd/internal/event"

	"github.com/spf13/cobra"
)

// adminClient is how commands reach the admin address of a running icapd.
type adminClient struct {
	cli       *cli
	url       string
	tokenFile string
	ca        string
}

func (a *adminClient) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.tokenFile, "token-file", "", "`FILE` with the admin token; without it the environment's ICAPD_TOKEN")
	cmd.Flags().StringVar(&a.ca, "admin-ca", "", "PEM `FILE` with the CA of the admin address")
}

// token reads the token; none is no error.
func (a *adminClient) token() (string, error) {
	if a.tokenFile == "" {
		return os.Getenv("ICAPD_TOKEN"), nil
	}
	text, err := os.ReadFile(a.tokenFile)
	return strings.TrimSpace(string(text)), err
}

// base is the admin URL: as given, else that of the configuration, which may have other mistakes.
func (a *adminClient) base() string {
	if a.url != "" {
		return strings.TrimSuffix(a.url, "/")
	}
	config, _ := conf.Load(a.cli.conf) // what is wrong with it is the running icapd's to say
	host, port, err := net.SplitHostPort(config.Admin.Address)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if config.Admin.TLS.Enabled() {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// do sends a request. timeout bounds the wait for the head of the answer.
func (a *adminClient) do(ctx context.Context, method, url string, timeout time.Duration) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("X-ICAPD-Request", "1")
	transport := &http.Transport{ResponseHeaderTimeout: timeout, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	if a.ca != "" {
		pool, err := loadPool(a.ca)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		err = fmt.Errorf("%w (does icapd run, and is this its admin address?)", err)
	case err == nil && resp.StatusCode == http.StatusUnauthorized:
		_ = resp.Body.Close() // it says no more
		what := "the token is not one of this icapd"
		if token == "" {
			what = "it wants a token"
		}
		return nil, fmt.Errorf("%s: %s: --token-file FILE, or ICAPD_TOKEN in the environment", url, what)
	}
	return resp, err
}

func (c *cli) reloadCommand() *cobra.Command {
	a := &adminClient{cli: c}
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "make a running icapd read its configuration, rules and certificates again",
		Long: `Asks the admin address of a running icapd to read everything again, and waits until it has. If anything is wrong
nothing changes, and what is wrong is printed.

Exit codes: 0 reloaded; 1 refused, nothing has changed; 2 usage, or icapd could not be asked.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := interruptible()
			defer stop()
			return c.reload(ctx, a)
		},
	}
	c.configFlags(cmd)
	a.flags(cmd)
	cmd.Flags().StringVar(&a.url, "admin", "", "`URL` of the admin address; without it, that of the configuration")
	return cmd
}

const maxReloadAnswer = 4 << 20

func (c *cli) reload(ctx context.Context, a *adminClient) error {
	base := a.base()
	if base == "" {
		return fail("reload: the configuration has no admin.address: kill -HUP does the same")
	}
	resp, err := a.do(ctx, http.MethodPost, base+"/api/v1/reload", 5*time.Minute)
	if err != nil {
		return failWith(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	body, err := readLimited(resp.Body, maxReloadAnswer)
	if err != nil {
		return failWith(err)
	}
	var res admin.Reloaded
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnprocessableEntity || json.Unmarshal(body, &res) != nil {
		return fail("reload: %s: %s: %s", base, resp.Status, errorIn(body))
	}
	if !res.OK {
		for _, p := range res.Problems {
			say(c.err, "icapd: %s\n", p)
		}
		say(c.err, "icapd: nothing has changed\n")
		return &exit{code: exitFound}
	}
	if len(res.Restart) > 0 {
		say(c.err, "icapd: note: a restart is needed for %s\n", strings.Join(res.Restart, ", "))
	}
	_, err = fmt.Fprintf(c.out, "reloaded: %s\n", cmp.Or(res.ISTag, "ok"))
	return err
}

// errorIn is the error in an answer of the admin address, as one line.
func errorIn(body []byte) string {
	var why struct{ Error string }
	if json.Unmarshal(body, &why) != nil || why.Error == "" {
		why.Error = string(body[:min(len(body), 300)])
	}
	return event.OneLine(strings.TrimSpace(why.Error), 200)
}

// readLimited reads all, up to limit.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	var b strings.Builder
	_, err := io.Copy(&b, io.LimitReader(r, limit))
	return []byte(b.String()), err
}

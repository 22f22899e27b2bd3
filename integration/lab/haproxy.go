package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// HAProxy is a running HAProxy in front of a fleet of icapd.
type HAProxy struct {
	*Proc
	Address string // HOST:PORT of ICAP
}

// URL is the address of a service of the fleet.
func (h *HAProxy) URL(service string) string { return "icap://" + h.Address + "/" + service }

// HAProxy starts HAProxy in TCP mode with the configuration of docs/scaling.md.
func (l *Lab) HAProxy(ctx context.Context, fleet ...*Icapd) (*HAProxy, error) {
	dir, err := l.folder("haproxy")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	var conf strings.Builder
	fmt.Fprintf(&conf, haproxyConf, addr(port))
	for i, it := range fleet {
		fmt.Fprintf(&conf, "    server node%d %s check addr 127.0.0.1 port %s inter 500ms fall 2 rise 1\n", i, it.Address, it.Admin[strings.LastIndexByte(it.Admin, ':')+1:])
	}
	file := filepath.Join(dir, "haproxy.cfg")
	if err := write(file, conf.String()); err != nil {
		return nil, err
	}
	h := &HAProxy{Address: addr(port)}
	h.Proc, err = l.Start(ctx, Command{
		Name: "haproxy", Dir: dir, Args: []string{"haproxy", "-db", "-f", file}, Ready: Answers(ctx, h.Address),
	})
	return h, err
}

const haproxyConf = `global
    log stdout format raw local0 notice
defaults
    mode tcp
    log global
    timeout connect 2s
    timeout client 120s
    timeout server 120s
    option redispatch 1
    retries 3
frontend icap
    bind %s
    default_backend icapd
backend icapd
    balance leastconn
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host localhost
`

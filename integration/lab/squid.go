package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// SquidConfig says what Squid does.
type SquidConfig struct {
	API     *API   // the origin: its name, its certificate, what stands behind the reverse proxy
	REQMOD  string // ICAP URLs, "" for none
	RESPMOD string
	Bypass  bool   // let traffic pass when the ICAP service is down
	Extra   string // lines for the end of squid.conf
	Root    string // "" is this system's Squid; else a Debian tree to run Squid in (chroot)
}

// Squid is a running Squid with three ports.
type Squid struct {
	*Proc
	CA *CA // signs what ssl-bump shows to clients

	forward, bump, reverse int
	dir                    string
}

// Squid starts Squid: as root, because Squid gives its rights to the user proxy by itself.
func (l *Lab) Squid(ctx context.Context, c SquidConfig) (*Squid, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("lab: Squid is started as root, and this is not")
	}
	dir, err := l.folder("squid")
	if err != nil {
		return nil, err
	}
	s := &Squid{dir: dir}
	for _, p := range []*int{&s.forward, &s.bump, &s.reverse} {
		if *p, err = FreePort(); err != nil {
			return nil, err
		}
	}
	if err := s.files(ctx, c); err != nil {
		return nil, err
	}
	l.addLog(filepath.Join(dir, "cache.log"))
	// The service name keeps the shared memory of Squids apart, and of those that were killed before.
	service := "lab" + strconv.Itoa(s.forward)
	l.onClose(func() error { return removeGlob(filepath.Join(c.Root, "/dev/shm", service+"-*")) })
	if c.Root != "" {
		l.onClose(func() error { return os.Remove(filepath.Join(c.Root, l.Dir)) }) // the mount point
	}
	s.Proc, err = l.Start(ctx, Command{
		Name: "squid", Dir: dir,
		Args:  inRoot(c.Root, l.Dir, "squid", "-N", "-n", service, "-f", filepath.Join(dir, "squid.conf")),
		Ready: Answers(ctx, addr(s.forward)),
	})
	return s, err
}

// inRoot wraps a command so that it runs in another system's tree with the lab's folder in its place. The
// mount is the process's own, so it is gone when the process is.
func inRoot(root, share string, args ...string) []string {
	if root == "" {
		return args
	}
	script := `mkdir -p "$1$2" && mount --bind "$2" "$1$2" && cd / && root=$1 && shift 2 && exec chroot "$root" "$@"`
	return append([]string{"unshare", "--mount", "sh", "-c", script, "sh", root, share}, args...)
}

func (s *Squid) files(ctx context.Context, c SquidConfig) (err error) {
	if s.CA, err = NewCA("Squid ssl-bump"); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"hosts":      "127.0.0.1 " + APIHost + "\n",
		"origin.crt": string(c.API.CA.CertPEM),
		"bump.pem":   string(s.CA.CertPEM) + string(s.CA.KeyPEM),
		"squid.conf": s.conf(c),
	} {
		if err := write(filepath.Join(s.dir, name), text); err != nil {
			return err
		}
	}
	certgen := inRoot(c.Root, filepath.Dir(s.dir), "/usr/lib/squid/security_file_certgen",
		"-c", "-s", filepath.Join(s.dir, "certs"), "-M", "4MB")
	if out, err := exec.CommandContext(ctx, certgen[0], certgen[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("lab: security_file_certgen: %w\n%s", err, out)
	}
	return chown(s.dir, "proxy")
}

func removeGlob(pattern string) error {
	files, err := filepath.Glob(pattern)
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// chown gives a tree to a user of this system.
func chown(dir, name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

func (s *Squid) conf(c SquidConfig) string {
	r := strings.NewReplacer("DIR", s.dir, "HOST", APIHost, "FORWARD", strconv.Itoa(s.forward),
		"BUMP", strconv.Itoa(s.bump), "REVERSE", strconv.Itoa(s.reverse), "ORIGIN", strconv.Itoa(c.API.HTTPS))
	var text strings.Builder
	text.WriteString(r.Replace(squidConf))
	bypass := "off"
	if c.Bypass {
		bypass = "on"
	}
	for _, v := range []struct{ name, point, url string }{
		{"reqmod", "reqmod_precache", c.REQMOD},
		{"respmod", "respmod_precache", c.RESPMOD},
	} {
		if v.url != "" {
			fmt.Fprintf(&text, "icap_enable on\nicap_send_client_ip on\nicap_service %s %s bypass=%s %s\n"+
				"adaptation_access %s allow all\n", v.name, v.point, bypass, v.url, v.name)
		}
	}
	return text.String() + c.Extra
}

// squidConf is the part that does not depend on ICAP. Squid's own marks (Via, X-Cache) are off, so that what
// is left of an answer is the origin's and icapd's.
const squidConf = `visible_hostname squid.test
pid_filename none
cache_effective_user proxy
cache deny all
pinger_enable off
hosts_file DIR/hosts
dns_nameservers 127.0.0.1
udp_incoming_address 127.0.0.1
shutdown_lifetime 1 seconds
access_log stdio:DIR/access.log
cache_log DIR/cache.log
coredump_dir DIR
via off
forwarded_for delete
reply_header_access X-Cache deny all
reply_header_access X-Cache-Lookup deny all
reply_header_access Cache-Status deny all

http_port 127.0.0.1:FORWARD
http_port 127.0.0.1:BUMP ssl-bump tls-cert=DIR/bump.pem generate-host-certificates=on dynamic_cert_mem_cache_size=4MB
http_port 127.0.0.1:REVERSE accel defaultsite=HOST no-vhost name=reverse
sslcrtd_program /usr/lib/squid/security_file_certgen -s DIR/certs -M 4MB
tls_outgoing_options cafile=DIR/origin.crt
acl step1 at_step SslBump1
ssl_bump peek step1
ssl_bump bump all

acl reverse myportname reverse
cache_peer 127.0.0.1 parent ORIGIN 0 no-query no-digest originserver name=api tls sslcafile=DIR/origin.crt ssldomain=HOST forceddomain=HOST
cache_peer_access api allow reverse
cache_peer_access api deny all
never_direct allow reverse
http_access allow all
`

// Explicit is the way through Squid as an ordinary proxy; https is tunnelled unseen.
func (s *Squid) Explicit() Route { return Route{Connect: addr(s.forward), Proxy: true} }

// Bumped is the way through Squid as a proxy that opens https.
func (s *Squid) Bumped() Route { return Route{Connect: addr(s.bump), Proxy: true, TLS: s.CA.Pool} }

// Reverse is the way through Squid that stands in front of the API. URLs name the API without a port.
func (s *Squid) Reverse() Route { return Route{Connect: addr(s.reverse)} }

// ProxyURL is the address of the ordinary proxy, or of the one that opens https, for curl.
func (s *Squid) ProxyURL(bump bool) string {
	if bump {
		return "http://" + addr(s.bump)
	}
	return "http://" + addr(s.forward)
}

// BumpCAFile is the certificate that clients of the bumping proxy must trust.
func (s *Squid) BumpCAFile() string { return filepath.Join(s.dir, "bump.pem") }

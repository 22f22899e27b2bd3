package sanitize

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// lookURL looks at the hosts and schemes of the URLs in a view.
func lookURL(l *look) {
	s := l.low
	for i := 0; i < len(s); {
		j := bytes.Index(s[i:], []byte(":/"))
		if j < 0 {
			break
		}
		colon := i + j
		start := colon
		for start > 0 && colon-start < 24 && (isWord(s[start-1]) || s[start-1] == '+' || s[start-1] == '-' || s[start-1] == '.') {
			start--
		}
		l.url(start, colon)
		i = colon + 2
	}
	if l.groups&groupHost != 0 {
		l.hosts()
		l.slashless()
		l.opaque()
	}
}

// hosts looks for names and addresses that need no URL around them to say where they lead.
func (l *look) hosts() {
	s := l.low
	for _, p := range []string{"metadata.google.internal", "instance-data/", "rancher-metadata", "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "169.254.170.2"} {
		if i := bytes.Index(s, []byte(p)); i >= 0 && (len(s) < 256 || i > 1 && s[i-1] == '/') {
			l.sign(signURLMetadata, i, i+len(p))
		}
	}
	if len(s) >= 512 {
		return
	}
	if bytes.HasPrefix(s, []byte("//")) && bytes.IndexByte(s, ' ') < 0 && !bytes.HasPrefix(s, []byte("///")) { // a URL without its scheme
		if host := hostOf(s); beginsAddress(host) || strings.HasPrefix(host, "[") || host == "localhost" {
			l.leads(host, "", s, 0, min(len(s), 64))
		}
	}
	for _, p := range rebinding {
		if i := bytes.Index(s, []byte(p)); i > 0 && (i+len(p) == len(s) || !isWord(s[i+len(p)])) {
			l.sign(signURLRebind, max(0, i-32), i+len(p))
		}
	}
}

// slashless looks at http:127.0.0.1 and http:\\127.0.0.1, which lenient clients take.
func (l *look) slashless() {
	s := l.low
	for _, p := range []string{"http:", "https:"} {
		hosts := hostCursor{s: s, end: -1, tab: -1, at: -1}
		for from := 0; ; {
			i := bytes.Index(s[from:], []byte(p))
			if i < 0 {
				break
			}
			from += i + len(p)
			l.charge(costURL)
			if from >= len(s) || !isDigit(s[from]) && (s[from] != '\\' || at(s, from+1) != '\\') {
				continue
			}
			if kind := judgeHost(hosts.host(from)); kind >= hostLoopback || s[from] == '\\' && kind == hostInternal {
				l.sign(signURLDisguised, from-len(p), min(len(s), from+40))
			}
		}
	}
}

// rebinding are names whose servers answer with any address that is asked for.
var rebinding = []string{".nip.io", ".xip.io", ".sslip.io", ".1u.ms", ".localtest.me", ".lvh.me", ".vcap.me", ".lacolhost.com", ".r3dir.me", ".rbndr.us", ".rebind.network", ".ip6.name", "localh.st", "spoofed.burpcollaborator.net", "localtest.me", "customer1.app.localhost.my.company.127.0.0.1.nip.io", ".localdomain.pw", "127-0-0-1", "ip6-localhost", "bugbounty.dod.network"}

// dangerousSchemes reach other protocols, files or streams of the program that fetches.
var dangerousSchemes = map[string]bool{
	"gopher": true, "dict": true, "tftp": true, "netdoc": true, "jar": true, "file": true, "php": true, "expect": true, "zip": true, "phar": true, "glob": true, "ogg": true, "rar": true,
	"compress.zlib": true, "compress.bzip2": true, "ssh2": true, "zlib": true, "ldap": true, "ldaps": true, "ldapi": true, "imap": true, "smb": true, "local_file": true, "view-source": true, "mailto+": true, "rmi": true, "telnet": true, "smtp": true, "pop3": true, "jar:file": true, "classpath": true, "vbscript": true, "data": true,
}

// url judges the URL whose scheme stands between start and colon.
func (l *look) url(start, colon int) {
	s := l.low
	scheme := string(s[start:colon])
	if ordinaryURL(scheme, s[colon:]) {
		return
	}
	l.charge(costURL)
	rest := s[colon+1:]
	double := bytes.HasPrefix(rest, []byte("//"))
	end := min(len(s), colon+64)
	if dangerousSchemes[scheme] && l.schemeCounts(scheme, start, rest) {
		l.sign(signURLScheme, start, end)
	}
	if !double && !strings.HasPrefix(scheme, "http") {
		return
	}
	host := hostOf(rest)
	if double && hiddenAuthority(rest) {
		l.sign(signURLDisguised, start, end)
		return
	}
	if deceptiveHost(host) {
		l.sign(signTextHomoglyph, start, end)
	}
	if host == "" {
		return
	}
	if oddlyWritten(host) {
		l.sign(signURLDisguised, start, end)
		return
	}
	l.leads(host, scheme, rest, start, end)
}

// runtimes are the schemes under which container runtimes tell their version: containerd://1.7.11.
var runtimes = map[string]bool{"containerd": true, "docker": true, "cri-o": true, "crio": true, "rkt": true}

// leads signs where the host of a URL leads; rest is what follows the scheme's colon.
func (l *look) leads(host, scheme string, rest []byte, start, end int) {
	switch judgeHost(host) {
	case hostPublic:
	case hostMetadata:
		l.sign(signURLMetadata, start, end)
	case hostDisguised:
		if !runtimes[scheme] {
			l.sign(signURLDisguised, start, end)
		}
	case hostLoopback:
		if (developmentPort(rest) && ordinaryLoopback[host] || host == "localhost" && l.linkField() && hasPath(rest)) && !managed(rest) {
			l.sign(signURLDevelopment, start, end)
		} else {
			l.sign(signURLLoopback, start, end)
		}
	case hostPrivate:
		if servicePort(rest) {
			l.sign(signURLInternal, start, end)
		}
		l.sign(signURLPrivate, start, end)
	case hostInternal:
		l.sign(signURLInternal, start, end)
	}
}

// oddlyWritten reports whether a host is written so that clients read another one than it seems.
func oddlyWritten(host string) bool {
	if dotted := strings.ReplaceAll(host, "\u3002", "."); dotted != host && judgeHost(dotted) != hostPublic {
		return true // the full stop of Chinese, which clients fold
	}
	if strings.Count(host, "%") > 1 && strings.Contains(host, "%2e") || strings.Contains(host, "%6") && strings.Count(host, "%") > 2 {
		return true // no client writes a host in escapes
	}
	if strings.Contains(host, "\xE2\x92") || strings.Contains(host, "\xE2\x93") || strings.Contains(host, "\xEF\xBC") || strings.Contains(host, "\xEF\xBD") {
		return true // letters in circles and full-width ones, which clients fold
	}
	name, _, cut := strings.Cut(host, "%0") // of a NUL or a line break, where a client may stop
	return cut && judgeHost(name) != hostPublic
}

// plainURL reports, at little cost, whether a value is one URL like most, in which [lookURL] sees nothing.
func plainURL(s []byte) bool {
	rest, web := bytes.CutPrefix(s, []byte("http"))
	rest = bytes.TrimPrefix(rest, []byte("s"))
	return web && bytes.HasPrefix(rest, []byte("://")) && ordinaryURL("http", rest) && !bytes.Contains(rest[1:], []byte(":/"))
}

// ordinaryURL reports, at little cost, whether a URL is one like most: http or https, and behind the colon that rest
// begins with a public host in small letters.
func ordinaryURL(scheme string, rest []byte) bool {
	if scheme != "https" && scheme != "http" || len(rest) < 8 || !isLetter(rest[3]) {
		return false
	}
	i := 3
	for ; i < len(rest) && i < 80; i++ {
		switch c := rest[i]; {
		case c == '-' && rest[i-1] == '-', c == '.' && i == 11 && string(rest[3:11]) == "metadata": // of punycode, of clouds
			return false
		case 'a' <= c && c <= 'z', isDigit(c), c == '.', c == '-':
			continue
		case c == '/':
			return i > 7 && rest[2] == '/' && publicName(rest[3:i])
		}
		return false
	}
	return false
}

// publicName reports whether a host of small letters, digits, dots and hyphens is a name that [judgeHost] says nothing
// about. It may be false for such a name.
func publicName(host []byte) bool {
	dot := bytes.LastIndexByte(host, '.')
	if dot <= 0 || dot+2 >= len(host) || host[0] == 'q' {
		return false // what begins with q may be an address
	}
	switch string(host[dot+1:]) {
	case "com", "org", "net", "gov", "edu":
		return true
	case "io":
		return host[dot-1] != 'p' // of names that stand for addresses
	case "svc", "local", "internal", "consul", "corp", "intranet", "lan", "localhost", "localdomain":
		return false
	}
	for _, c := range host[dot+1:] {
		if !isLetter(c) {
			return false
		}
	}
	return true
}

// schemeCounts tells URLs that reach from mentions.
func (l *look) schemeCounts(scheme string, start int, rest []byte) bool {
	switch scheme {
	case "file":
		if name, ok := bytes.CutPrefix(rest, []byte("//")); ok && start > 0 && isLetter(first(name)) && bytes.IndexByte(l.urlEnd(name), '/') < 0 {
			return false // file://input.json, of a command's option
		}
		if bytes.HasPrefix(rest, []byte("// ")) || bytes.HasPrefix(rest, []byte("//<")) || ownFile(l.urlEnd(rest)) {
			return false
		}
		return bytes.HasPrefix(rest, []byte("/")) && len(rest) > 3 && (start == 0 || bytes.IndexByte([]byte("\"'=( \t<"), l.low[start-1]) >= 0 || start > 0 && l.low[start-1] == ':')
	case "data":
		return bytes.HasPrefix(rest, []byte("//"))
	case "ldap", "ldaps", "imap", "smb", "telnet", "ssh", "zip", "glob", "classpath", "rmi":
		return bytes.HasPrefix(rest, []byte("//")) && (start == 0 || l.low[start-1] == '=') && len(rest) > 4
	}
	return bytes.HasPrefix(rest, []byte("/"))
}

// ownFile reports whether the path of a file URL, with its slashes, is in a folder of users or a temporary one, where
// build tools and editors have theirs, and is not hidden, nor climbs out of it.
func ownFile(path []byte) bool {
	path, ok := bytes.CutPrefix(path, []byte("//"))
	if !ok || bytes.Contains(path, []byte("/.")) || bytes.ContainsAny(path, "%\\") {
		return false
	}
	for _, folder := range []string{"/home/", "/users/", "/tmp/", "/usr/share/doc/", "/build/"} {
		if rest, ok := bytes.CutPrefix(path, []byte(folder)); ok {
			return len(rest) > 3
		}
	}
	return false
}

// urlEnd returns the URL that s begins with, up to what ends one in text.
func (l *look) urlEnd(s []byte) []byte {
	if end := bytes.IndexAny(s, " \t\r\n\"'<>`"); end >= 0 {
		return s[:end]
	}
	return s
}

// opaque looks at URLs without a host: jar:file, netdoc:/, php:filter.
func (l *look) opaque() {
	for _, p := range []string{"jar:http", "jar:file", "jar:ftp", "netdoc:", "view-source:file", "php:filter", "url:file:", "url:http"} {
		if i := bytes.Index(l.low, []byte(p)); i >= 0 && (i == 0 || !isWord(l.low[i-1])) && (p != "url:http" || !plainURL(l.urlEnd(l.low[i+len("url:"):]))) {
			l.sign(signURLScheme, i, min(len(l.low), i+48))
		}
	}
}

// hostCursor is hostOf for who goes through a text from host to host: where the next signs stand that hosts end at is
// looked for once, not once for each host.
type hostCursor struct {
	s            []byte
	end, tab, at int // the next of authorityEnds, tab and @; -1 at first
}

// host is hostOf at from, which is behind that of the call before.
func (c *hostCursor) host(from int) string {
	next := func(last *int, chars string) int {
		if *last < from {
			if *last = len(c.s); from < len(c.s) {
				if i := bytes.IndexAny(c.s[from:], chars); i >= 0 {
					*last = from + i
				}
			}
		}
		return *last
	}
	most := min(len(c.s), from+maxAuthority)
	if c.s[from] == '/' || c.s[from] == '\\' || next(&c.tab, "\t") < most {
		return hostOf(c.s[from:])
	}
	end := min(next(&c.end, authorityEnds), most)
	if next(&c.at, "@") < end {
		return hostIn(c.s[from:end])
	}
	if colon := bytes.IndexByte(c.s[from:end], ':'); colon >= 0 && c.s[from] != '[' {
		end = from + colon
	}
	return hostIn(c.s[from:end])
}

// hostOf returns the host of what follows a scheme's colon, as lenient clients read it: the last @ wins.
func hostOf(rest []byte) string {
	rest = bytes.TrimLeft(rest[:min(len(rest), maxAuthority)], `/\`)
	if bytes.IndexByte(rest, '\t') >= 0 {
		rest = bytes.ReplaceAll(rest, []byte("\t"), nil) // browsers drop it
	}
	if end := bytes.IndexAny(rest, authorityEnds); end >= 0 {
		rest = rest[:end]
	}
	return hostIn(rest)
}

const (
	// maxAuthority bounds how much of a URL is read for its host, in bytes.
	maxAuthority = 300

	// authorityEnds are the signs that no authority holds.
	authorityEnds = "/?#\\ \r\n\"'<>,;|)}`"
)

func hostIn(authority []byte) string {
	if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	if len(authority) > 0 && authority[0] == '[' {
		if b := bytes.IndexByte(authority, ']'); b > 0 {
			return string(authority[:b+1])
		}
	}
	host, _, _ := bytes.Cut(authority, []byte(":"))
	return string(host)
}

// ordinaryLoopback are the names and addresses by which developers call their own host.
var ordinaryLoopback = map[string]bool{"localhost": true, "127.0.0.1": true, "0.0.0.0": true, "[::1]": true}

// linkField reports whether the value stands in a field that by its name holds a link for people or for the next request to
// the same API, as the answers of servers have them that were set up for tests. What is fetched by who reads the field is
// called otherwise.
func (l *look) linkField() bool {
	path := l.fc.fieldPath()
	name := path[strings.LastIndexByte(path, '/')+1:]
	before, found := strings.CutSuffix(name, "_url")
	if !found {
		return name == "self" || name == "html_url"
	}
	switch before {
	case "web", "html", "avatar", "git_http", "http", "clone", "git", "git_ssh", "members", "events", "commits", "comments", "issues", "repo", "repository", "project", "profile", "permalink", "merge_requests", "container_registry_image":
		return true
	}
	return false
}

// hasPath reports whether a URL goes on behind its host.
func hasPath(rest []byte) bool {
	_, path, found := bytes.Cut(bytes.TrimLeft(rest, "/"), []byte("/"))
	return found && len(path) > 0 && isLetter(path[0])
}

// developmentPort reports whether a URL has one of the ports that examples and development servers use.
func developmentPort(rest []byte) bool {
	rest = bytes.TrimLeft(rest[:min(len(rest), 64)], "/")
	_, port, found := bytes.Cut(rest, []byte(":"))
	if !found {
		return false
	}
	n := portDigits(port)
	if n != 4 && n != 5 {
		return false
	}
	return !servicePorts[string(port[:n])]
}

// managed reports whether the path of a URL is one under which services show or change themselves.
func managed(rest []byte) bool {
	_, path, _ := bytes.Cut(bytes.TrimLeft(rest[:min(len(rest), 96)], "/"), []byte("/"))
	for _, p := range []string{"actuator", "manager/html", "server-status", "_cat/", "_cluster/", "jolokia", "jmx-console", "debug/pprof", "h2-console", "solr/admin", "script", "latest/meta-data"} {
		if bytes.HasPrefix(path, []byte(p)) {
			return true
		}
	}
	return false
}

func portDigits(port []byte) (n int) {
	for n < len(port) && isDigit(port[n]) {
		n++
	}
	return n
}

// servicePort reports whether a URL has a port of one of the services that attackers reach for.
func servicePort(rest []byte) bool {
	rest = bytes.TrimLeft(rest[:min(len(rest), 64)], "/")
	_, port, found := bytes.Cut(rest, []byte(":"))
	return found && servicePorts[string(port[:portDigits(port)])]
}

// servicePorts are the ports of stores, queues, orchestrators, debuggers and tunnels, which nobody develops a site on.
var servicePorts = func() map[string]bool {
	m := map[string]bool{}
	for _, p := range []string{
		"4040", "6443", "8001", "2019", "9229", "9222", "15672", "8086", "8200", "4646", "8983", "50070", "61616", "2380", "4243", "10249", "26257", "7474", "7687", "9600", "8125", "16010",
		"2375", "2376", "2379", "6379", "9200", "9300", "5984", "8500", "8301", "27017", "5432", "3306", "1433", "1521", "11211", "10250", "10255", "2181", "9042", "7001", "4444", "1337", "5985", "5986", "3389", "8009", "1099", "1389", "9092",
	} {
		m[p] = true
	}
	return m
}()

type hostKind uint8

const (
	hostPublic hostKind = iota
	hostPrivate
	hostInternal
	hostLoopback
	hostDisguised
	hostMetadata
)

// judgeHost says where a host leads, whichever way an address is written.
func judgeHost(host string) hostKind {
	name := strings.TrimSuffix(host, ".")
	switch name {
	case "metadata.google.internal", "metadata", "instance-data", "rancher-metadata", "metadata.tencentyun.com", "metadata.packet.net", "instance-data.ec2.internal", "metadata.nicp.io", "metadata.platformequinix.com":
		return hostMetadata
	case "localhost", "loopback", "ip6-localhost", "ip6-loopback", "ipv6-localhost", "ipv6-loopback", "0", "localhost.localdomain", "host.containers.internal":
		return hostLoopback
	}
	for _, suffix := range []string{".svc", ".svc.cluster.local", ".internal", ".consul", ".cluster.local", ".corp", ".intranet", ".local", ".lan"} {
		if strings.HasSuffix(name, suffix) {
			return hostInternal
		}
	}
	if strings.HasSuffix(name, ".localhost") {
		return hostLoopback
	}
	addr, plain, ok := lenientAddress(name)
	if !ok {
		return hostPublic
	}
	return judgeAddress(addr, plain)
}

func judgeAddress(addr netip.Addr, plain bool) hostKind {
	mapped := addr.Is4In6()
	addr = addr.Unmap()
	metadata := addr.Is4() && linkLocalService(addr.As4()) || addr == netip.AddrFrom4([4]byte{100, 100, 100, 200}) ||
		addr == netip.AddrFrom4([4]byte{192, 0, 0, 192}) || addr.String() == "fd00:ec2::254"
	switch {
	case metadata:
		return hostMetadata
	case addr.IsLoopback() || addr.IsUnspecified():
		if !plain || mapped {
			return hostDisguised
		}
		return hostLoopback
	case addr.IsPrivate() || addr.IsLinkLocalUnicast():
		if !plain || mapped {
			return hostDisguised
		}
		return hostPrivate
	case !plain && addr.Is4():
		return hostDisguised
	}
	return hostPublic
}

// linkLocalService reports whether clouds serve metadata or credentials at a link-local address.
func linkLocalService(a [4]byte) bool {
	return a[0] == 169 && a[1] == 254 && (a[2] == 169 || a[2] == 170 || a[2] == 0 && a[3] == 23 || a[2] == 42 && a[3] == 42)
}

// beginsAddress reports whether a host may be an address by its first byte, as few are.
func beginsAddress(host string) bool {
	return host != "" && (isDigit(host[0]) || host[0] == 'q')
}

// lenientAddress reads an address as inet_aton and browsers do: dotted or not, decimal, octal or hexadecimal parts,
// the last part filling what is left. Plain says that it was written in the ordinary way.
func lenientAddress(host string) (addr netip.Addr, plain, ok bool) {
	if strings.HasPrefix(host, "[") {
		inner := strings.Trim(host, "[]")
		if i := strings.IndexByte(inner, '%'); i >= 0 {
			inner = inner[:i]
		}
		a, err := netip.ParseAddr(inner)
		return a, err == nil && !a.Is4In6(), err == nil
	}
	if !beginsAddress(host) || strings.Trim(host, "0123456789abcdefABCDEFxoq.") != "" {
		return addr, false, false
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 || host[0] == 'q' && len(parts) != 4 {
		return addr, false, false
	}
	plain = len(parts) == 4
	var value uint64
	for i, p := range parts {
		p = strings.TrimPrefix(p, "q")
		p = strings.Replace(p, "0o", "0", 1)
		base := 10
		switch {
		case strings.HasPrefix(p, "0x"):
			p, base, plain = p[2:], 16, false
		case len(p) > 1 && p[0] == '0':
			base, plain = 8, false
		}
		if base == 16 && len(p) > 8 {
			p = p[len(p)-8:] // overflow wraps in lenient clients
		}
		n, err := strconv.ParseUint(p, base, 64)
		if err != nil {
			return addr, false, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				n, plain = n&255, false
			}
			value |= n << (8 * (3 - i))
			continue
		}
		value |= n & (1<<(8*(4-i)) - 1)
	}
	if len(parts) == 1 && value < 1<<16 {
		return addr, false, false // a number, not an address
	}
	v := uint32(value)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), plain, true
}

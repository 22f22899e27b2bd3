package sanitize

import "bytes"

// sensitiveFiles are ends and parts of paths that hold secrets or show the system.
var sensitiveFiles = []string{
	"etc/passwd", "etc/shadow", "etc/hosts", "etc/group", "etc/issue", "etc/master.passwd", "etc/security", "etc/sudoers", "etc/crontab", "etc/fstab", "etc/motd", "etc/hostname",
	"etc/ssh", "etc/httpd", "etc/apache", "etc/nginx", "etc/mysql", "etc/my.cnf", "etc/php", "etc/samba", "etc/ftp", "etc/proftpd", "etc/vsftpd", "etc/pure-ftpd", "etc/init.d", "etc/inetd", "etc/resolv.conf", "etc/profile",
	"etc/bash", "etc/logrotate", "etc/rsyslog", "etc/syslog", "etc/snmp", "etc/cups", "etc/openldap", "etc/postgresql", "etc/kubernetes", "etc/redhat-release", "etc/os-release", "etc/debian", "etc/environment", "etc/exports", "etc/network", "etc/sysconfig", "etc/chrootusers", "etc/wu-ftpd", "etc/muddleftpd", "etc/lighttpd", "etc/mail", "etc/mtab", "etc/pam", "etc/networks", "etc/at.", "etc/cron", "etc/ca-certificates", "etc/lsb-release", "etc/ld.so", "etc/termcap", "etc/tor", "etc/aliases", "etc/updatedb", "etc/hostapd", "etc/webmin", "etc/phpmyadmin", "etc/mime.types", "etc/modules", "etc/netsvc", "etc/named", "etc/rc", "etc/shells", "etc/zsh", "etc/vhcs", "etc/virtual", "etc/yum", "etc/default/", "etc/hosts.allow",
	"boot.ini", "win.ini", "system.ini", "php.ini", "desktop.ini", "windows/system32", "windows/repair", "winnt/", "windows/win", "windows/system", "ntuser.dat", "pagefile.sys", "autoexec.bat", "config.sys", "inetpub", "sysprep", "windows/panther", "unattend", "system volume information", "xampp/", "windows/php", "windows/my", "program files", "documents and settings", "users/administrator", "system32",
	"proc/self", "proc/version", "proc/cmdline", "proc/mounts", "proc/net", "proc/sched", "proc/cpuinfo", "proc/meminfo", "proc/1/", "proc/config", "proc/interrupts", "proc/modules", "proc/filesystems", "proc/stat", "proc/swaps", "proc/ioports",
	"web.config", "web-inf", "meta-inf", "wp-config", ".htaccess", ".htpasswd", ".ssh/", "id_rsa", "id_dsa", "id_ecdsa", "authorized_keys", "known_hosts", ".bash_history", ".bashrc", ".bash_profile", ".mysql_history", ".git/config", ".git/head", ".svn/entries", ".svn/wc.db", ".hg/store", ".ds_store", ".aws/credentials", ".env", ".netrc", ".pgpass", ".kube/config", ".docker/config", "config.php", "configuration.php", "settings.php", "localsettings", "database.yml", "secrets.yml", "applicationhost", "machine.config", "tomcat-users", "server.xml", "httpd.conf", "access.log", "access_log", "error.log", "error_log", "var/log/", "var/run/secrets", "var/lib/dhcp", "var/lib/php/sess", "sys/class/net", "var/run/docker.sock", "run/docker.sock", "run/containerd", "run/secrets", "var/lib/mlocate", "var/mail", "var/spool", "var/www/", "var/adm", "usr/local/apache", "usr/local/etc", "usr/local/php", "usr/local/cpanel", "usr/pkg/etc", "usr/lib/security", "usr/ports", "opt/lampp", "opt/xampp", "opt/apache", "opt/tomcat", "private/etc", "root/.", "root/anaconda", "home/.", "bin/id", "bin/cat", "bin/sh", "cgi-bin", "global.asa", "windows-update", "logs/access", "logs/error", "mysql/data", "volumes/macintosh", "volumes/webbackup", "library/webserver", "cmd.exe", "dev/null", "dev/random", "sam", "etc/",
}

// lookPath looks for paths that climb out of their folder and for paths of files that no API has business with.
func lookPath(l *look) {
	s := l.low
	l.encodedClimb()
	if l.contains("..;/") || l.contains(".\\.\\") && sensitive(slashed(nil, s[:min(len(s), 200)])) {
		l.sign(signPathEncoded, 0, len(s))
	}
	climbs, first, last := 0, -1, 0
	for i := 0; i+2 < len(s); i++ {
		if s[i] != '.' || i > 0 && (isLetter(s[i-1]) && s[i-1] != 'c' || isDigit(s[i-1])) {
			continue
		}
		n := climb(s[i:])
		if n == 0 {
			if s[i+1] == '.' {
				for i+1 < len(s) && s[i+1] == '.' {
					i++
				}
			}
			continue
		}
		if first < 0 {
			first = i
		}
		climbs++
		i += n - 1
		last = i + 1
	}
	if climbs > 0 {
		l.climbs(climbs, first, last)
	}
	l.absolutePath()
}

// climb returns the length of a step upward at the start of s: two dots or more, something that servers drop, and
// a separator.
func climb(s []byte) int {
	dots := 0
	i := 0
	for i < len(s) && (s[i] == '.' || s[i] == 0 || s[i] == 1 || s[i] == '^') && i < 8 {
		if s[i] == '.' {
			dots++
		}
		i++
	}
	if dots < 2 {
		return 0
	}
	for k := 0; k < 2 && i < len(s) && (s[i] == ';' || s[i] == 0 || s[i] == 1 || s[i] == '?' || s[i] == 0x09 || s[i] == ' ' && k > 9); k++ {
		i++
	}
	start := i
	for i < len(s) && (s[i] == '/' || s[i] == '\\') {
		i++
	}
	if i == start {
		return 0
	}
	return i
}

func (l *look) climbs(n, first, last int) {
	rest := slashed(l.scratch[:0], l.low[last:min(len(l.low), last+160)])
	l.scratch = rest[:0]
	if sensitive(rest) && (n > 1 || len(l.via) > 0 || !looksRelative(rest)) {
		l.sign(signPathClimbFile, first, min(len(l.low), last+48))
		return
	}
	whole := first <= 1 && bytes.IndexByte(l.low, ' ') < 0
	switch {
	case n >= 3 && (whole || bytes.IndexByte(l.low, '\n') < 0), n >= 2 && whole && last >= len(l.low):
		l.sign(signPathClimb, first, last)
	case n >= 2 && l.urlLayer() && bytes.IndexByte(l.low, ' ') < 0:
		l.sign(signPathEncoded, first, last)
	}
}

// looksRelative reports whether one step leads to an ordinary file of a project.
func looksRelative(rest []byte) bool {
	return !bytes.HasPrefix(rest, []byte(".")) && !bytes.HasPrefix(rest, []byte("etc/")) && !bytes.HasPrefix(rest, []byte("windows/")) && !bytes.HasPrefix(rest, []byte("proc/")) && !bytes.HasPrefix(rest, []byte("web-inf/"))
}

// slashed appends s with all separators as / and runs of them as one.
func slashed(dst, s []byte) []byte {
	for _, c := range s {
		if c == '\\' {
			c = '/'
		}
		if c == '/' && len(dst) > 0 && dst[len(dst)-1] == '/' || c == 0 || c == 1 {
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// sensitive reports whether the path leads to a sensitive file.
func sensitive(path []byte) bool {
	var seen [(maxSensitive + 63) / 64]uint64 // only the first place of each counts
	found := false
	sensitiveSet.each(path, func(f, start, end int) bool {
		if seen[f/64]&(1<<(f%64)) != 0 {
			return true
		}
		seen[f/64] |= 1 << (f % 64)
		found = start == 0 || !isLetter(path[start-1])
		if sensitiveFiles[f] == "sam" && (end < len(path) && isWord(path[end]) || start == 0) {
			found = false
		}
		return !found
	})
	return found
}

// sensitiveSet finds sensitiveFiles, of which there are at most maxSensitive, in one pass.
var sensitiveSet = newPhrases(sensitiveFiles)

const maxSensitive = 512

// absolutePath looks at values that are the path of a sensitive file.
func (l *look) absolutePath() {
	s := bytes.Trim(l.low, " \t\r\n\"'`<>|;&\x00")
	if len(s) < 5 || len(s) > 200 || bytes.IndexByte(s, ' ') >= 0 && !bytes.Contains(s, []byte("program files")) && !bytes.Contains(s, []byte("documents and")) {
		return
	}
	if string(s) == "/bin/sh" && len(l.low) == len(s) {
		return // the shell that images and jobs name as what runs their command
	}
	path := slashed(l.scratch[:0], s)
	l.scratch = path[:0]
	if device := []byte("/?/"); bytes.HasPrefix(path, device) || bytes.HasPrefix(path, []byte("/./")) && len(path) > 5 && path[4] == ':' { // \\\\?\\C:, \\\\.\\C:
		path = path[len(device):]
	}
	if certificates(path) {
		return
	}
	drive := len(path) > 3 && isLetter(path[0]) && path[1] == ':' && path[2] == '/'
	if share := administrativeShare(path); share > 0 { // //localhost/c$/windows
		path, drive = path[share:], true // "c$/" has three bytes, as "c:/" has
	}
	switch {
	case path[0] == '/':
		path = bytes.TrimPrefix(path[1:], []byte(";/"))
	case drive:
		path = path[3:]
	default:
		if bare(path) {
			l.sign(signPathSensitive, 0, len(l.low))
		}
		return
	}
	for bytes.HasPrefix(path, []byte("./")) {
		path = path[2:]
	}
	system := drive || bytes.HasPrefix(path, []byte("var/")) || bytes.HasPrefix(path, []byte("usr/")) || bytes.HasPrefix(path, []byte("home/")) || bytes.HasPrefix(path, []byte("root/")) || bytes.HasPrefix(path, []byte("opt/")) || bytes.HasPrefix(path, []byte("apache")) || bytes.HasPrefix(path, []byte("proc/"))
	sensitiveSet.each(path, func(i, start, _ int) bool {
		f := sensitiveFiles[i]
		if found := start == 0 || (system || f[0] == '.') && !hasPrefix(f, "etc/"); !found || f == "program files" && !settingsFile(path) {
			return true
		}
		l.sign(signPathSensitive, 0, len(l.low))
		return false
	})
}

// administrativeShare returns where the share of a drive begins in a path that names a host and such a share, 0 if it names none.
func administrativeShare(path []byte) int {
	if path[0] != '/' {
		return 0
	}
	i := bytes.IndexByte(path[1:], '/') + 2
	if i > 2 && i+3 < len(path) && isLetter(path[i]) && path[i+1] == '$' && path[i+2] == '/' {
		return i
	}
	return 0
}

// certificates reports whether a path is that of certificates, which are there to be seen.
func certificates(path []byte) bool {
	return (bytes.HasSuffix(path, []byte(".crt")) || bytes.HasSuffix(path, []byte(".pem"))) && bytes.Contains(path, []byte("/cert")) || bytes.HasSuffix(path, []byte("/cacert.pem")) ||
		bytes.HasSuffix(path, []byte("/ca-certificates.crt")) || bytes.HasSuffix(path, []byte("/ca-bundle.crt"))
}

// settingsFile reports whether a path ends in a file that programs keep their settings, data or records in: that a
// program is installed in a folder is no secret.
func settingsFile(path []byte) bool {
	dot := bytes.LastIndexByte(path, '.')
	return dot > bytes.LastIndexByte(path, '/') && containsAny(path[dot:], ".ini", ".conf", ".cnf", ".cfg", ".xml", ".log", ".dat", ".txt", ".php", ".htm", ".asp", ".jsp", ".properties", ".yml", ".json")
}

// bare reports whether a path without a root is one of the files that are asked for by that name.
func bare(path []byte) bool {
	for _, f := range []string{"etc/passwd", "etc/shadow", "etc/hosts", "etc/issue", "boot.ini", "windows/win.ini", "windows/system32", "winnt/win.ini", "web-inf/web.xml", ".htpasswd", "proc/self/environ", "~/.ssh/", "~/.aws/credentials", "~/.kube/config", "~/.netrc", "~/.bash_history", "etc/group", "~/.docker/config", "~/.git-credentials", "~/.npmrc", "~/.config/gcloud", "~/.azure/", "~/.pgpass", "~/.my.cnf", ".ssh/id_", ".ssh/authorized_keys", "%systemroot%/repair/", "%systemroot%/system32/config", "%windir%/", "%systemroot%/win.ini"} {
		if bytes.HasPrefix(path, []byte(f)) {
			return true
		}
	}
	return false
}

// The ways in which dots and separators are written so that a filter does not see them. Each is looked for in the
// raw text: what a lenient server makes of it is not what a decoder here would.
var (
	dotForms       = newFormSet([]string{"%2e", "%252e", "%c0%ae", "%c0%2e", "%c0.", "%c0%5e", "%c0%ee", "%c0%fe", "%e0%80%ae", "%e0%40%ae", "%f0%80%80%ae", "%f8%80%80%80%ae", "%fc%80%80%80%80%ae", "%uff0e", "%u002e", "0x2e", "%25c0%25ae", "%%32%65", "%%32e", "%c0ae", "%u2024", ".", "%ef%bc%8e", "%25%32%65", "%%32%%65", "&#46;", "\\x2e", "%c0%6e", "%c0%9e", "%c0%de", "%c0%4e"})
	separatorForms = newFormSet([]string{"%2f", "%5c", "%252f", "%255c", "%c0%af", "%c0%2f", "%c0%5c", "%c1%9c", "%c1%1c", "%c1%af", "%c1%pc", "%c0%9v", "%c0%qf", "%c1%8s", "%e0%80%af", "%e0%80%9c", "%f0%80%80%af", "%f8%80%80%80%af", "%fc%80%80%80%80%af", "%u2215", "%u2216", "%uefc8", "%uf025", "%uff0f", "%uff3c", "0x2f", "0x5c", "%25c1%259c", "%25c0%25af", "%%35%63", "%%35c", "%%32%66", "%%32f", "%%255c", "%%255f", "%25%35%63", "%%35%%63", "%%32%%66", "%%c0%6e", "%25%32%66", "/", "\\", "%bg%qf", "%ef%bc%8f", "%u005c", "%u002f", "%u00f0", "&#47;", "\\x2f", "%c0%cf", "%c0%ef", "%c0%ff", "%c0%6f", "%c0%8f"})
	fillers        = newFormSet([]string{"%00", "%01", "%09", "%0d", "%0a", "%20", "?", ";", "%3f", "%3b", "%5e", "%00%"})
)

// encodedClimb looks for steps upward of which a part is encoded.
func (l *look) encodedClimb() {
	s := l.low
	if bytes.IndexByte(s, '%') < 0 && !l.contains("0x") && !l.contains("2f..2f") && !l.contains("&#") && !l.contains("?/") && !l.contains("..../") && !l.contains("....\\") && !l.contains(".../") && !l.contains("..;/") && !l.contains("/./") && !l.contains(".\\./") && !l.contains("\\x2") {
		return
	}
	steps, strange := 0, 0
	first, last := -1, 0
	for i := 0; i < len(s) && (steps < 2 || strange < 3); {
		n, odd := encodedStep(s[i:])
		if n == 0 {
			i++
			continue
		}
		if first < 0 {
			first = i
		}
		steps++
		strange += odd
		i += n
		last = i
	}
	switch {
	case strange == 0:
	case sensitive(lenient(s[last:])), overlongForm(s[first:last]), steps > 1 && (strange > 1 || len(s) < 512), strange > 2:
		l.sign(signPathEncoded, first, last)
	}
}

// overlongForm reports whether a step is written in the overlong or broken UTF-8 that nothing honest writes.
func overlongForm(s []byte) bool {
	return containsAny(s, "%c0%", "%c1%", "%e0%80%", "%f0%80%", "%f8%80%", "%fc%80%", "%c0.")
}

// lenient reads the rest of a path with its separators in whichever form.
func lenient(s []byte) []byte {
	s = s[:min(len(s), 200)]
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if k := longest(s[i:], separatorForms); k > 0 {
			out = append(out, '/')
			i += k
			continue
		}
		if bytes.HasPrefix(s[i:], []byte("2f")) && i > 0 {
			out = append(out, '/')
			i += 2
			continue
		}
		out = append(out, s[i])
		i++
	}
	return out
}

// encodedStep returns the length of dots and a separator at the start of s, and how odd they are written.
func encodedStep(s []byte) (n, odd int) {
	if s[0] != '.' && s[0] != '%' && s[0] != '0' && s[0] != '&' && s[0] != '\\' && s[0] != '?' {
		return 0, 0
	}
	i, dots := 0, 0
	for dots < 5 {
		k := longest(s[i:], dotForms)
		if k == 0 && i < len(s) && s[i] == '?' {
			k = 1
			odd++
		}
		if k == 0 {
			if f := longest(s[i:], fillers); f > 0 && dots > 0 && dots < 4 && longest(s[i+f:], dotForms) > 0 {
				i += f
				odd++
				continue
			}
			break
		}
		if k > 1 {
			odd++
		}
		i += k
		dots++
	}
	if dots < 2 {
		return 0, 0
	}
	if dots > 2 {
		odd++
	}
	if f := longest(s[i:], fillers); f > 0 {
		i += f
		odd++
	}
	k := longest(s[i:], separatorForms)
	if k == 0 && bytes.HasPrefix(s[i:], []byte("2f")) {
		k = 2
	}
	if k == 0 {
		return 0, 0
	}
	if k > 1 {
		odd++
	}
	return i + k, odd
}

// formSet are forms by their first byte, and by the two bytes behind it.
type formSet [256]struct {
	alone bool // it is one of the forms
	long  *[256]*[256][]string
}

func newFormSet(forms []string) *formSet {
	var m formSet
	for _, f := range forms {
		by := &m[f[0]]
		if len(f) < 3 {
			by.alone = true
			continue
		}
		if by.long == nil {
			by.long = new([256]*[256][]string)
		}
		third := by.long[f[1]]
		if third == nil {
			third = new([256][]string)
			by.long[f[1]] = third
		}
		third[f[2]] = append(third[f[2]], f)
	}
	return &m
}

// longest returns the length of the longest form that s begins with.
func longest(s []byte, forms *formSet) int {
	if len(s) == 0 {
		return 0
	}
	n, by := 0, &forms[s[0]]
	if by.alone {
		n = 1
	}
	if by.long == nil || len(s) < 3 {
		return n
	}
	third := by.long[s[1]]
	if third == nil {
		return n
	}
	for _, f := range third[s[2]] {
		if len(f) > n && len(s) >= len(f) && string(s[:len(f)]) == f {
			n = len(f)
		}
	}
	return n
}

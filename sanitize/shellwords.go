package sanitize

import (
	"strings"

	"icapd/sanitize/wordset"
)

// commandKind says how sure a word is a command.
type commandKind uint8

const (
	commandRare   commandKind = iota + 1 // a name that text does not use
	commandCommon                        // also a word of English, or of tables and settings
)

// commands are the programs and built-ins of Unix shells, cmd.exe and PowerShell that a payload would run.
var commands = func() map[string]commandKind {
	m := map[string]commandKind{}
	for kind, words := range map[commandKind]string{
		commandRare: "whoami ifconfig ipconfig netstat nslookup wget curl uname passwd chmod chown sudo bash sh zsh ksh csh tcsh dash ash fish pwsh " +
			"powershell cmd command.com certutil bitsadmin mshta regsvr32 rundll32 wmic schtasks tasklist taskkill systeminfo sysinfo hostname " +
			"getent lsof ps ls dir nc ncat netcat nc.traditional nc.openbsd telnet ssh scp sftp ftp tftp rsync socat perl python python2 python3 ruby php lua awk " +
			"gawk mawk nawk sed grep egrep fgrep zgrep xxd od hexdump tac nl dd mkfifo mknod crontab systemctl iptables useradd adduser usermod userdel " +
			"groupadd chpasswd killall pkill pgrep rm mv cp ln mkdir rmdir tar gunzip bzip2 unzip printenv pwd lastlog df du umount ping ping6 " +
			"traceroute tracert arp dig nmap tcpdump tshark echo printf sleep ver icacls cacls findstr xargs tee uniq tr wc expr nohup openssl " +
			"lsb_release dmesg lspci lscpu lsusb lsblk whereis xcopy del ren cls poweroff sendmail busybox vi vim nano gdb strace ltrace logname " +
			"readlink realpath basename dirname uptime wevtutil cscript wscript msiexec iex invoke-expression invoke-webrequest invoke-command " +
			"start-process start-sleep get-process get-content get-childitem get-wmiobject new-object fdisk blkid apt-get yum dpkg rpm pip " +
			"gcc g++ psql mysqldump sqlcmd osql mysql tftpd setenforce chattr lsattr dnsdomainname nsenter runas psexec net1 netsh qwinsta query.exe " +
			"whoami.exe cmd.exe powershell.exe ping.exe net.exe nltest dsquery vssadmin bcdedit wbadmin rev head tail cat ss ip env getconf getcap setcap " +
			"capsh mkpasswd base32 zcat bzcat xzcat xz ar cpio shuf sha1sum md5sum sha256sum sha1 jrunscript jjs sqlite3 irb gem cargo xterm xdg-open osascript launchctl " +
			"dscl sw_vers ioreg pfctl lp lpr at.exe sc.exe reg.exe fsutil driverquery gpresult gpupdate pathping nbtstat ypcat rpcinfo showmount smbclient rpcclient ldapsearch " +
			"iwr irm gwmi iwmi gcim icim saps " +
			"ssh-keygen ssh-copy-id ssh-add authconfig visudo sshpass mkpasswd gpg sysctl swapon losetup insmod modprobe lsmod redis-cli forfiles pcalua ntpdate arping hping3 masscan nikto dnsenum",
		commandCommon: "id date time sort find more less who last type test touch make split join cut paste watch man at host net start move copy route " +
			"history top free file mail service screen source read w set kill which users groups finger command alias locate tree ed init exit " +
			"strings link size node docker git export eval exec mount base64 timeout reg sc vol attrib erase md rd shutdown reboot halt " +
			"stat cal su gzip zip diff patch look man help unset declare trap wait jobs bg fg nice groups arch tty login logout users emacs java " +
			"npm kubectl aws apt assoc call title path print users color pause popd pushd fc choice clip comp compact convert edit expand label replace subst for go gc gci",
	} {
		for w := range strings.FieldsSeq(words) {
			m[w] = kind
		}
	}
	return m
}()

// shellLanguage reports whether a word is one of a shell's language behind which a command begins.
func shellLanguage(word []byte) bool {
	switch string(word) {
	case "then", "do", "else":
		return true
	}
	return false
}

// runner reports whether a word, which text may have as well, is a program or built-in that runs the command that it is given.
func runner(word []byte) bool {
	switch string(word) {
	case "time", "flock", "cpulimit", "nice", "ionice", "setsid", "stdbuf", "timeout", "command", "builtin", "watch", "unshare", "chroot", "chrt", "taskset", "setarch":
		return true
	}
	return false
}

// commandLookup is commands for who asks about every word.
var commandLookup = wordset.New(commands)

// commandOf returns what kind of command a name is, 0 if it is none.
func commandOf(name []byte) commandKind {
	return commandKind(commandLookup.Of(name)) //nolint:gosec // made of one
}

// subcommands are the second words that make a common word a command.
var subcommands = map[string]string{
	"wmic":       " process os service product useraccount shadowcopy startup group computersystem nic nicconfig qfe logicaldisk /node ",
	"vssadmin":   " delete list resize create ",
	"wevtutil":   " cl clear-log qe el ",
	"bcdedit":    " /set /delete /deletevalue ",
	"wbadmin":    " delete ",
	"kubectl":    " get exec apply delete run ",
	"aws":        " s3 s3api ec2 iam sts lambda ",
	"go":         " run ",
	"ps":         " aux -ef -aux axu ",
	"openssl":    " s_client enc ",
	"busybox":    " nc sh ash wget telnetd httpd ftpget tftp cat id ls ",
	"powershell": " iex invoke-expression ",
	"for":        " /f /l /r /d ",
	"su":         " root - -c -l ",
	"net":        " user users localgroup group view share use accounts session config start stop time statistics ",
	"reg":        " query add delete save export ",
	"sc":         " query create start stop config qc ",
	"ip":         " a addr address route link neigh r n ",
	"git":        " clone config ",
	"docker":     " run exec ps ",
	"service":    " --status-all ",
	"route":      " print -n ",
	"shutdown":   " now -h -r /s /r ",
	"apt":        " install update ",
	"npm":        " install ",
}

// hijacked are programs and cmdlets that text names seldom and that attacks begin a command line with: what a system
// has on board to fetch, decode and run code with.
var hijacked = map[string]bool{
	"certutil": true, "bitsadmin": true, "mshta": true, "regsvr32": true, "rundll32": true, "wmic": true, "vssadmin": true, "wevtutil": true,
	"bcdedit": true, "wbadmin": true, "cscript": true, "wscript": true, "msiexec": true, "iex": true, "invoke-expression": true,
	"invoke-webrequest": true, "invoke-command": true, "start-process": true, "schtasks": true, "nltest": true, "psexec": true, "osascript": true, "jrunscript": true, "powershell": true, "pwsh": true, "cmd": true, "forfiles": true, "pcalua": true,
}

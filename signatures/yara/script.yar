// Scripts and command lines that fetch, unpack and run something, or open the machine to somebody else.
// Commands that people quote in manuals are only findings together with what manuals do not do: hiding the
// window, addresses without a name, several layers of packing.

rule PowerShell_Encoded_And_Hidden : powershell
{
    meta:
        description = "PowerShell with a hidden window or without policy runs an encoded command"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $name = "powershell" nocase ascii wide
        $hide1 = "-w hid" nocase ascii wide
        $hide2 = "-windowstyle hid" nocase ascii wide
        $hide3 = "-w h " nocase ascii wide
        $hide4 = "-w 1 " nocase ascii wide
        $hide5 = "-win hid" nocase ascii wide
        $hide6 = "-windowstyle 1 " nocase ascii wide
        $hide7 = "-wi hid" nocase ascii wide
        $nop = "-nop" nocase ascii wide
        $enc1 = /-e(c|nc|ncodedcommand|ncoded|ncodedc) {1,3}["\']?[A-Za-z0-9+\/]{40}/ nocase ascii wide
        $enc2 = / -e {1,2}["\']?(JAB|SQBFAFgA|SQBuAHYA|aQBlAHgA|cABvAHcA|KABuAGUAdw|KABOAGUAdw|SQBtAHAA|UwBFAFQA|WwBTAHkA)[A-Za-z0-9+\/]{40}/ ascii wide
        $text1 = "DownloadString" base64wide
        $text2 = "Net.WebClient" base64wide
        $text3 = "FromBase64String" base64wide
        $text4 = "Invoke-Expr\x65ssion" base64wide
        $text5 = "Invoke-WebRequest" base64wide
        $text6 = "VirtualAlloc" base64wide
        $text7 = "DownloadFile" base64wide
        $text8 = "Net.Sockets.TCPClient" base64wide
    condition:
        $name and any of ($enc*) and (any of ($hide*) or ($nop and any of ($text*)))
}

rule PowerShell_Download_Cradle : powershell
{
    meta:
        description = "PowerShell fetches code, runs it, and does what it can to stay unseen"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $get1 = "downloadstring" nocase ascii wide
        $get2 = "downloaddata" nocase ascii wide
        $get3 = "invoke-webrequest" nocase ascii wide
        $get4 = "invoke-restmethod" nocase ascii wide
        $get5 = /\b(iwr |irm )["\'(]{0,2}(-us|-ur|h..p)/ nocase ascii wide
        $run1 = /\biex[ (]/ nocase ascii wide
        $run2 = /\| {0,2}iex\b/ nocase ascii wide
        $run3 = "invoke-expr\x65ssion" nocase ascii wide
        $hide1 = "-w hid" nocase ascii wide
        $hide2 = "-windowstyle hid" nocase ascii wide
        $hide3 = "-w h " nocase ascii wide
        $hide4 = "-w 1 " nocase ascii wide
        $hide5 = "-win hid" nocase ascii wide
        $hide6 = "-windowstyle 1 " nocase ascii wide
        $hide7 = "-wi hid" nocase ascii wide
        $ip = /(download(string|data|file)\(["\']|iwr ["\']?|irm ["\']?|-uri ["\']?)h..ps?:\/\/(1[1-9]|[2-9][0-9]|1[013-68][0-9]|12[0-689]|17[013-9]|19[013-9]|2[0-4][0-9]|25[0-5]|[1-9])\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[\/:]/ nocase ascii wide
        $paste1 = "pastebin.com/raw" nocase ascii wide
        $paste2 = "paste.ee/r/" nocase ascii wide
        $paste3 = "hastebin.com/raw" nocase ascii wide
        $paste4 = "transfer.sh/" nocase ascii wide
        $paste5 = "cdn.discordapp.com/attachments" nocase ascii wide
    condition:
        any of ($get*) and any of ($run*) and (any of ($hide*) or $ip or any of ($paste*))
}

rule PowerShell_AMSI_Bypass : powershell
{
    meta:
        description = "Switches the malware scan of PowerShell off"
        severity = "critical"
        class = "evasion"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $utils = /(Management\.Automation\.|Automation\.["'+ ]{1,8})Amsi["'+ ]{0,8}Utils/ nocase ascii wide
        $failed = /amsi["'+ ]{0,8}Init["'+ ]{0,8}Failed/ nocase ascii wide
        $session = "amsiSession" nocase ascii wide
        $set = /\.SetValue\s{0,4}\(\s{0,4}\$null/ nocase ascii wide
        $scan = "AmsiScanBuffer" ascii wide
        $protect = "VirtualProtect" ascii wide
        $copy = /Marshal\]\s{0,2}::\s{0,2}Copy/ nocase ascii wide
    condition:
        ($utils and any of ($failed, $session) and $set) or ($scan and $protect and $copy)
}

rule PowerShell_Loads_Assembly_From_Text : powershell
{
    meta:
        description = "PowerShell that loads a program from base64 into memory"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1620/"
    strings:
        $load = /\[(System\.)?Reflection\.Assembly\]\s{0,2}::\s{0,2}(Load|"Load")\s{0,4}\(/ nocase ascii wide
        $from = "FromBase64String" nocase ascii wide
        $pe = "TVqQAAMAAAAEAAAA" ascii wide
        $reverse = "AAAAEAAAAMAAQqV\x54" ascii wide
        $gzip = "GzipStream" nocase ascii wide
        $entry = /\.EntryPoint\s{0,4}\.\s{0,4}Invoke|GetMethod\s{0,4}\([^)]{1,40}\)\s{0,4}\.\s{0,4}Invoke/ nocase ascii wide
        $web = /\.Download(Data|String)\s{0,4}\(/ nocase ascii wide
    condition:
        $load and ((any of ($from, $gzip) and any of ($pe, $reverse)) or ($entry and any of ($web, $gzip) and $from))
}

rule PowerShell_Injects_Code : powershell
{
    meta:
        description = "PowerShell that puts machine code into memory and starts it"
        severity = "critical"
        class = "shellcode"
        reference = "https://attack.mitre.org/techniques/T1055/"
    strings:
        $ps1 = /\[Byte\[\]\]/ nocase ascii wide
        $ps2 = "Add-Type" nocase ascii wide
        $ps3 = "GetDelegateForFunctionPointer" ascii wide
        $copy = /Marshal\]\s{0,2}::\s{0,2}Copy/ nocase ascii wide
        $alloc = "VirtualAlloc" ascii wide
        $thread1 = "CreateThread" ascii wide
        $thread2 = "CreateRemoteThread" ascii wide
        $thread3 = "QueueUserAPC" ascii wide
    condition:
        $copy and $alloc and any of ($ps*) and (any of ($thread*) or $ps3)
}

rule PowerShell_Reverse_Shell : powershell
{
    meta:
        description = "PowerShell that gives its prompt to a remote peer"
        severity = "critical"
        class = "reverse-shell"
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $client = /New-Object\s{1,4}(-TypeName\s{1,4})?(System\.)?Net\.Sockets\.TCPClient\s{0,4}\(/ nocase ascii wide
        $stream = ".GetStream()" nocase ascii wide
        $run = /\b(iex|Invoke-Expr\x65ssion)\b/ nocase ascii wide
        $prompt = /["']PS ["']\s{0,4}\+\s{0,4}\(\s{0,4}(pwd|Get-Location)/ nocase ascii wide
        $loop = /while\s{0,4}\(\s{0,4}\(\s{0,4}\$\w{1,20}\s{0,4}=\s{0,4}\$\w{1,20}\.Read\s{0,4}\(/ nocase ascii wide
    condition:
        $client and $stream and $run and any of ($prompt, $loop)
}

rule Command_Certutil_Download : lolbin
{
    meta:
        description = "certutil fetches a file"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $name = "certutil" nocase ascii wide
        $get = /[\-\/]urlcache( {1,2}[\-\/]\w{1,6}){0,3} {1,2}["\']?h..ps?:\/\// nocase ascii wide
        $decode = /certutil(\.exe)? {1,3}[\-\/]decode {1,3}[^\s]{1,60} {1,3}[^\s]{1,60}\.(exe|dll|scr|hta|vbs|js|bat|ps1)\b/ nocase ascii wide
    condition:
        ($name and $get) or $decode
}

rule Command_Bitsadmin_Download : lolbin
{
    meta:
        description = "bitsadmin fetches a program"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1197/"
    strings:
        $name = "bitsadmin" nocase ascii wide
        $get = /\/transfer [^\r\n]{0,50}h..ps?:\/\/[^\s"\']{4,90}\.(exe|dll|scr|hta|vbs|vbe|jse?|bat|cmd|ps1|msi|zip)\b/ nocase ascii wide
    condition:
        all of them
}

rule Command_Mshta_Remote : lolbin
{
    meta:
        description = "mshta runs a remote page or a script from its command line"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $web = /mshta(\.exe)?["'^]{0,2}\s{1,4}["']?h..ps?:\/\/[^\s"'<>]{6}/ nocase ascii wide
        $script = /mshta(\.exe)?["'^]{0,2}\s{1,4}["']?(javascript|vbscript):[^\r\n]{0,40}(CreateObject|ActiveXObject|GetObject|Execute|eval|document|window|close)/ nocase ascii wide
    condition:
        any of them
}

rule Command_Regsvr32_Remote : lolbin
{
    meta:
        description = "regsvr32 runs a remote scriptlet"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1218/010/"
    strings:
        $name = "regsvr32" nocase ascii wide
        $from = /\/i:["\']?h..ps?:\/\// nocase ascii wide
        $by = "scrobj" nocase ascii wide
    condition:
        all of them
}

rule Command_Rundll32_Script : lolbin
{
    meta:
        description = "rundll32 runs a script from its command line"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1218/011/"
    strings:
        $a = /rundll32(\.exe)?["'^]{0,2}\s{1,4}["']?javascript:/ nocase ascii wide
        $b = /rundll32(\.exe)?["'^]{0,2}\s{1,4}[^\r\n]{0,20}\\\\[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(@\d{1,5})?\\/ nocase ascii wide
    condition:
        any of them
}

rule Command_Msiexec_Remote_Quiet : lolbin
{
    meta:
        description = "msiexec installs a remote package without a word, from an address without a name"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1218/007/"
    strings:
        $a = /msiexec(\.exe)? {1,2}(\/q\w{0,5} {1,2})?\/i {1,2}["\']?h..ps?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/ nocase ascii wide
        $quiet1 = " /q" nocase ascii wide
        $quiet2 = " -q" nocase ascii wide
    condition:
        $a and any of ($quiet*)
}

rule WSH_Dropper : wsh
{
    meta:
        description = "A script of Windows that fetches a file, saves it and runs it"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $http = /(MSXML2\.(Server)?XMLHTTP|Microsoft\.XMLHTTP|WinHttp\.WinHttpRequest)/ nocase ascii wide
        $stream = /ADODB\.Stream/ nocase ascii wide
        $save = "SaveToFile" nocase ascii wide
        $run1 = /WScript\.Shell/ nocase ascii wide
        $run2 = /Shell\.Application/ nocase ascii wide
        $go = /\.\s{0,2}(Run|Exec|ShellExecute)\s{0,4}[\(\s"']/ nocase ascii wide
    condition:
        filesize < 8MB and $http and $stream and $save and any of ($run*) and $go
}

rule WSH_Reversed_Names : wsh
{
    meta:
        description = "A script that writes the names of Windows objects backwards"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = "lle\x68S.tpircSW" nocase ascii wide
        $b = "maert\x53.BDODA" nocase ascii wide
        $c = "tcejb\x4fXevitcA" ascii wide
        $d = "PTTH\x4cMX.2LMXSM" nocase ascii wide
        $e = "tcejbOmetsyS\x65liF.gnitpircS" nocase ascii wide
        $f = "lleh\x73rewop" nocase ascii wide
        $g = "gnirt\x53daolnwoD" nocase ascii wide
    condition:
        filesize < 4MB and 2 of them
}

rule VBScript_Spelled_Code : wsh
{
    meta:
        description = "VBScript that runs code which it spells by character codes"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = /\bexecute(global)?\s{0,4}\(?\s{0,4}(chrw?\s{0,2}\(\s{0,2}(&h)?[0-9a-f]{1,4}\s{0,2}\)\s{0,2}&\s{0,2}){10}/ nocase ascii wide
        $b = /\bexecute(global)?\s{0,4}\(?\s{0,4}(strreverse|replace|unescape)\s{0,2}\(\s{0,2}"[^"\r\n]{60}/ nocase ascii wide
    condition:
        any of them
}

rule JScript_Spelled_Code
{
    meta:
        description = "JavaScript that runs code which it spells by character codes"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = /\beval\s{0,4}\(\s{0,4}String\s{0,2}\.\s{0,2}fromCharCode\s{0,2}\(\s{0,4}([0-9]{2,3}\s{0,2},\s{0,2}){30}/
        $b = /\b(new\s{1,4})?Function\s{0,2}\(\s{0,4}(String\s{0,2}\.\s{0,2}fromCharCode\s{0,2}\(\s{0,4}([0-9]{2,3}\s{0,2},\s{0,2}){30}|atob\s{0,2}\(\s{0,2}["'][A-Za-z0-9+\/]{200})/
    condition:
        any of them
}

rule Script_Tampers_With_Defender
{
    meta:
        description = "Switches the malware protection of Windows off, and fetches or hides something"
        severity = "high"
        class = "evasion"
        reference = "https://attack.mitre.org/techniques/T1562/001/"
    strings:
        $off1 = /-Disable(RealtimeMonitoring|BehaviorMonitoring|IOAVProtection|ScriptScanning)\s{1,4}(\$true|1)/ nocase ascii wide
        $off2 = /-Exclusion(Path|Extension|Process)\s{1,4}["\']?(C:\\?["\']?[\s;\r\n]|\$env:(temp|appdata|public)|C:\\Users\\Public|\.exe|\.dll)/ nocase ascii wide
        $off3 = "DisableAntiSp\x79ware" nocase ascii wide
        $also1 = "-w hid" nocase ascii wide
        $also2 = "-windowstyle hid" nocase ascii wide
        $also3 = "-w h " nocase ascii wide
        $also4 = "-w 1 " nocase ascii wide
        $also5 = "-win hid" nocase ascii wide
        $also6 = "-windowstyle 1 " nocase ascii wide
        $also7 = "-wi hid" nocase ascii wide
        $also8 = "DownloadFile(" nocase ascii wide
        $also9 = "DownloadString(" nocase ascii wide
        $also10 = "Start-BitsTransfer" nocase ascii wide
        $also11 = "schtasks /create" nocase ascii wide
        $also12 = "delete shadows" nocase ascii wide
    condition:
        any of ($off*) and any of ($also*)
}

rule Script_Run_Key_Persistence
{
    meta:
        description = "Makes Windows run a hidden script at each logon"
        severity = "high"
        class = "persistence"
        reference = "https://attack.mitre.org/techniques/T1547/001/"
    strings:
        $reg = /CurrentVersion\\{1,2}Run(Once)?["']?\s[^\r\n]{0,160}(mshta(\.exe)?\s{1,4}["\\']{0,3}(https?|javascript|vbscript):|powershell(\.exe)?\s[^\r\n]{0,120}(-w\w{0,10}\s{1,4}h|-e(nc|c)?\w{0,12}\s{1,4}[A-Za-z0-9+\/]{20}|downloadstring)|rundll32(\.exe)?\s[^\r\n]{0,60}\\temp\\|wscript(\.exe)?\s[^\r\n]{0,20}\/\/(b|e))/ nocase ascii wide
        $task = /schtasks(\.exe)?\s{1,4}\/create\s[^\r\n]{0,160}\/tr\s{1,4}["\\']{0,3}[^\r\n]{0,40}(mshta(\.exe)?\s{1,4}["\\']{0,3}h..ps?:|powershell(\.exe)?\s[^\r\n]{0,120}(-w\w{0,10}\s{1,4}h|-e(nc|c)?\w{0,12}\s{1,4}[A-Za-z0-9+\/]{20}|downloadstring))/ nocase ascii wide
    condition:
        any of them
}

rule Shell_Reverse_Shell : unix
{
    meta:
        description = "A command that gives a shell to a remote peer"
        severity = "critical"
        class = "reverse-shell"
        reference = "https://attack.mitre.org/techniques/T1059/004/"
    strings:
        $bash1 = /\b(ba|z|k|a|da)?sh\s{1,4}-i\s{0,4}[0-9]?(>&|&>|>|<)\s{0,4}\/dev\/(tcp|udp)\/[^\s\/'"]{3,80}\/[0-9$]/
        $bash2 = /exec\s{1,4}[0-9]{1,3}<>\s{0,2}\/dev\/tcp\/[^\s\/'"]{3,80}\/[0-9$]{1,6}\s{0,4}[;&]{1,2}[^\r\n]{0,80}(\bsh\b|bash|cat)\s{0,4}<&\s?[0-9]{1,3}/
        $fifo = /mkfifo\s{1,4}\S{1,40}\s{0,4}[;&]{1,2}\s{0,4}[^\r\n]{0,60}\|\s{0,4}(\/bin\/)?(ba|da)?sh\s{1,4}(-i\s{1,4})?2>&1\s{0,4}\|\s{0,4}(nc|ncat|netcat|openssl|telnet)\s/
        $nc1 = /\b(nc|ncat|netcat)(\.traditional|\.openbsd)?\s{1,4}[^\r\n|;&]{0,30}-(e|c|ec)\s{1,4}["']?(\/bin\/|\/usr\/bin\/)(ba|da|z)?sh\b["']?[^\r\n|;&]{0,20}[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/
        $nc2 = /\b(nc|ncat|netcat)(\.traditional|\.openbsd)?\s{1,4}[^\r\n|;&]{0,20}[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[^\r\n|;&]{0,20}-(e|c|ec)\s{1,4}["']?(\/bin\/|\/usr\/bin\/)(ba|da|z)?sh\b/
        $nc3 = /\b(nc|ncat)\.exe\s{1,4}[^\r\n|;&]{0,40}-e\s{1,4}(cmd|powershell)/
        $socat = /socat\s[^\r\n]{0,80}(exec|EXEC|system|SYSTEM):\s{0,2}['"]?(\/bin\/)?(ba)?sh\s{0,2}(-li|-i)?['"]?,pty[^\r\n]{0,60}(tcp|TCP|openssl|OPENSSL)/
        $awk = /awk\s{1,4}['"]BEGIN\s{0,2}\{\s{0,2}\w{1,8}\s{0,2}=\s{0,2}"\/inet\/tcp\/0\//
    condition:
        any of them
}

rule Script_Reverse_Shell : unix
{
    meta:
        description = "A program that gives a shell to a remote peer"
        severity = "critical"
        class = "reverse-shell"
        reference = "https://attack.mitre.org/techniques/T1059/"
    strings:
        $py1 = /os\.dup2\s{0,2}\(\s{0,2}\w{1,20}\.fileno\(\)\s{0,2},\s{0,2}0\s{0,2}\)/
        $py2 = /\.connect\s{0,2}\(\s{0,2}\(/
        $py3 = /(pty\.spawn\s{0,2}\(|subprocess\.(call|run|Popen)\s{0,2}\(\s{0,2}\[?\s{0,2}["']\/bin\/(ba)?sh|os\.system\s{0,2}\(\s{0,2}["']\/bin\/(ba)?sh)/
        $perl = /open\s{0,2}\(\s{0,2}STDIN\s{0,2},\s{0,2}["']>&\s{0,2}\w{1,20}["']\s{0,2}\)[^\0]{0,200}exec\s{0,2}[\(\{]{1,2}\s{0,2}["']\/bin\/(ba)?sh/
        $php = /fsockopen\s{0,2}\([^)]{4,80}\)\s{0,2};[^\0]{0,120}(exec|shell_exec|system|passthru|popen|proc_open)\s{0,2}\(\s{0,2}["'](\/bin\/)?(ba)?sh\s{1,4}-i\s{0,4}<&\s?3/
        $ruby = /TCPSocket\.(new|open)\s{0,2}\([^)]{4,80}\)[^\0]{0,120}exec\s{1,2}sprintf\s{0,2}\(\s{0,2}["']\/bin\/(ba)?sh\s{1,4}-i\s{0,4}<&%d/
        $node = /\.pipe\s{0,2}\(\s{0,2}(\w{1,20})\.stdin\s{0,2}\)[^\0]{0,120}\.stdout\.pipe\s{0,2}\(/
        $node2 = /spawn\s{0,2}\(\s{0,2}["'](\/bin\/)?(ba|z)?(sh|cmd|cmd\.exe|powershell)["']/
        $node3 = /new\s{1,2}net\.Socket\s{0,2}\(|net\.connect\s{0,2}\(/
        $java = /new\s{1,2}(java\.net\.)?Socket\s{0,2}\([^)]{3,80}\)[^\0]{0,1500}redirectErrorStream\s{0,2}\(\s{0,2}true[^\0]{0,1500}getInputStream/
        $java2 = /String\s{1,2}cmd\s{0,2}=\s{0,2}"(\/bin\/(ba)?sh|cmd\.exe)"/
    condition:
        all of ($py*) or any of ($perl, $php, $ruby) or all of ($node*) or all of ($java*)
}

rule Shell_Pipe_From_Bare_Address : unix
{
    meta:
        description = "Fetches a script from an address without a name and runs it"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $a = /http:\/\/(1[1-9]|[2-9][0-9]|1[013-68][0-9]|12[0-689]|17[013-9]|19[013-9]|2[0-4][0-9]|25[0-5]|[1-9])\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(:[0-9]{1,5})?\/[^\s|;&"\'<>]{0,80}["\']?( -O ?-| -o ?-)?( 2>(\/dev\/null|&1))? {0,2}\| {0,2}(sudo )?(\/bin\/)?(ba|da|z|k)?sh\b/
        $b = /\b(curl|wget)( -[a-zA-Z]{1,6}){0,3} (1[1-9]|[2-9][0-9]|1[013-68][0-9]|12[0-689]|17[013-9]|19[013-9]|2[0-4][0-9]|25[0-5]|[1-9])\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(:[0-9]{1,5})?\/[^\s|;&"\'<>]{0,80} {0,2}\| {0,2}(sudo )?(\/bin\/)?(ba|da|z|k)?sh\b/
        $c = /(<\(|\$\(|`)(curl|wget)( -[a-zA-Z]{1,6}){0,3} (http:\/\/)?(1[1-9]|[2-9][0-9]|1[013-68][0-9]|12[0-689]|17[013-9]|19[013-9]|2[0-4][0-9]|25[0-5]|[1-9])\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[:\/]/
        $shell = /\b(bash|sh|zsh|dash) (-c )?["\']?(<\(|\$\(|`)(curl|wget)/
    condition:
        $a or $b or ($c and $shell)
}

rule Shell_Drops_Into_Tmp : unix
{
    meta:
        description = "Fetches a program into a folder that all can write to, and runs it: a bot's first step"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $cd = /cd\s{1,2}\/(tmp|var\/run|dev\/shm|var\/tmp|mnt|root)\s{0,2}\|\|\s{0,2}cd\s{1,2}\/(tmp|var\/run|var|dev\/shm|mnt|root|)/
        $get = /\b(wget|curl|tftp|ftpget)( -[a-zA-Z]{1,6}){0,3} (h..p:\/\/)?[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/
        $chmod = /chmod\s{1,2}(\+x|0?777|0?755|u\+x)/
        $run = /(;sh |; sh |;  sh |;\nsh |;\.\/|; \.\/|;  \.\/|;\t\.\/|;\n\.\/)\s?[^\s;&]{1,40}\s{0,2}[;&\n]/
    condition:
        filesize < 1MB and $cd and $get and any of ($chmod, $run)
}

rule Shell_Cron_Fetches_Code : unix
{
    meta:
        description = "A timed job that fetches code and runs it"
        severity = "high"
        class = "persistence"
        reference = "https://attack.mitre.org/techniques/T1053/003/"
    strings:
        $time = "* * * *"
        $get = /\b(curl|wget) [^\r\n|]{4,70}\| {0,2}(\/bin\/)?(ba)?sh\b/
        $put1 = "| crontab"
        $put2 = "|crontab"
        $put3 = "> /etc/cron"
        $put4 = ">/etc/cron"
        $put5 = "/var/spool/cron"
    condition:
        filesize < 1MB and $time and $get and any of ($put*)
}

rule Shell_Kills_Rival_Miners : unix
{
    meta:
        description = "Ends the miners of others, as the scripts of miners do"
        severity = "high"
        class = "miner"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $k1 = /(pkill|killall)( -\w{1,4}){0,2} ["\']?(xmrig|minerd|xmr-stak|cryptonight|nanominer)/
        $k2 = /(pkill|killall)( -\w{1,4}){0,2} ["\']?(kinsing|kdevtmpfsi|watchbog|sysrv|ddgs|qW3xT)/
        $k3 = /grep( -\w{1,4}){0,2} ["\']?(xmrig|minerd|stratum|cryptonight|kdevtmpfsi|kinsing)["\']?[^\r\n]{0,60}\| {0,2}xargs[^\r\n]{0,12}kill/
        $k4 = "/tmp/kdevt\x6dpfsi"
        $k5 = "/tmp/kins\x69ng"
        $k6 = "rm -f /etc/ld.so.preload"
    condition:
        filesize < 1MB and 2 of them
}

rule Shell_Miner_Setup : unix
{
    meta:
        description = "Sets a miner up, or is its configuration"
        severity = "high"
        class = "miner"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $pool = /stratum\+(tcp|ssl|tls):\/\/[a-z0-9.\-]{4,80}:[0-9]{2,5}/ nocase
        $wallet = /(--user|"user"|"wallet"|WALLET)\s{0,2}[:=]?\s{0,2}["']?[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}/
        $name = /\b(xmrig|xmr-stak|minerd|cpuminer|nanominer)\b/ nocase
        $donate = /"?-{0,2}donate-level"?\s{0,2}[:= ]\s{0,2}[0-9]/
        $algo = /algo"?\s{0,2}[:= ]\s{0,2}"?(rx\/0|randomx|cryptonight|cn\/r)/
    condition:
        filesize < 1MB and ($wallet and any of ($pool, $donate, $algo, $name) or ($pool and $donate) or ($pool and $algo and $name))
}

rule Shell_IRC_Bot : unix
{
    meta:
        description = "A bot in Perl or Python that takes orders by IRC"
        severity = "high"
        class = "bot"
        reference = "https://attack.mitre.org/techniques/T1071/"
    strings:
        $irc1 = "PRIVMSG"
        $irc2 = "NICK "
        $irc3 = "JOIN "
        $do1 = /@?(udp|tcp|http|syn)[ _]?flood/ nocase
        $do2 = "portscan" nocase
        $do3 = "@download" nocase
        $do4 = /\bback\s?connect/ nocase
        $lang = /^#!\s?\/usr\/(local\/)?bin\/(env )?(perl|python)/
    condition:
        filesize < 1MB and $lang at 0 and all of ($irc*) and 2 of ($do*)
}

rule MacOS_Password_Prompt : macos
{
    meta:
        description = "Asks for the user's password in a false dialog and tries or sends it"
        severity = "critical"
        class = "stealer"
        reference = "https://attack.mitre.org/techniques/T1056/002/"
    strings:
        $dialog = "display dialog" nocase
        $hidden1 = "with hidden answer" nocase
        $hidden2 = "hidden answer true" nocase
        $check = /dscl {1,4}(\/Local\/Default|\.) {1,4}-?authonly/ nocase
        $chain = "login\x2ekeychain" nocase
        $curl = /curl( -\w{1,3}){0,3} (-F|--data|-d|-X POST)/
    condition:
        $dialog and any of ($hidden*) and ($check or ($chain and $curl))
}

rule Script_Deletes_Shadow_Copies
{
    meta:
        description = "Deletes the copies that a system could be restored from"
        severity = "critical"
        class = "ransomware"
        reference = "https://attack.mitre.org/techniques/T1490/"
    strings:
        $a = /vssadmin(\.exe)?["']?\s{1,4}delete\s{1,4}shadows\s{1,4}\/all\s{1,4}\/quiet/ nocase ascii wide
        $b = /wmic(\.exe)?["']?\s{1,4}shadowcopy\s{1,4}(where\s[^\r\n]{0,80})?delete/ nocase ascii wide
        $c = /bcdedit(\.exe)?["']?\s{1,4}\/set\s{1,4}\{default\}\s{1,4}recoveryenabled\s{1,4}no/ nocase ascii wide
        $d = /wbadmin(\.exe)?["']?\s{1,4}delete\s{1,4}(catalog|systemstatebackup)/ nocase ascii wide
        $e = /bcdedit(\.exe)?["']?\s{1,4}\/set\s{1,4}\{default\}\s{1,4}bootstatuspolicy\s{1,4}ignoreallfailures/ nocase ascii wide
    condition:
        2 of them
}

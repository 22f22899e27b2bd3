// Programs, and the machine code that exploits bring. Rules look at what gives a tool away, and not at how it
// was packed: packers and odd sections are found in honest programs as well.

private rule is_elf { condition: uint32be(0) == 0x7F454C46 }
private rule is_pe  { condition: uint16be(0) == 0x4D5A and uint32(0x3C) < filesize and uint32be(uint32(0x3C)) == 0x50450000 }
private rule is_program
{
    condition:
        is_elf or is_pe or uint32(0) == 0xFEEDFACF or uint32(0) == 0xFEEDFACE or uint32be(0) == 0xCAFEBABE
}
private rule is_image
{
    condition:
        uint32be(0) == 0x47494638 or uint32be(0) == 0x89504E47 or (uint16be(0) == 0xFFD8 and uint8(2) == 0xFF) or
        (uint32be(0) == 0x52494646 and uint32be(8) == 0x57454250)
}

rule Shellcode_Metasploit : shellcode
{
    meta:
        description = "Machine code of Metasploit's payloads"
        severity = "critical"
        class = "shellcode"
        reference = "https://attack.mitre.org/software/S0081/"
    strings:
        $win32 = { FC E8 (82|89|8F) 00 00 00 60 (89 E5 31|89 E5 31 C0|31 D2 89 E5|89 E5) }
        $win64 = { FC 48 83 E4 F0 E8 (C0|C8|CC|CA) 00 00 00 41 51 41 50 52 51 56 48 31 D2 }
        $lin32 = { 31 DB F7 E3 53 43 53 6A 02 89 E1 B0 66 CD 80 }
        $lin64 = { 6A 29 58 99 6A 02 5F 6A 01 5E 0F 05 48 97 48 B9 02 00 }
        $lin64s = { 48 31 FF 6A 09 58 99 B6 10 48 89 D6 4D 31 C9 6A 22 41 5A }
        $b64win32 = "\xe8\x82\x00\x00\x00`\x89\xe51\xc0d\x8b" base64
        $b64win64 = "\xfcH\x83\xe4\xf0\xe8\xc0\x00\x00\x00AQAP" base64
        $hexwin64 = /0xfc,\s?0x48,\s?0x83,\s?0xe4,\s?0xf0,\s?0xe8/ nocase
        $hexwin32 = /0xfc,\s?0xe8,\s?0x8[29f],\s?0x00,\s?0x00,\s?0x00/ nocase
        $escwin64 = "\\xfc\\x48\\x83\\xe4\\xf0\\xe8" nocase
        $escwin32 = /\\xfc\\xe8\\x8[29f]\\x00\\x00\\x00/ nocase
    condition:
        any of them
}

rule CobaltStrike_Beacon : beacon
{
    meta:
        description = "The configuration of a Cobalt Strike beacon"
        severity = "critical"
        class = "backdoor"
        reference = "https://attack.mitre.org/software/S0154/"
    strings:
        // settings 1 (short, 2 bytes) and 2 (short, 2 bytes), hidden with the keys of versions 3 and 4
        $v3 = { 69 68 69 68 69 6B ?? ?? 69 6B 69 68 69 6B ?? ?? 69 6A }
        $v4 = { 2E 2F 2E 2F 2E 2C ?? ?? 2E 2C 2E 2F 2E 2C ?? ?? 2E 2D }
        $dll = /beacon(\.x64|\.x86)?\.dll\x00ReflectiveLoader/
        $agent = "%s as %s\\%s: %d"
        $time = "%02d/%02d/%02d %02d:%02d:%02d"
        $http = "HTTP/1.1 200 OK\x0d\x0aContent-Type: application/octet-stream\x0d\x0aContent-Length: %d"
    condition:
        any of ($v3, $v4, $dll) or all of ($agent, $time, $http)
}

rule PostExploitation_Tool : tool
{
    meta:
        description = "A program of a known remote control or password dumping tool"
        severity = "critical"
        class = "backdoor"
        reference = "https://attack.mitre.org/techniques/T1219/"
    strings:
        $a1 = "github.com/bishopfox/sliver/" nocase
        $a2 = "github.com/Ne0nd0g/merlin" nocase
        $a3 = "metsrv.dll"
        $a4 = "stdapi_sys_process_execute"
        $a5 = "core_channel_open"
        $m1 = "sekurlsa" ascii wide
        $m2 = "logonpasswords" nocase ascii wide
        $m3 = "gentilkiwi" ascii wide
        $m4 = "mimikatz" nocase ascii wide
        $m5 = "lsadump::" ascii wide
        $h1 = "HaVoC" 
        $h2 = "DemonDirect"
        $q1 = "QuasarRAT" nocase ascii wide
        $q2 = "AsyncClient" ascii wide
        $q3 = "AsyncMutex_" ascii wide
    condition:
        is_program and (any of ($a1, $a2) or 2 of ($a3, $a4, $a5) or 3 of ($m*) or all of ($h*) or 2 of ($q*))
}

rule ELF_Miner : elf
{
    meta:
        description = "A program for Linux that mines"
        severity = "high"
        class = "miner"
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $a = "stratum+tcp://"
        $b = "stratum+ssl://"
        $c = "donate-level"
        $d = "randomx" nocase
        $e = "cryptonight" nocase
        $f = "xmrig" nocase
        $g = "nicehash" nocase
        $h = "\"method\":\"mining."
    condition:
        is_program and 3 of them
}

rule ELF_IoT_Bot : elf
{
    meta:
        description = "A bot for small Linux devices, of the Mirai or Gafgyt family"
        severity = "critical"
        class = "bot"
        reference = "https://attack.mitre.org/techniques/T1498/"
    strings:
        $a = "/dev/misc/watchdog"
        $b = "TSource Engine Query"
        $c = "listening tun0"
        $d = "/proc/net/tcp"
        $e = /MIRAI|PMMV|@OKPCK/
        $f = "/bin/busybox" 
        $g = /(wget|tftp)\s[^\x00]{0,80}\.(mips|mpsl|arm[4-7]?|sh4|ppc|m68k|x86)\b/
        $h = /\b(UDP|TCP|STD|HTTP|VSE|SYN|ACK)(FLOOD|PLAIN)\b/
        $i = /POST \/(cdn-cgi\/|GponForm\/diag_Form|ctrlt\/DeviceUpgrade|UD\/act|picsdesc\.xml|HNAP1)/
        $j = ";${IFS}wget${IFS}"
        $k = /\/tmp\/[a-z0-9._\-]{1,20};\s?(wget|chmod|sh|rm)/
        $l = "XMNNCPF"
    condition:
        is_elf and filesize < 4MB and 3 of them
}

rule Program_Deletes_Shadow_Copies : ransomware
{
    meta:
        description = "A program that deletes the copies a system could be restored from, and speaks of ransom"
        severity = "critical"
        class = "ransomware"
        reference = "https://attack.mitre.org/techniques/T1486/"
    strings:
        $d1 = /delete\s{1,2}shadows\s{1,2}\/all/ nocase ascii wide
        $d2 = /shadowcopy\s{1,2}delete/ nocase ascii wide
        $d3 = /recoveryenabled\s{1,2}no/ nocase ascii wide
        $d4 = /delete\s{1,2}(catalog|systemstatebackup)/ nocase ascii wide
        $r1 = /(files?|data|network|documents)[^\x00\r\n]{0,40}(has been|have been|are|were)\s[^\x00\r\n]{0,20}encrypted/ nocase ascii wide
        $r2 = /[a-z2-7]{56}\.onion/ nocase ascii wide
        $r3 = /(README|RECOVER|DECRYPT|RESTORE|HOW_TO)[\w\-]{0,30}\.(txt|html|hta)/ ascii wide
        $r4 = "bitcoin" nocase ascii wide
    condition:
        is_program and any of ($d*) and 2 of ($r*)
}

rule Program_Steals_Secrets : stealer
{
    meta:
        description = "A program that looks for the passwords and wallets of many others"
        severity = "critical"
        class = "stealer"
        reference = "https://attack.mitre.org/techniques/T1555/"
    strings:
        $a = "\\Login Data" ascii wide
        $b = "\\Exodus\\" ascii wide
        $c = "\\Ethereum\\keystore" ascii wide
        $d = "\\Electrum\\wallets" ascii wide
        $e = "FileZilla\\recentservers.xml" ascii wide
        $f = "\\Telegram Desktop\\tdata" ascii wide
        $g = "\\discord\\Local Storage\\leveldb" ascii wide
        $h = "SELECT origin_url, username_value, password_value FROM logins" ascii wide
        $i = "nkbihfbeogaeaoehlefnkodbefgpgknn" ascii wide
        $j = "\\Martin Prikryl\\WinSCP 2\\Sessions" ascii wide
        $k = "wallet.dat" ascii wide
        $l = "\\Steam\\config\\loginusers" ascii wide
    condition:
        is_program and 4 of them
}

rule Image_Carries_Program
{
    meta:
        description = "An image with a program for Windows in it"
        severity = "high"
        class = "steganography"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
    strings:
        $dos = { 4D 5A [64-160] 54 68 69 73 20 70 72 6F 67 72 61 6D 20 63 61 6E 6E 6F 74 20 62 65 20 72 75 6E 20 69 6E 20 44 4F 53 20 6D 6F 64 65 }
        $b64 = /<<BASE64_START>>\s{0,4}TVqQ|TVqQAAMAAAAEAAAA\/\/8AALgAAAA/
        $rev = "ZG9tIFNPRCBuaSBudXIgZWIgdG9ubmFj"
    condition:
        is_image and any of them
}

rule Program_Reversed_Or_Bent
{
    meta:
        description = "A program for Windows that was turned back to front, as droppers fetch it"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $back = "edom SOD ni nur eb tonnac mar\x67orp sihT"
        $b64 = "AAAAEAAAAMAAQqV\x54"
        $hex = "4d5a9000030000000400\x30000ffff0000b8000000" nocase
        $hexback = "000000008b0000fff\x66000000400000003000\x309a5d4" nocase
        $dec = /\b77,\s?90,\s?144,\s?0,\s?3,\s?0,\s?0,\s?0,\s?4,\s?0,\s?0,\s?0,\s?255,\s?255/
        $run = /(VirtualAlloc|Assembly|Reflection|CreateObject|powershell|WScript|Invoke|eval\()/ nocase
    condition:
        $back or (any of ($b64, $hex, $hexback, $dec) and $run and not is_program)
}

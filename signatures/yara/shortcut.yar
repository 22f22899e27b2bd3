// Files that Windows runs although they look like papers: shortcuts, HTML applications, notes, disk images.

private rule is_lnk { condition: uint32(0) == 0x4C and uint32(4) == 0x00021401 and uint32(8) == 0 and uint32be(12) == 0xC0000000 }

rule LNK_Runs_Script : lnk
{
    meta:
        description = "A shortcut that fetches or unpacks a script and runs it"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $t1 = "powershell" nocase ascii wide
        $t2 = "mshta" nocase ascii wide
        $t3 = "wscript" nocase ascii wide
        $t4 = "cscript" nocase ascii wide
        $t5 = "cmd.exe" nocase ascii wide
        $t6 = "rundll32" nocase ascii wide
        $t7 = "msiexec" nocase ascii wide
        $t8 = "forfiles" nocase ascii wide
        $d1 = "http://" nocase
        $d10 = "https://" nocase
        $d2 = /h\x00t\x00t\x00p\x00(s\x00)?:\x00\/\x00\/\x00/
        $d3 = " -enc" nocase ascii wide
        $d9 = " -e JAB" nocase ascii wide
        $d4 = "FromBase64String" nocase ascii wide
        $d5 = /\\\\[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/ ascii wide
        $d6 = "DownloadString" nocase ascii wide
        $d7 = /findstr\s[^\r\n]{0,80}\.lnk/ nocase ascii wide
        $d8 = "hidden" nocase ascii wide
    condition:
        is_lnk and any of ($t*) and any of ($d*)
}

rule LNK_Carries_Program : lnk
{
    meta:
        description = "A shortcut with a program behind it"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
    strings:
        $dos = "This program cannot be run in DOS mode"
        $pe64 = "TVqQAAMAAAAEAAAA"
        $script = "CreateObject(" nocase
        $hta = "<script" nocase
    condition:
        is_lnk and any of them
}

rule HTA_Dropper : hta
{
    meta:
        description = "An HTML application that starts a program out of sight"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1218/005/"
    strings:
        $hta = "<hta:application" nocase
        $shell = /(WScript\.Shell|Shell\.Application)/ nocase
        $run = /\.\s{0,2}(Run|Exec|ShellExecute)\s{0,4}[\(\s"']/ nocase
        $cmd = /(powershell|cmd(\.exe)?\s{1,2}\/c|mshta|certutil|bitsadmin|regsvr32|rundll32|DownloadFile|XMLHTTP)/ nocase
        $hide1 = /showintaskbar\s{0,2}=\s{0,2}["']?no/ nocase
        $hide2 = /windowstate\s{0,2}=\s{0,2}["']?minimize/ nocase
        $hide3 = /(window|self)\.\s{0,2}(close|resizeTo\s{0,2}\(\s{0,2}[01]|moveTo\s{0,2}\(\s{0,2}-)/ nocase
    condition:
        filesize < 4MB and ($hta or extension == ".hta") and $shell and $run and $cmd and any of ($hide*)
}

rule Scriptlet_Runs_Program
{
    meta:
        description = "A scriptlet, a Windows script file or a style sheet that starts a program"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1220/"
    strings:
        $sct = /<script\x6cet\b/ nocase
        $xsl1 = "<msxsl\x3ascript" nocase
        $xsl2 = "<ms\x3ascript" nocase
        $xsl3 = "<user\x3ascript" nocase
        $task = "CodeTask\x46actory" nocase
        $script = /<script\b/ nocase
        $object = /(ActiveXObject\s{0,2}\(|CreateObject\s{0,2}\(|GetObject\s{0,2}\()/ nocase
        $shell = /(WScript\.Shell|Shell\.Application|winmgmts:|XMLHTTP)/ nocase
        $net = /(Process\.Start\s{0,2}\(|VirtualAlloc|Assembly\.Load\s{0,2}\()/
    condition:
        filesize < 4MB and (($sct and $script and $object and $shell) or (any of ($xsl*) and (($object and $shell) or $net)) or ($task and $net))
}

rule URL_File_Starts_Program
{
    meta:
        description = "An internet shortcut that starts a program from a remote share"
        severity = "high"
        class = "dropper"
        reference = "CVE-2023-36025"
    strings:
        $head = "[InternetShortcut]" nocase
        $url = /\bURL=(file:\/{2,4}|\\\\)[^\r\n]{1,200}\.(exe|hta|vbs|vbe|js|jse|lnk|scr|bat|cmd|msi|wsf|cpl|zip|url)\b/ nocase
        $icon = /\bIconFile=\\\\[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/ nocase
    condition:
        filesize < 64KB and $head in (0..512) and any of ($url, $icon)
}

rule Explorer_File_Leaks_Or_Fetches
{
    meta:
        description = "A file that makes Windows Explorer contact a remote share when a folder is looked at"
        severity = "high"
        class = "credential_leak"
        reference = "https://attack.mitre.org/techniques/T1187/"
    strings:
        $scf = "[Shell]" nocase
        $icon = /\bIconFile\s{0,2}=\s{0,2}\\\\[^\r\n\\]{3,80}\\/ nocase
        $lib = "<libraryDescription" nocase
        $loc = /<url>\s{0,4}(\\\\|h..ps?:\/\/|file:\/\/)[^<]{3,200}<\/url>/ nocase
        $search = /search(-ms)?:[^"'\s<>]{0,200}crumb=location:(\\\\|%5c%5c|https?|file:)/ nocase
    condition:
        filesize < 256KB and (($scf in (0..64) and $icon) or ($lib and $loc) or $search)
}

rule Settings_File_Runs_Program
{
    meta:
        description = "A link into the settings of Windows that starts a program instead"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $root = "<SearchableContent" nocase
        $link = /<DeepLink>[^<]{0,200}(cmd(\.exe)?|powershell|mshta|rundll32|wscript|cscript|\.exe)\b[^<]{0,400}<\/DeepLink>/ nocase
    condition:
        filesize < 256KB and all of them
}

rule OneNote_Carries_Program
{
    meta:
        description = "A OneNote section with a script or a program attached"
        severity = "critical"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $file = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $s1 = "WScript.Shell" nocase ascii wide
        $s2 = "<hta:application" nocase
        $s3 = /powershell(\.exe)?\s{1,4}[\-\/(]/ nocase ascii wide
        $s4 = "@echo off" nocase
        $s5 = "This program cannot be run in DOS mode"
        $s6 = /CreateObject\s{0,2}\(/ nocase
        $s7 = "ActiveXObject" nocase
        $s8 = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4C 00 00 00 01 14 02 00 }
    condition:
        uint32be(0) == 0xE4525C7B and uint32be(4) == 0x8CD8A74D and $file and any of ($s*)
}

rule ISO_Shortcut_And_Program
{
    meta:
        description = "A small disk image with a shortcut beside a program or a script"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1553/005/"
    strings:
        $lnk = ".LNK;1"
        $run = /\.(DLL|JS|JSE|VBS|VBE|CMD|BAT|PS1|HTA|WSF|EXE);1/
    condition:
        filesize < 64MB and uint32be(0x8001) == 0x43443030 and $run and $lnk
}

rule Name_With_Two_Endings
{
    meta:
        description = "A program or a script whose name pretends to be a paper or a picture"
        severity = "high"
        class = "masquerade"
        reference = "https://attack.mitre.org/techniques/T1036/007/"
    condition:
        filename matches /\.(pdf|docx?|xlsx?|pptx?|rtf|txt|jpe?g|png|gif|mp[34]|csv)[ _]{0,80}\.(exe|scr|com|pif|cpl|js|jse|vbs|vbe|wsf|hta|lnk|bat|cmd|ps1|url|iso|msi)$/i
}

rule Name_Turned_Around
{
    meta:
        description = "A name that hides its ending by turning the direction of writing"
        severity = "high"
        class = "masquerade"
        reference = "https://attack.mitre.org/techniques/T1036/002/"
    condition:
        // RIGHT-TO-LEFT OVERRIDE, U+202E
        filename matches /\xe2\x80\xae[^\/\\]{0,40}\.(exe|scr|com|pif|cpl|js|jse|vbs|vbe|wsf|hta|lnk|bat|cmd|ps1|url|msi)$/i
}

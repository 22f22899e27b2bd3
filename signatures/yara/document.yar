// Office files, RTF and PDF that run something. Macros as such are the business of disarming; here are those
// that do what a letter or an invoice never does.

private rule is_ole { condition: uint32be(0) == 0xD0CF11E0 and uint32be(4) == 0xA1B11AE1 }
private rule is_rtf { condition: uint32be(0) == 0x7B5C7274 }
private rule is_pdf
{
    strings: $magic = "%PD\x46-"
    condition: $magic in (0..1024)
}

rule Office_Macro_Runs_Program : macro
{
    meta:
        description = "A macro that runs by itself and starts a program or fetches one"
        severity = "high"
        class = "macro"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $vba1 = "Attribute VB\x5fName"
        $vba2 = "_VBA_PROJECT" wide
        $vba3 = "Attribut" // begins each module, and the packing of VBA leaves eight bytes as they are
        $auto0 = "AutoOpen" nocase fullword
        $auto1 = "Auto_Open" nocase fullword
        $auto2 = "AutoClose" nocase fullword
        $auto3 = "Auto_Close" nocase fullword
        $auto4 = "AutoExec" nocase fullword
        $auto5 = "Document_Open" nocase fullword
        $auto6 = "DocumentOpen" nocase fullword
        $auto7 = "Document_Close" nocase fullword
        $auto8 = "Workbook_Open" nocase fullword
        $auto9 = "Workbook_Activate" nocase fullword
        $auto10 = "Workbook_BeforeClose" nocase fullword
        $run1 = /WScript\.Shell/ nocase
        $run2 = "powershell" nocase
        $run3 = "cmd /c" nocase
        $run14 = "cmd.exe /c" nocase
        $run4 = "URLDownloadToFile" nocase
        $run5 = /MSXML2\.(Server)?XMLHTTP/ nocase
        $run6 = /ADODB\.Stream/ nocase
        $run7 = "winmgmts:" nocase
        $run8 = "VirtualAlloc"
        $run9 = "CreateThread"
        $run10 = "mshta" nocase
        $run11 = "regsvr32" nocase
        $run12 = "certutil" nocase
        $run13 = "ShellExecute" nocase
        $shell = /\bShell\s{0,2}[\(\s]\s{0,2}["\w]/ nocase
    condition:
        any of ($auto*) and (($vba1 and (2 of ($run*) or (any of ($run*) and $shell))) or (is_ole and $vba2 and $vba3 and 2 of ($run*)))
}

rule Office_Equation_Overflow : exploit
{
    meta:
        description = "An equation whose font name overruns the equation editor (CVE-2017-11882, CVE-2018-0802)"
        severity = "critical"
        class = "exploit"
        reference = "CVE-2017-11882"
    strings:
        // header of the stream, then MTEF 3 and a font record whose name is longer than its place of 40 bytes
        $font = { 1C 00 00 00 02 00 [22] 03 01 0? 03 ?? [0-3] 08 ?? ?? }
        $winexec = { 12 0C 43 00 }
        $hex = /1c0000000200[0-9a-f\s]{40,64}03010[0-9]03[0-9a-f\s]{2,10}08/ nocase
        $hexexec = "120c4300" nocase
        $cmd = /(cmd(\.exe)?\s{1,2}\/c|mshta(\.exe)?\s{1,2}http|powershell|regsvr32|msiexec|certutil)/ nocase
    condition:
        (is_ole and $font and any of ($winexec, $cmd)) or (is_rtf and $hex and $hexexec)
}

rule RTF_Equation_Updates_Itself : exploit
{
    meta:
        description = "RTF that starts the old equation editor without being asked"
        severity = "high"
        class = "exploit"
        reference = "CVE-2017-11882"
    strings:
        $update = "\\objupdate"
        $class = /\\objclass\s{1,4}Equation\.[23]/ nocase
        $hex = "4571756174696f6e2e3" nocase
        $clsid = "02ce020000000000c000000000000046" nocase
    condition:
        is_rtf and $update and any of ($class, $hex, $clsid)
}

rule RTF_Remote_Object : exploit
{
    meta:
        description = "RTF that fetches and runs a remote object without being asked (CVE-2017-0199 and its kin)"
        severity = "critical"
        class = "exploit"
        reference = "CVE-2017-0199"
    strings:
        $update = "\\objupdate"
        $link = "\\objautlink"
        $url = "e0c9ea79f9bace118c8200aa004ba90b" nocase
        $script = "6c0064006f0063" nocase
        $soap = "c7b0abec197fd211978e0000f8757e2a" nocase
        $http = /68(00)?74(00)?74(00)?70(00)?(73(00)?)?3a/ nocase
    condition:
        is_rtf and any of ($update, $link) and any of ($url, $script, $soap) and $http
}

rule RTF_Bent_Header : exploit
{
    meta:
        description = "RTF whose header is bent to escape filters, with an object inside"
        severity = "high"
        class = "exploit"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $data = /\\object|\\objdata/
    condition:
        is_rtf and uint16be(4) != 0x6631 and uint8(4) != 0x66 and $data
}

rule OOXML_Remote_Object : exploit
{
    meta:
        description = "An Office file that fetches and runs a remote object (CVE-2021-40444, CVE-2022-30190)"
        severity = "critical"
        class = "exploit"
        reference = "CVE-2022-30190"
    strings:
        $rels = "schemas.openxmlformats.org/package/2006/relationships"
        $mhtml = /Target\s{0,2}=\s{0,2}["'](mhtml:|x-usc:|ms-ms\x64t:|search-ms:)/ nocase
        $bang = /Type\s{0,2}=\s{0,2}["'][^"']{1,120}\/oleObject["'][^>]{0,80}Target\s{0,2}=\s{0,2}["']h..ps?:\/\/[^"']{4,200}!["']/ nocase
        $bang2 = /Target\s{0,2}=\s{0,2}["']h..ps?:\/\/[^"']{4,200}!["'][^>]{0,200}External/ nocase
    condition:
        filesize < 1MB and $rels and any of ($mhtml, $bang, $bang2)
}

rule OOXML_Remote_Template
{
    meta:
        description = "An Office file that fetches its template, and the macros in it, from an address without a name or as a macro template"
        severity = "high"
        class = "remote_template"
        reference = "https://attack.mitre.org/techniques/T1221/"
    strings:
        $rels = "schemas.openxmlformats.org/package/2006/relationships"
        $ip = /\/attachedTemplate["'][^>]{0,40}Target\s{0,2}=\s{0,2}["']h..ps?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[:\/]/ nocase
        $dotm = /\/attachedTemplate["'][^>]{0,40}Target\s{0,2}=\s{0,2}["']h..ps?:\/\/[^"']{4,200}\.(dotm|doc|php|txt|jpg|png)["'?]/ nocase
    condition:
        filesize < 1MB and $rels and any of ($ip, $dotm)
}

rule Office_DDE_Command
{
    meta:
        description = "A field or a cell that starts a program through DDE"
        severity = "high"
        class = "dde"
        reference = "https://attack.mitre.org/techniques/T1559/002/"
    strings:
        $field = /\bDDE(AUTO)?["'\s]{1,8}(c:\\{1,4}|["']?(cmd|powershell|mshta|regsvr32|rundll32|wscript)(\.exe)?\b)/ nocase ascii wide
        $cell = /(^|[^'=+\-@])[=+\-@]{1,4}(cmd|msexcel|powershell|mshta|rundll32|regsvr32|wscript|certutil)(\.exe)?\|\s{0,2}['"]\s{0,2}[\/\\ \-]/ nocase
        $xml = /<ddeLink[^>]{0,120}ddeService\s{0,2}=\s{0,2}["'](cmd|powershell|mshta|rundll32|regsvr32|wscript)/ nocase
    condition:
        any of them
}

rule Excel_Macro_Sheet_Runs_Program : macro
{
    meta:
        description = "An Excel 4.0 macro sheet that runs or fetches a program"
        severity = "critical"
        class = "macro"
        reference = "https://attack.mitre.org/techniques/T1059/005/"
    strings:
        $sheet = /<(xm:)?macrosheet\b/
        $exec = /<(xm:)?f[^>]{0,20}>[^<]{0,80}\b(EXEC|CALL|REGISTER|FORMULA\.FILL|FOPEN|FWRITELN)\s{0,2}\(/
        $api = /(URLDownloadToFile|ShellExecute|VirtualAlloc|WinExec|URLMON)/ nocase
    condition:
        filesize < 16MB and $sheet and ($exec or $api)
}

rule Office_Msdt_Link : exploit
{
    meta:
        description = "A link that makes the support tool of Windows run a command (Follina)"
        severity = "critical"
        class = "exploit"
        reference = "CVE-2022-30190"
    strings:
        $scheme = "ms-m\x73dt:" nocase ascii wide
        $method1 = "IT_BrowseForFile" nocase ascii wide
        $method2 = "IT_RebrowseForFile" nocase ascii wide
        $method3 = "IT_LaunchMethod" nocase ascii wide
        $run1 = "=$\x28" nocase ascii wide
        $run2 = "Invoke-Expr\x65ssion" nocase ascii wide
        $run3 = "mpsig\x73tub" nocase ascii wide
    condition:
        $scheme and any of ($method*) and any of ($run*)
}

rule Office_Embedded_Program
{
    meta:
        description = "An Office file with a program or a script packed into it"
        severity = "high"
        category = "active_content"
        class = "embedded_program"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $native = { 01 00 4F 00 6C 00 65 00 31 00 30 00 4E 00 61 00 74 00 69 00 76 00 65 00 }
        $e0 = ".exe\x00"
        $e1 = ".js\x00"
        $e2 = ".jse\x00"
        $e3 = ".vbs\x00"
        $e4 = ".vbe\x00"
        $e5 = ".wsf\x00"
        $e6 = ".hta\x00"
        $e7 = ".bat\x00"
        $e8 = ".cmd\x00"
        $e9 = ".ps1\x00"
        $e10 = ".lnk\x00"
        $e11 = ".scr\x00"
        $e12 = ".pif\x00"
        $e13 = ".msi\x00"
    condition:
        is_ole and $native and any of ($e*)
}

rule PDF_Launches_Command : pdf
{
    meta:
        description = "A PDF that starts a command"
        severity = "critical"
        class = "pdf_launch"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $launch = /\/S\s{0,4}\/Launch\b/
        $win = /(cmd\.exe|powershell(\.exe)?|mshta(\.exe)?|wscript(\.exe)?|cscript(\.exe)?|rundll32(\.exe)?|\/bin\/(ba)?sh)\s{0,2}\)/ nocase
    condition:
        is_pdf and $launch and $win
}

rule PDF_Exports_And_Opens_Attachment : pdf
{
    meta:
        description = "A PDF whose script saves an attachment and opens it"
        severity = "critical"
        class = "pdf_javascript"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $a = /exportDataObject\s{0,4}\(\s{0,4}\{[^}]{0,120}nLaunch\s{0,2}:\s{0,2}[12]/
    condition:
        is_pdf and $a
}

rule PDF_Script_Exploits_Reader : pdf
{
    meta:
        description = "A PDF that runs a script when it is opened, and the script does what exploits do"
        severity = "high"
        class = "pdf_javascript"
        reference = "https://attack.mitre.org/techniques/T1203/"
    strings:
        $open1 = "/OpenAction"
        $open2 = /\/AA\s?<</
        $js = "/JavaScript"
        $u1 = /unescape\s{0,4}\(\s{0,4}["']%u[0-9a-f]{4}%u/ nocase
        $u2 = /Collab\s{0,2}\.\s{0,2}(collectEmailInfo|getIcon)\s{0,4}\(/
        $u3 = /util\s{0,2}\.\s{0,2}printf\s{0,4}\(\s{0,4}["']%[0-9]{4,}/
        $u4 = /media\s{0,2}\.\s{0,2}newPlayer\s{0,4}\(/
        $u5 = /eval\s{0,4}\(\s{0,4}(String\.fromCharCode|unescape|this\.info|app\.doc)/
        $u6 = /spell\s{0,2}\.\s{0,2}customDictionaryOpen\s{0,4}\(/
        $u7 = /app\s{0,2}\.\s{0,2}launchURL\s{0,4}\(\s{0,4}["']h..ps?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/
    condition:
        is_pdf and any of ($open*) and $js and any of ($u*)
}

rule PDF_Script_On_Open : pdf
{
    meta:
        description = "A PDF that runs a script when it is opened"
        severity = "low"
        category = "active_content"
        class = "pdf_javascript"
        action = "rewrite"
        reference = "https://attack.mitre.org/techniques/T1203/"
    strings:
        $open = /\/OpenAction\s{0,4}<<[^>]{0,120}\/(JavaScript|JS)\b/
        $ref = /\/OpenAction\s{1,4}[0-9]{1,8}\s{1,2}[0-9]{1,5}\s{1,2}R/
        $js = /\/S\s{0,4}\/JavaScript\b/
    condition:
        is_pdf and ($open or ($ref and $js))
}

rule PDF_Spelled_Names : pdf
{
    meta:
        description = "A PDF that writes the names of actions by character codes"
        severity = "high"
        class = "evasion"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        // whatever is spelled, the first letter that is stands behind those that are not
        $js0 = /\/#4a(a|#61)/ nocase
        $js1 = "/J#61" nocase
        $js2 = "/Ja#76" nocase
        $js3 = "/Jav#61" nocase
        $js4 = "/Java#53" nocase
        $js5 = "/JavaS#63" nocase
        $js6 = "/JavaSc#72" nocase
        $js7 = "/JavaScr#69" nocase
        $js8 = "/JavaScri#70" nocase
        $js9 = "/JavaScrip#74" nocase
        $open0 = /\/#4f(p|#70)/ nocase
        $open1 = "/O#70" nocase
        $open2 = "/Op#65" nocase
        $open3 = "/Ope#6e" nocase
        $open4 = "/Open#41" nocase
        $open5 = "/OpenA#63" nocase
        $open6 = "/OpenAc#74" nocase
        $open7 = "/OpenAct#69" nocase
        $open8 = "/OpenActi#6f" nocase
        $open9 = "/OpenActio#6e" nocase
        $launch0 = /\/#4c(a|#61)/ nocase
        $launch1 = "/L#61" nocase
        $launch2 = "/La#75" nocase
        $launch3 = "/Lau#6e" nocase
        $launch4 = "/Laun#63" nocase
        $launch5 = "/Launc#68" nocase
    condition:
        is_pdf and any of them
}

rule PDF_Attached_Program : pdf
{
    meta:
        description = "A PDF with a program or a script attached, and an action that opens it"
        severity = "high"
        category = "active_content"
        class = "embedded_program"
        reference = "https://attack.mitre.org/techniques/T1204/002/"
    strings:
        $file0 = ".exe)"
        $file1 = ".js)"
        $file2 = ".jse)"
        $file3 = ".vbs)"
        $file4 = ".vbe)"
        $file5 = ".wsf)"
        $file6 = ".hta)"
        $file7 = ".bat)"
        $file8 = ".cmd)"
        $file9 = ".ps1)"
        $file10 = ".lnk)"
        $file11 = ".scr)"
        $file12 = ".pif)"
        $file13 = ".msi)"
        $file14 = ".iso)"
        $file15 = ".img)"
        $embedded = "/EmbeddedFile"
        $act = /\/S\s{0,4}\/(Launch|GoToE|JavaScript)\b/
    condition:
        is_pdf and any of ($file*) and $embedded and $act
}

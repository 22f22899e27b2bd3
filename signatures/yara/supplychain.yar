// Packages that run code when they are installed, programs that steal from developers, and data that runs
// when it is loaded.

rule NPM_Hook_Fetches_Code : npm
{
    meta:
        description = "A package whose installation fetches code and runs it"
        severity = "critical"
        class = "install_hook"
        reference = "https://attack.mitre.org/techniques/T1195/002/"
    strings:
        $hook = /"(pre|post)?install"\s{0,4}:\s{0,4}"[^"\r\n]{0,40}\b(curl|wget)\s/
        $run = /\| ?((sudo )?(\/bin\/)?(ba|da|z)?sh|node|python3?|perl)\b[^"\r\n]{0,20}"/
        $then = /(&&sh|&& sh|&&bash|&& bash|&&dash|&& dash|&&zsh|&& zsh|&&node|&& node|&&chmod|&& chmod) [^"\r\n]{0,60}"/
        $ps = /"(pre|post)?install"\s{0,4}:\s{0,4}"[^"\r\n]{0,20}powershell/ nocase
        $ps1 = "-enc" nocase
        $ps2 = "downloadstring" nocase
        $ps3 = "invoke-webrequest" nocase
        $ps4 = "hidden" nocase
        $php = /"post-(install|update|autoload-dump|root-package-install)-cmd"\s{0,4}:\s{0,4}\[?\s{0,8}"[^"\r\n]{0,40}\b(curl|wget)\s[^"|\r\n]{0,120}\|\s{0,2}(\/bin\/)?(ba|da|z)?(sh|php)\b/
    condition:
        filesize < 1MB and (($hook and ($run or $then)) or ($ps and any of ($ps1, $ps2, $ps3, $ps4)) or $php)
}

rule NPM_Hook_Runs_Packed_Code : npm
{
    meta:
        description = "A package whose installation runs code from a packed text"
        severity = "critical"
        class = "install_hook"
        reference = "https://attack.mitre.org/techniques/T1195/002/"
    strings:
        $hook = /"(pre|post)?install"\s{0,4}:\s{0,4}"\s{0,4}node\s{1,4}(-e|--eval|-p)\s/
        $eval = /\b(eval|Function)\s{0,2}\(/
        $pack1 = "Buffer.from("
        $pack2 = "atob("
        $pack3 = "fromCharCode("
        $use = /require\((\\"|\'|\\\')(node:)?(child_process|https?|net|dns)(\\"|\'|\\\')\)/
        $sh = /"(pre|post)?install"\s{0,4}:\s{0,4}"\s{0,4}echo\s{1,2}[\'"\\]{0,2}[A-Za-z0-9+\/]{20}/
        $pipe = /\| ?base64 (-d|--decode|-D) ?\| ?(ba)?sh/
        $py = /"(pre|post)?install"\s{0,4}:\s{0,4}"\s{0,4}python3?\s{1,2}-c\s[^"\r\n]{0,60}b64decode/
    condition:
        filesize < 1MB and (($hook and (($eval and any of ($pack*)) or $use)) or ($sh and $pipe) or $py)
}

rule NPM_Hook_Sends_Names : npm
{
    meta:
        description = "A package whose installation tells somebody who installs it, as in dependency confusion"
        severity = "high"
        class = "install_hook"
        reference = "https://attack.mitre.org/techniques/T1195/001/"
    strings:
        $hook = /"(pre|post)?install"\s{0,4}:\s{0,4}"(curl|wget|nslookup|dig|ping|sh -c|bash -c|node|python3?)\s/
        $who = /\$\((whoami|hostname|id|uname|pwd|cat )/
        $who2 = /`(whoami|hostname|id|pwd)`/
        $who3 = "%USERNAME%"
        $who4 = "%COMPUTERNAME%"
        $who5 = "$HOSTNAME"
        $catch = /\.(oast\.(fun|pro|live|site|online|me)|burpcollaborator\.net|oastify\.com|interact\.sh|requestbin\.net|pipedream\.net|canarytokens\.com|dnslog\.cn|ngrok\.io)\b/
        $catch2 = "webhook.site/"
    condition:
        filesize < 1MB and $hook and any of ($who*, $catch*)
}

rule Node_Sends_Environment
{
    meta:
        description = "JavaScript that sends the whole environment, with the secrets in it, away"
        severity = "high"
        class = "stealer"
        reference = "https://attack.mitre.org/techniques/T1552/001/"
    strings:
        $env = /JSON\.stringify\s{0,2}\(\s{0,2}(\{\s{0,2}\.\.\.)?process\.env\s{0,2}[\),}]/
        $who1 = /os\.(hostname|userInfo|networkInterfaces|homedir)\s{0,2}\(/
        $who2 = /(\.npmrc|\.ssh\/id_|\.aws\/credentials|\.git-credentials|\.docker\/config|\.kube\/config)/
        $send = /\b(https?\.request|axios\.post|fetch|got\.post|dns\.(lookup|resolve\d?))\s{0,2}\(/
        $bare = /(hostname|baseURL)["']?\s{0,2}[:=]\s{0,2}["'`](h..ps?:\/\/)?[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/
        $catch = /\.(oast\.(fun|pro|live|site|online|me)|oastify\.com|burpcollaborator\.net|pipedream\.net|ngrok\.io|ngrok-free\.app|requestbin\.(net|com))\b/
        $hook = /(webhook\.site\/|discord(app)?\.com\/api\/webhooks\/|api\.telegram\.org\/bot|pastebin\.com\/api)/
    condition:
        filesize < 2MB and $env and $send and any of ($who*) and any of ($bare, $catch, $hook)
}

rule NPM_Worm_Or_Swapper
{
    meta:
        description = "Code of the self-spreading packages and address swappers of 2025"
        severity = "critical"
        class = "stealer"
        reference = "https://attack.mitre.org/techniques/T1195/002/"
    strings:
        $w1 = /shai-?hulud/ nocase
        $w2 = "trufflehog" nocase
        $w3 = "webhook.site/" nocase
        $w4 = /\/user\/repos\b/
        $w5 = "npm publish"
        $w6 = "NpmModule\x2eupdatePackage"
        $s1 = "checketh\x65reumw"
        $s2 = "stealthProxyControl"
        $s3 = "newdlocal"
    condition:
        filesize < 16MB and (($w1 and 2 of ($w2, $w3, $w4, $w5)) or $w6 or ($s1 and any of ($s2, $s3)))
}

rule Python_Runs_Packed_Code : python
{
    meta:
        description = "Python that unpacks code from a text and runs it"
        severity = "high"
        class = "dropper"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = /\b(exec|eval)\s{0,2}\(\s{0,2}(compile\s{0,2}\(\s{0,2})?(__import__\s{0,2}\(\s{0,2}["'](base64|zlib|marshal|codecs|bz2|lzma|binascii)["']\s{0,2}\)|base64|zlib|marshal|bz2|lzma|binascii)\s{0,2}\.\s{0,2}(b64decode|b32decode|b85decode|a85decode|decompress|loads|decode|unhexlify|urlsafe_b64decode)\s{0,2}\(\s{0,2}(((__import__\s{0,2}\(\s{0,2}["']\w{3,10}["']\s{0,2}\)|base64|zlib|codecs|bz2|lzma|binascii)\.)?\w{3,20}\s{0,2}\(\s{0,2}){0,3}b?["'][A-Za-z0-9+\/=\\_\-{}~!@#$%^&*|]{60}/
        $b = /\bexec\s{0,2}\(\s{0,2}\(\s{0,2}_\s{0,2}\)\s{0,2}\(\s{0,2}b?["'][A-Za-z0-9+\/=]{60}/
        $c = /\bexec\s{0,2}\(\s{0,2}["']["']\.join\s{0,2}\(\s{0,2}(chr\s{0,2}\(|map\s{0,2}\(\s{0,2}chr)[^\r\n]{60}/
        $d = /\bexec\s{0,2}\(\s{0,2}(requests\.get|urllib\.request\.urlopen|urlopen|urllib2\.urlopen)\s{0,2}\(\s{0,2}["']h..ps?:\/\/[^"']{4,200}["'][^\r\n]{0,40}\)\s{0,2}(\.text|\.content|\.read\(\))/
        $e = /\bexec\s{0,2}\(\s{0,2}Fernet\s{0,2}\(\s{0,2}b?["'][A-Za-z0-9_\-=]{43,44}["']\s{0,2}\)\.decrypt\s{0,2}\(/
    condition:
        any of them
}

rule Python_Setup_Runs_Hidden_Code : python
{
    meta:
        description = "A Python package whose installation fetches, unpacks or sends something"
        severity = "critical"
        class = "install_hook"
        reference = "https://attack.mitre.org/techniques/T1195/002/"
    strings:
        $setup = /\bsetup\s{0,2}\(/
        $cmd = /cmdclass\s{0,2}=/
        $base = /class\s{1,2}\w{1,40}\s{0,2}\(\s{0,2}(install|develop|egg_info|build_py|sdist|_install|orig_install)\s{0,2}\)/
        $b64 = /\b(b64decode|exec|eval|marshal\.loads)\s{0,2}\(/
        $win = /(powershell|CREATE_NO_WINDOW|-EncodedCommand|\.exe["'])/ nocase
        $fetch = /(requests\.(get|post)|urlopen|urlretrieve|http\.client|socket\.socket)\s{0,2}\(/
        $who = /(socket\.gethostname|getpass\.getuser|os\.environ\.copy|dict\(os\.environ|platform\.node|os\.getlogin)\s{0,2}\(?/
        $run = /(os\.system|subprocess\.(Popen|call|run|check_call)|os\.startfile)\s{0,2}\(/
        $curl = /(os\.system|subprocess\.\w{3,12})\s{0,2}\(\s{0,2}\[?["'][^"'\r\n]{0,40}(curl|wget)\s[^"'\r\n]{0,200}\|\s{0,2}(ba)?sh/
    condition:
        filesize < 512KB and $setup and $cmd and $base and ($curl or ($fetch and $who) or ($b64 and $fetch and $run) or ($win and $fetch and $run))
}

rule Ruby_Gem_Build_Fetches_Code : ruby
{
    meta:
        description = "A Ruby gem whose building fetches code and runs it"
        severity = "critical"
        class = "install_hook"
        reference = "https://attack.mitre.org/techniques/T1195/002/"
    strings:
        $mk = /require\s{1,2}["']mkmf["']/
        $get = /(system ?\(? ?["']|%x[\(\{]|`) ?(curl|wget)\s/
        $pipe = /(\| ?(ba)?sh|; ?chmod|&&chmod|&& chmod|&&sh|&& sh|&&bash|&& bash)\b/
        $b = /\beval\s{0,2}\(?\s{0,2}(Base64\.decode64|URI\.open|Net::HTTP\.get|Zlib)/
    condition:
        filesize < 512KB and $mk and (($get and $pipe) or $b)
}

rule Stealer_Of_Browser_Secrets : stealer
{
    meta:
        description = "A script that reads the passwords, cookies or wallets that browsers keep, and sends them away"
        severity = "critical"
        class = "stealer"
        reference = "https://attack.mitre.org/techniques/T1555/003/"
    strings:
        $b1 = /["'\\\/]Login Data\b/
        $b2 = /["'\\\/]Local State\b/
        $b3 = "encrypted_key"
        $b4 = "CryptUnprotectData"
        $b5 = /Local Storage[\\\/]{1,4}leveldb/
        $b6 = "logins.json"
        $b7 = /\b(nkbihfbeogaeaoehlefnkodbefgpgknn|ibnejdfjmmkpcnlpebklmnkoeoihofec|bfnaelmomeimhlpmgjnjophhpkkoljpa)\b/
        $b8 = /[\\\/]{1,4}(Exodus|Atomic|Electrum|Coinomi)[\\\/]{1,4}/
        $b9 = /tdata["'\\\/]/
        $b10 = "os_crypt"
        $send1 = /discord(app)?\.com\/api\/(v\d{1,2}\/)?webhooks\//
        $send2 = "api.telegram\x2eorg/bot"
        $send3 = /(gofile\.io|anonfi\x6ces|transfer\.sh|store\d?\.gofile|file\.io)/
    condition:
        filesize < 16MB and 4 of ($b*) and any of ($send*)
}

rule Pickle_Runs_Code : pickle
{
    meta:
        description = "A Python pickle, such as a model's weights, that runs code when it is loaded"
        severity = "critical"
        class = "deserialization"
        reference = "https://cwe.mitre.org/data/definitions/502.html"
    strings:
        $g1 = /c(os|posix|nt)\n(system|popen|execv|execl|spawnl)\n/
        $g2 = /c(__builtin__|builtins)\n(eval|exec|execfile|compile|__import__|getattr)\n/
        $g3 = /c(subprocess|commands|pty|runpy|webbrowser)\n(Popen|call|run|check_output|check_call|getoutput|spawn|_run_code|open)\n/
        $s1 = /\x8c\x02(os|nt)\x94?\x8c[\x05-\x06](system|popen)\x94?\x93/
        $s2 = /\x8c\x05posix\x94?\x8c[\x05-\x06](system|popen)\x94?\x93/
        $s3 = /\x8c\x08builtins\x94?\x8c[\x04-\x0a](eval|exec|compile|__import__|getattr)\x94?\x93/
        $s4 = /\x8c\x0asubprocess\x94?\x8c[\x03-\x0c](Popen|call|run|check_output|check_call|getoutput)\x94?\x93/
        $s5 = /\x8c\x0b__builtin__\x94?\x8c[\x04-\x0a](eval|exec|__import__)\x94?\x93/
    condition:
        any of them
}

rule Java_Object_Runs_Code : java
{
    meta:
        description = "A serialised Java object that runs code when it is read"
        severity = "critical"
        class = "deserialization"
        reference = "https://cwe.mitre.org/data/definitions/502.html"
    strings:
        $head = { AC ED 00 05 }
        $a = "org.apache.commons.collections.functors.InvokerTransformer"
        $b = "org.apache.commons.collections4.functors.InvokerTransformer"
        $c = "com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl"
        $d = "org.codehaus.groovy.runtime.ConvertedClosure"
        $e = "org.apache.commons.beanutils.BeanComparator"
        $f = "com.sun.rowset.JdbcRowSetImpl"
        $g = "sun.rmi.server.UnicastRef"
        $h = "org.springframework.beans.factory.ObjectFactory"
        $i = "java.lang.Runtime"
        $j = "javax.management.BadAttributeValueExpException"
        $k = "bsh.XThis"
        $l = "com.mchange.v2.c3p0"
    condition:
        $head and (any of ($c, $f, $g, $k, $l) or (any of ($a, $b, $d, $e, $h) and any of ($i, $j)))
}

rule DotNet_Object_Runs_Code : dotnet
{
    meta:
        description = "A serialised .NET object that starts a process when it is read"
        severity = "critical"
        class = "deserialization"
        reference = "https://cwe.mitre.org/data/definitions/502.html"
    strings:
        $binary = { 00 01 00 00 00 FF FF FF FF 01 00 00 00 00 00 00 00 }
        $type = /"\$type"\s{0,4}:\s{0,4}"System\.(Windows\.Data\.ObjectDataProvider|Configuration\.Install\.AssemblyInstaller|Security\.Principal\.WindowsIdentity)/
        $xaml = /<ObjectDataProvider\b[^>]{0,300}MethodName\s{0,2}=\s{0,2}"Start"/
        $process = "System.Diagnostics.Process"
        $formatter = "Microsoft.VisualStudio.Text.Formatting.TextFormattingRunProperties"
        $sorted = "System.Collections.Generic.ComparisonComparer"
        $actdel = "System.DelegateSerializationHolder"
        $start = "Start"
        $method = "MethodName"
    condition:
        ($type and $process and $method) or ($xaml and $process) or ($xaml and $formatter) or
        ($binary and (($process and $start and any of ($sorted, $actdel)) or ($formatter and $xaml)))
}

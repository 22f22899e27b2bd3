// Programs that hand a web server to whoever asks. A file of a web language is told by its opening tag, so
// that prose about such programs, and lists of their names, are not taken for one.

private rule is_php  { strings: $a = "<?ph\x70" nocase $b = /<\?[=\s]/ condition: any of them }
private rule is_jsp  { strings: $a = "<%" $b = "<jsp:" condition: any of them }
private rule is_image
{
    condition:
        uint32be(0) == 0x47494638 or uint32be(0) == 0x89504E47 or uint16be(0) == 0xFFD8 or
        (uint32be(0) == 0x52494646 and uint32be(8) == 0x57454250)
}

rule PHP_Webshell_Runs_Request : php
{
    meta:
        description = "PHP that runs what the request holds, as code or as a command"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $run = /\b(eval|assert|system|shell_exec|passthru|popen|proc_open|pcntl_exec|create_function)\s{0,2}\(\s{0,2}@?(["']{2},)?((stripslashes|base64_decode|urldecode|gzinflate|gzuncompress|str_rot13|trim|strrev|hex2bin)\(@?){0,3}\$_(POST|GET|REQUEST|COOKIE|SERVER|FILES)\s{0,2}\[/ nocase
        $exec = /\bexec\s{0,8}\(\s{0,8}\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[/ nocase
        $tick = /`\s{0,4}\$_(POST|GET|REQUEST|COOKIE)\s{0,4}\[[^\]`]{1,40}\]\s{0,4}`/ nocase
        $raw = /\b(eval|assert)\s{0,8}\(\s{0,8}file_get_contents\s{0,4}\(\s{0,4}["']php:\/\/input/ nocase
    condition:
        is_php and any of ($run, $exec, $tick, $raw)
}

rule PHP_Webshell_Request_Names_Function : php
{
    meta:
        description = "PHP that calls a function which the request names"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $call = /\$_(GET|POST|REQUEST|COOKIE|SERVER)\s{0,4}\[[^\]]{1,40}\]\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE|SERVER)\s{0,4}\[/ nocase
        $var = /\$(\w{1,20})\s{0,4}=\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]]{1,40}\]\s{0,4};\s{0,4}@?\$\w{1,20}\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[/ nocase
        $user = /\b(call_user_func|call_user_func_array|array_map|array_filter|usort|register_shutdown_function)\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[/ nocase
    condition:
        is_php and any of ($call, $var, $user)
}

rule PHP_Webshell_Packed_Eval : php
{
    meta:
        description = "PHP that unpacks code from a string and runs it"
        severity = "high"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = /\b(eval|assert)\s{0,8}\(\s{0,8}(@?(gzinflate|gzuncompress|gzdecode|str_rot13|base64_decode|strrev|convert_uudecode|hex2bin|rawurldecode)\s{0,4}\(\s{0,4}){1,6}["'][^"']{40}/ nocase
        $b = /\beval\s{0,4}\(\s{0,4}["']\s{0,4}\?>\s{0,4}["']\s{0,4}\.\s{0,4}@?(gzinflate|gzuncompress|base64_decode|str_rot13)\s{0,4}\(/ nocase
    condition:
        is_php and any of ($a, $b)
}

rule PHP_Webshell_Spelled_Function : php
{
    meta:
        description = "PHP that spells the name of a dangerous function by character codes"
        severity = "high"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $eval = /chr\(101\)\s?\.\s?chr\(118\)\s?\.\s?chr\(97\)\s?\.\s?chr\(108\)/ nocase
        $system = /chr\(115\)\s?\.\s?chr\(121\)\s?\.\s?chr\(115\)\s?\.\s?chr\(116\)\s?\.\s?chr\(101\)\s?\.\s?chr\(109\)/ nocase
        $base64 = /chr\(98\)\s?\.\s?chr\(97\)\s?\.\s?chr\(115\)\s?\.\s?chr\(101\)\s?\.\s?chr\(54\)\s?\.\s?chr\(52\)/ nocase
        $hex1 = "\\x62\\x61\\x73\\x65\\x36\\x34\\x5f\\x64\\x65\\x63\\x6f\\x64\\x65" nocase
        $hex2 = "\\x67\\x7a\\x69\\x6e\\x66\\x6c\\x61\\x74\\x65" nocase
        $split1 = "'b'.'a'.'s'.'e'\x2e'6'.'4'"
        $split2 = "\"b\".\"a\".\"s\".\"e\".\"6\".\"4\""
    condition:
        is_php and any of ($eval, $system, $base64, $hex1, $hex2, $split1, $split2)
}

rule PHP_Webshell_Writes_Request : php
{
    meta:
        description = "PHP that writes what the request holds to a file which the request names"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $put = /\b(file_put_contents|fwrite|fputs)\s{0,4}\(\s{0,4}(fopen\s{0,4}\(\s{0,4})?@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]]{1,40}\][^;]{0,40},\s{0,4}((base64_decode|stripslashes|hex2bin|urldecode)\s{0,4}\(\s{0,4}){0,3}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[/ nocase
        $copy = /\bcopy\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]]{1,40}\]\s{0,4},\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[/ nocase
    condition:
        is_php and any of ($put, $copy)
}

rule PHP_Webshell_Known : php
{
    meta:
        description = "A web shell that tells its name"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $n1 = "c99shell" nocase
        $n2 = "r57shell" nocase
        $n3 = "b374k" nocase
        $n4 = "FilesMan" fullword
        $n5 = "p0wny@shell"
        $n6 = "WSO_VERSION"
        $n7 = "Alfa-Shell" nocase
        $n8 = "IndoXploit" nocase
        $n9 = "weevely" nocase
        $f1 = "shell_exec(" nocase
        $f2 = "passthru(" nocase
        $f3 = "proc_open(" nocase
        $f4 = "@ini_set(" nocase
        $f5 = "move_uploaded_file(" nocase
        $f6 = "php_uname(" nocase
        $f7 = "disable_functions" nocase
    condition:
        filesize < 2MB and is_php and any of ($n*) and 2 of ($f*)
}

rule PHP_In_Image : php
{
    meta:
        description = "An image that holds PHP which runs code or commands"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1027/009/"
    strings:
        $tag = "<?ph\x70" nocase
        $short = "<?\x3d"
        $f0 = "eval(" nocase
        $f1 = "assert(" nocase
        $f2 = "system(" nocase
        $f3 = "shell_exec(" nocase
        $f4 = "passthru(" nocase
        $f5 = "base64_decode(" nocase
        $f6 = "create_function(" nocase
        $g = /\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[/
    condition:
        is_image and any of ($tag, $short) and any of ($f*, $g)
}

rule PHP_Handler_For_Images : php
{
    meta:
        description = "Web server settings that make images run as PHP"
        severity = "high"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $a = /\b(AddType|AddHandler)\s{1,4}(application\/x-httpd-php|php\d?-script|x-httpd-php)\S{0,12}\s{1,4}[^\r\n]{0,60}\.(jpe?g|gif|png|txt|ico|svg|webp|log)\b/ nocase
        $b = /<FilesMatch\s{1,4}["'][^"'\r\n]{0,60}(jpe?g|gif|png|ico)[^>\r\n]{0,20}>\s{0,8}(SetHandler|ForceType)\s{1,4}application\/x-httpd-php/ nocase
    condition:
        filesize < 64KB and any of them
}

rule JSP_Webshell_Runs_Request : jsp
{
    meta:
        description = "A Java server page that runs what the request holds as a command"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $exec = /getRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec\s{0,4}\(/
        $builder = /new\s{1,4}(java\.lang\.)?ProcessBuilder\s{0,4}\(/
        $reflect = /Class\.forName\s{0,4}\(\s{0,4}"java\.lang\.(Runtime|ProcessBuilder|ProcessImpl|UNIXProcess)"/
        $param = /request\s{0,4}\.\s{0,4}get(Parameter|Header|QueryString|InputStream|Reader)\s{0,4}\(/
    condition:
        filesize < 256KB and is_jsp and $param and any of ($exec, $builder, $reflect)
}

rule JSP_Webshell_Loads_Class : jsp
{
    meta:
        description = "A Java server page that loads classes which the request holds"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1620/"
    strings:
        $loader = /extends\s{1,4}(java\.lang\.)?ClassLoader\b/
        $define = /\bdefineClass\s{0,4}\(/
        $key1 = "e45e329feb5d925b"
        $key2 = "3c6e0b8a9c15224a"
        $cipher = /Cipher\s{0,4}\.\s{0,4}getInstance\s{0,4}\(\s{0,4}"AES/
        $decode = /(BASE64Decoder|Base64)[^;]{0,40}(decodeBuffer|getDecoder|decode)/
        $param = /request\s{0,4}\.\s{0,4}get(Parameter|Reader|InputStream)\s{0,4}\(/
    condition:
        filesize < 256KB and is_jsp and $define and ($loader or any of ($key*)) and $param and any of ($cipher, $decode, $key*)
}

rule ASP_Webshell_Runs_Request : asp
{
    meta:
        description = "A server page of ASP or ASP.NET that runs what the request holds as code"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $page = "<%"
        $tag1 = "runat=\"server\"" nocase
        $tag2 = "runat='server'" nocase
        $tag3 = "runat=server" nocase
        $eval = /\b(eval|execute|executeglobal)\s{0,4}\(?\s{0,4}\(?\s{0,4}request\s{0,4}(\.\s{0,4}(form|querystring|item|cookies|params)\s{0,4})?[\[\(]/ nocase
    condition:
        filesize < 256KB and any of ($page, $tag1, $tag2, $tag3) and $eval
}

rule ASPX_Webshell_Starts_Process : asp
{
    meta:
        description = "A server page of ASP.NET that starts a command shell with what the request holds"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $page = /<%@\s{0,8}(Page|WebHandler|WebService)\b/ nocase
        $start = /(ProcessStartInfo\s{0,4}\(|Process\s{0,4}\.\s{0,4}Start\s{0,4}\(|\.StartInfo\s{0,4}\.\s{0,4}FileName)/
        $shell = /["'](cmd(\.exe)?|powershell(\.exe)?|\/bin\/(ba)?sh)["']/ nocase
        $request = /\bRequest\s{0,4}(\.\s{0,4}(Form|QueryString|Params|Headers|Cookies|InputStream)|\[)/
        $box = /<asp:TextBox\b/ nocase
    condition:
        filesize < 512KB and $page and $start and $shell and any of ($request, $box)
}

rule ASPX_Webshell_Loads_Assembly : asp
{
    meta:
        description = "A server page of ASP.NET that loads an assembly which the request holds"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1620/"
    strings:
        $page = /<%@\s{0,8}(Page|WebHandler|WebService)\b/ nocase
        $load = /Assembly[^;]{0,40}\.\s{0,4}Load\s{0,4}\(|GetMethod\s{0,4}\(\s{0,4}"Load"/
        $cipher = /(RijndaelManaged|CreateDecryptor|FromBase64String)/
        $request = /\bRequest\s{0,4}(\.\s{0,4}(BinaryRead|InputStream|Form|Params)|\[)/
        $create = /\.\s{0,4}(CreateInstance|Invoke)\s{0,4}\(/
    condition:
        filesize < 512KB and all of them
}

rule CGI_Webshell_Runs_Request
{
    meta:
        description = "A script of a web server that runs what the request holds as a command"
        severity = "critical"
        class = "webshell"
        reference = "https://attack.mitre.org/techniques/T1505/003/"
    strings:
        $python = /\b(os\.(popen|system)|subprocess\.(call|run|Popen|check_output|getoutput))\s{0,4}\(\s{0,4}(form\.getvalue|form\[|cgi\.FieldStorage\(\)|(flask\.)?request\.(args|form|values|cookies|headers)(\.get\s{0,2}\(|\[))/
        $node = /require\(["'](node:)?child_process["']\)\s{0,4}\.\s{0,4}(exec|execSync|spawn)\s{0,4}\(\s{0,4}(req|request|ctx|ctx\.request)\.(query|body|params|headers|cookies)\b/
        $perl = /\b(system|exec|qx)\s{0,4}[\(\{]?\s{0,4}(\$q->param|\$cgi->param|param)\s{0,4}\(\s{0,4}["'](c|cmd|command|exec|x)["']/
        $ruby = /\b(system|exec|`|%x\()\s{0,4}\(?\s{0,4}(#\{)?params\[:(c|cmd|command|exec)\]/
    condition:
        filesize < 512KB and any of them
}

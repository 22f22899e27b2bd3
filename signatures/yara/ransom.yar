// Notes that ransomware leaves. News and manuals quote such notes in parts; a note has an address, a threat
// and a way to pay.

rule Ransom_Note : ransomware
{
    meta:
        description = "A note that demands ransom"
        severity = "high"
        class = "ransomware"
        reference = "https://attack.mitre.org/techniques/T1486/"
    strings:
        $onion = /\b[a-z2-7]{16}([a-z2-7]{40})?\.onion\b/ nocase
        $mail = /[\w.\-]{3,40}@(onionmail\.org|tutanota\.com|tuta\.io|protonmail\.com|proton\.me|cock\.li|firemail\.cc|mailfence\.com|airmail\.cc|keemail\.me)\b/ nocase
        $tox = /\btox\b[^\r\n]{0,60}\b[0-9A-F]{76}\b/ nocase
        $t1a = "been encrypted" nocase
        $t1c = "were encrypted" nocase
        $t1d = "are encrypted" nocase
        $t1e = "is encrypted" nocase
        $t1b = "been locked" nocase
        $t2 = /(do not|don't|dont|never)[^\r\n]{0,12} (rename|modify|move|delete|edit)[^\r\n]{0,40}\bfiles?\b/ nocase
        $t3 = /third[ -]party\s{1,2}(software|recovery|tools?|decrypt)/ nocase
        $t4 = /(personal|unique|decryption) (decryption )?(id|key|code)\b\s{0,4}[:=\-]/ nocase
        $t5 = /(decryptor|decryption (tool|software)|private key)/ nocase
        $t6 = /(publish|leak|sell|release) (all )?(your|the stolen|confidential)[^\r\n]{0,40}(data|files|information)/ nocase
        $t7 = /tor\s{0,2}browser/ nocase
        $t8 = /decrypt[^\r\n]{0,30}(one|1|two|2|three|3|several)[^\r\n]{0,20}files?[^\r\n]{0,30}(free|guarantee|proof|test)/ nocase
    condition:
        filesize < 64KB and any of ($onion, $mail, $tox) and any of ($t1*) and 3 of ($t2, $t3, $t4, $t5, $t6, $t7, $t8)
}

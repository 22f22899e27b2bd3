package canary

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// carrierRows put a program, or a page with a script, into what carries files: archives that only become a zip, mails with
// attachments as they were before MIME, packed files, and what is signed. What else is in them stays.
func carrierRows(tb testing.TB) (rows []row) {
	tb.Helper()
	text := strings.Join(sentences, " ")
	page := func(c string) string {
		return "<html><body><p>" + text + "</p><script>fetch('" + c + "')</script></body></html>"
	}
	script := func(c string) string { return "Set a = CreateObject(\"WScript.Shell\")\r\na.Run \"" + c + "\"\r\n" }
	const head = "From: a@example.org\r\nSubject: files\r\nMIME-Version: 1.0\r\n"
	mail := func(body string) []byte {
		return []byte(head + "Content-Type: text/plain\r\n\r\n" + text + "\r\n\r\n" + body)
	}
	attached := func(fields, body string) []byte {
		return []byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text + "\r\n--b\r\n" + fields + "\r\n" + body + "\r\n--b--\r\n")
	}
	coded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	add := func(ext, what string, make func(c string) []byte) {
		rows = append(rows, row{what: what, ext: ext, shown: sentences, make: make})
	}
	for what, wrap := range map[string]func(name, data string) []byte{
		"iso": func(name, data string) []byte { return isoOf(name, data, text) },
		"a":   func(name, data string) []byte { return arOf("readme.txt", text, name, data) },
		"cpio": func(name, data string) []byte {
			return cpioOf("readme.txt", text, name, data)
		},
		"tnef": func(name, data string) []byte { return tnefOf(text, name, data) },
		"tar": func(name, data string) []byte {
			return tarOf(tb, "readme.txt", text, strings.Repeat("folder/", 20)+name, data)
		},
	} {
		add(what, "program", func(c string) []byte { return wrap("run.vbs", script(c)) })
		add(what, "page", func(c string) []byte { return wrap("a.htm", page(c)) })
	}
	for what, wrap := range map[string]func(name, data string) string{"uuencode": uuOf, "yEnc": yencOf} {
		add("eml", what+", program", func(c string) []byte { return mail(wrap("run.vbs", script(c)) + "\r\nbye\r\n") })
		add("eml", what+", page", func(c string) []byte { return mail(wrap("a.htm", page(c))) })
		add("eml", what+" in a part", func(c string) []byte { return attached("Content-Type: text/plain\r\n", wrap("run.vbs", script(c))) })
	}
	add("gz", "page", func(c string) []byte { return gzipped(tb, []byte(page(c))) })
	add("pgp", "page", func(c string) []byte {
		data := page(c)
		return append(binary.BigEndian.AppendUint32([]byte{0xcb, 0xff}, uint32(len(data)+11)), "b\x05a.htm\x00\x00\x00\x00"+data...)
	})
	add("eml", "signed page", func(c string) []byte {
		return attached("Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n", coded(string(cmsOf(page(c)))))
	})
	program := "Content-Disposition: attachment; filename=run.vbs\r\n"
	add("eml", "coding with a comment", func(c string) []byte {
		return attached(program+"Content-Transfer-Encoding: base64 (really)\r\n", coded(script(c)))
	})
	add("eml", "behind the padding", func(c string) []byte {
		return attached("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", coded("no")+"\r\n"+coded(script(c)))
	})
	add("eml", "with the footer of a list", func(c string) []byte {
		return attached("Content-Disposition: attachment; filename=a.htm\r\nContent-Transfer-Encoding: base64\r\n", coded(page(c)+" ")+"\r\n-- \r\nYou get this because you are on a list, see below\r\n")
	})
	add("eml", "boundary with a comment", func(c string) []byte {
		return bytes.Replace(attached(program, script(c)), []byte("boundary=b"), []byte("boundary=b (really)"), 1)
	})
	add("eml", "last delimiter missing", func(c string) []byte {
		return bytes.TrimSuffix(attached(program, script(c)), []byte("--b--\r\n"))
	})
	add("zip", "between the files", func(c string) []byte {
		data := zipped(tb, "readme.txt", text)
		at, end := bytes.Index(data, []byte("PK\x01\x02")), bytes.Index(data, []byte("PK\x05\x06"))
		binary.LittleEndian.PutUint32(data[end+16:], uint32(at+len(c)))
		return []byte(string(data[:at]) + c + string(data[at:]))
	})
	add("tar", "behind the end of a file", func(c string) []byte {
		data := tarOf(tb, "readme.txt", text, "b.txt", "b")
		copy(data[512+len(text)+20:], c)
		return data
	})
	add("json", "short script", func(c string) []byte {
		return []byte(`{"note":"` + text + `","data":"` + coded("<p>"+text+`</p><img src=x onerror="`+c+`()">`) + `"}`)
	})
	rows = append(rows, row{what: "short program", ext: "json", none: true, make: func(c string) []byte {
		return []byte(`{"data":"` + coded("MsgBox \""+c+"\"\r\n") + `"}`)
	}})
	return rows
}

func tarOf(tb testing.TB, files ...string) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644, Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func arOf(files ...string) []byte {
	out := "!<arch>\n"
	for i := 0; i < len(files); i += 2 {
		out += fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n%s%s", files[i], 0, 0, 0, "100644", len(files[i+1]), files[i+1], strings.Repeat("\n", len(files[i+1])%2))
	}
	return []byte(out)
}

func cpioOf(files ...string) []byte {
	out := ""
	for i := 0; i <= len(files); i += 2 {
		name, data := "TRAILER!!!", ""
		if i < len(files) {
			name, data = files[i], files[i+1]
		}
		out += "070701"
		for _, n := range []int{i, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
			out += fmt.Sprintf("%08X", n)
		}
		out += name + "\x00"
		out += strings.Repeat("\x00", -len(out)&3)
		out += data + strings.Repeat("\x00", -len(data)&3)
	}
	return []byte(out)
}

// isoOf is an ISO 9660 image with a file and a text.
func isoOf(name, data, text string) []byte {
	const sector = 2048
	both := func(n int) string {
		return string(binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(n)), uint32(n)))
	}
	record := func(name string, at, size int, flags byte) string {
		r := "\x00" + both(at) + both(size) + strings.Repeat("\x00", 7) + string([]byte{flags, 0, 0}) + "\x01\x00\x00\x01" + string(rune(len(name))) + name
		r += strings.Repeat("\x00", (len(r)+1)%2)
		return string(rune(len(r)+1)) + r
	}
	padded := func(s string) string { return s + strings.Repeat("\x00", (sector-len(s)%sector)%sector) }
	files := padded(data)
	behind := 19 + len(files)/sector
	root := record("\x00", 18, sector, 2) + record("\x01", 18, sector, 2) + record(name, 19, len(data), 0) + record("README.TXT;1", behind, len(text), 0)
	volume := "\x01CD001\x01\x00" + strings.Repeat(" ", 64) + strings.Repeat("\x00", 8) + both(behind+1)
	volume += strings.Repeat("\x00", 156-len(volume)) + record("\x00", 18, sector, 2)
	return []byte(strings.Repeat("\x00", 16*sector) + padded(volume) + padded("\xffCD001\x01") + padded(root) + files + padded(text))
}

// tnefOf is a winmail.dat (MS-OXTNEF) with a text and an attachment.
func tnefOf(text, name, data string) []byte {
	out := "\x78\x9f\x3e\x22\x01\x00"
	add := func(level byte, id int, data string) {
		sum := 0
		for _, c := range []byte(data) {
			sum += int(c)
		}
		out += string([]byte{level}) + string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(id)), uint32(len(data)))) + data
		out += string(binary.LittleEndian.AppendUint16(nil, uint16(sum)))
	}
	add(1, 0x0002800c, text+"\x00")
	add(2, 0x00069002, strings.Repeat("\x00", 14))
	add(2, 0x00018010, name+"\x00")
	add(2, 0x0006800f, data)
	return []byte(out)
}

// cmsOf is a message that is signed by nobody (RFC 5652).
func cmsOf(data string) []byte {
	tlv := func(tag, s string) string {
		return tag + "\x84" + string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
	}
	oid := func(last string) string { return "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" + last }
	content := tlv("\x30", oid("\x01")+tlv("\xa0", tlv("\x04", data)))
	return []byte(tlv("\x30", oid("\x02")+tlv("\xa0", tlv("\x30", "\x02\x01\x01\x31\x00"+content+"\x31\x00"))))
}

func uuOf(name, data string) string {
	out := "begin 644 " + name + "\r\n"
	for len(data) > 0 {
		n := min(45, len(data))
		line := data[:n] + "\x00\x00"
		data = data[n:]
		out += string(rune(' ' + n))
		for i := 0; i < n; i += 3 {
			v := int(line[i])<<16 | int(line[i+1])<<8 | int(line[i+2])
			for shift := 18; shift >= 0; shift -= 6 {
				out += string("`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"[v>>shift&63])
			}
		}
		out += "\r\n"
	}
	return out + "`\r\nend\r\n"
}

func yencOf(name, data string) string {
	out := fmt.Sprintf("=ybegin line=128 size=%d name=%s\r\n", len(data), name)
	for i := range len(data) {
		c := data[i] + 42
		if c == 0 || c == '\r' || c == '\n' || c == '=' {
			out += "="
			c += 64
		}
		if out += string([]byte{c}); i%128 == 127 {
			out += "\r\n"
		}
	}
	return out + fmt.Sprintf("\r\n=yend size=%d\r\n", len(data))
}

// uuFiles decodes what uuencode has encoded.
func uuFiles(data []byte) (out [][]byte) {
	for _, block := range strings.Split(string(data), "begin ")[1:] {
		var file []byte
		for _, line := range strings.Split(block, "\n")[1:] {
			line = strings.TrimRight(line, "\r")
			if len(line) < 2 || line[0] > '`' {
				break
			}
			for p := line[1:]; len(p) >= 4; p = p[4:] {
				v := 0
				for i := range 4 {
					v = v<<6 | int(p[i]-' ')&63
				}
				file = append(file, byte(v>>16), byte(v>>8), byte(v))
			}
		}
		out = append(out, file)
	}
	return out
}

// yencFiles decodes what yEnc has encoded.
func yencFiles(data []byte) (out [][]byte) {
	for _, block := range bytes.Split(data, []byte("=ybegin "))[1:] {
		_, body, _ := bytes.Cut(block, []byte("\n"))
		body, _, _ = bytes.Cut(body, []byte("=yend"))
		var file []byte
		for i := 0; i < len(body); i++ {
			switch c := body[i]; {
			case c == '\r' || c == '\n':
			case c == '=' && i+1 < len(body):
				i++
				file = append(file, body[i]-64-42)
			default:
				file = append(file, c-42)
			}
		}
		out = append(out, file)
	}
	return out
}

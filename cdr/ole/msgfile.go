package ole

import (
	"bytes"
	"path"
	"strconv"
	"strings"
)

// executableList are extensions of files that run, install or fetch something when they are opened.
const executableList = "exe dll com scr pif cpl msi msp mst bat cmd ps1 ps1xml psm1 psd1 vb vbs vbe js jse wsf wsh wsc sct hta lnk url jar class " +
	"reg inf scf chm hlp iso img vhd vhdx iqy oqy dqy rqy slk settingcontent-ms appref-ms application xll wll xla ppa apk dmg pkg " +
	"sh py pyw pyc pl rb one library-ms search-ms searchconnector-ms website diagcab msc gadget desktop theme themepack ade adp mde " +
	"accda accde job ocx sys drv run elf app command jnlp msix appx msixbundle appxbundle xbap grp its mad maf mag mam maq " +
	"mas mau mav maw mda mdb mdt mdw mdz prf pst scr shb shs tmp vsmacros vsw ws crt der fxp gadget hpj ins isp ksh nsh"

// executableName reports whether a file with this name is started, not shown. Windows does without dots and blanks
// at the end.
func executableName(name string) bool {
	name = strings.TrimRight(strings.ToLower(name), ". \x00\t")
	ext := strings.TrimPrefix(path.Ext(name), ".")
	return ext != "" && strings.Contains(" "+executableList+" ", " "+ext+" ")
}

// executableType reports whether bytes are a program or a script.
func executableType(mediaType string) bool {
	switch mediaType {
	case "application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-executable",
		"application/x-sharedlib", "application/x-object", "application/x-coredump", "application/x-mach-binary",
		"application/x-ms-shortcut", "application/x-ms-installer", "application/x-chm", "application/jar",
		"application/java-archive", "application/x-java-applet", "application/wasm", "application/x-installer",
		"application/vnd.android.package-archive", "text/javascript", "application/javascript", "text/x-python", "text/x-perl",
		"text/x-lua", "text/x-tcl", "text/x-shellscript", "text/x-php", "application/onenote", "application/x-shockwave-flash",
		"text/x-ruby":
		return true
	}
	return false
}

// passive reports whether files of a type for which there is no handler are shown or played, and do nothing else.
func passive(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	switch kind {
	case "audio", "video", "font":
		return true
	}
	switch mediaType {
	case "text/plain", "text/calendar", "text/vcard", "application/json", "application/pkcs7-signature", "text/tab-separated-values",
		"application/x-ndjson", "application/ogg", "application/geo+json", "application/sdp":
		return true
	}
	return false
}

// unwrapHTML takes the HTML out of RTF that was made of it ([MS-OXRTFEX] 2.2); ok is false for other RTF.
func unwrapHTML(rtf []byte) (html []byte, ok bool) {
	if !bytes.Contains(rtf[:min(len(rtf), 1024)], []byte(`\fromhtml1`)) {
		return nil, false
	}
	w := unwrapper{in: rtf, stack: make([]unwrapState, 1, 16)}
	for w.pos < len(rtf) {
		if !w.step() {
			return nil, false
		}
	}
	return w.out, true
}

// unwrapState is what a group changes and its end undoes.
type unwrapState struct {
	skip bool // a destination that is not text
	off  bool // between \htmlrtf and \htmlrtf0
	tag  bool // inside of \*\htmltag
	star bool // \* was seen just now
}

type unwrapper struct {
	in, out []byte
	pos     int
	stack   []unwrapState
}

// maxUnwrapDepth bounds groups inside groups; the handler for RTF has a limit of its own.
const maxUnwrapDepth = 1000

func (w *unwrapper) top() *unwrapState { return &w.stack[len(w.stack)-1] }

func (w *unwrapper) put(c ...byte) {
	if s := w.top(); !s.skip && (s.tag || !s.off) {
		w.out = append(w.out, c...)
	}
}

func (w *unwrapper) step() bool {
	c := w.in[w.pos]
	w.pos++
	switch c {
	case '{':
		if len(w.stack) > maxUnwrapDepth {
			return false
		}
		w.stack = append(w.stack, *w.top())
		w.top().star = false
	case '}':
		if len(w.stack) > 1 {
			w.stack = w.stack[:len(w.stack)-1]
		}
	case '\\':
		return w.control()
	case '\r', '\n':
	default:
		w.put(c)
	}
	return true
}

func (w *unwrapper) control() bool {
	if w.pos >= len(w.in) {
		return false
	}
	c := w.in[w.pos]
	if c|0x20 < 'a' || c|0x20 > 'z' {
		w.pos++
		switch c {
		case '\'':
			if w.pos+2 > len(w.in) {
				return false
			}
			n, err := strconv.ParseUint(string(w.in[w.pos:w.pos+2]), 16, 8)
			if err != nil {
				return false
			}
			w.pos += 2
			w.put(byte(n))
		case '*':
			w.top().star = true
		case '\\', '{', '}':
			w.put(c)
		}
		return true
	}
	word, arg := w.word()
	w.command(word, arg)
	return true
}

// word reads a control word, its number and the blank behind them.
func (w *unwrapper) word() (word, arg string) {
	from := w.pos
	for w.pos < len(w.in) && w.in[w.pos]|0x20 >= 'a' && w.in[w.pos]|0x20 <= 'z' {
		w.pos++
	}
	word = string(w.in[from:w.pos])
	from = w.pos
	for w.pos < len(w.in) && (w.in[w.pos] == '-' && w.pos == from || w.in[w.pos] >= '0' && w.in[w.pos] <= '9') {
		w.pos++
	}
	arg = string(w.in[from:w.pos])
	if w.pos < len(w.in) && w.in[w.pos] == ' ' {
		w.pos++
	}
	return word, arg
}

func (w *unwrapper) command(word, arg string) {
	s := w.top()
	star := s.star
	s.star = false
	switch word {
	case "htmltag":
		if star {
			s.tag, s.skip = true, false
			return
		}
	case "htmlrtf":
		s.off = arg != "0"
	case "fonttbl", "colortbl", "stylesheet", "info", "pntext":
		s.skip = true
	case "par", "line":
		w.put('\r', '\n')
	case "tab":
		w.put('\t')
	case "u":
		if n, err := strconv.Atoi(arg); err == nil {
			w.put([]byte("&#" + strconv.Itoa(n&0xFFFF) + ";")...)
		}
	default:
		if star {
			s.skip = true
		}
	}
}

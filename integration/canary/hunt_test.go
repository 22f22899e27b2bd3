package canary

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"crypto/sha256"
	"encoding/ascii85"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/richardlehane/mscfb"
)

// hunter looks for a word in everything that bytes can be unpacked to. It knows nothing of cdr: it unpacks whatever
// unpacks, wherever it stands.
type hunter struct {
	word  string
	most  int              // spellings on top of each other
	clean map[[32]byte]int // digest of what has been looked at in vain: with how many spellings undone
	found string           // how the word was reached, "" while it was not
}

// mark is what all canaries begin with. Looking for it alone, what one row was found free of needs no look in another.
const mark = "zqcanary"

var canaries = &hunter{word: mark, most: 2, clean: map[[32]byte]int{}}

// survivor returns how a canary can be reached in data, "" if none can.
func survivor(data []byte) string {
	canaries.found = ""
	canaries.look(data, "", 0, 0)
	return canaries.found
}

// shows reports whether text can be found in data.
func shows(data []byte, text string) bool {
	h := &hunter{word: strings.ToLower(text), most: 1, clean: map[[32]byte]int{}}
	h.look(data, "", 0, 0)
	return h.found != ""
}

const (
	huntDepth = 7
	huntBytes = 16 << 20 // of one unpacked piece
)

// The ways of unpacking: containers may be in each other, spellings of text on top of each other are fewer.
var containers = map[string]func([]byte) [][]byte{"zip": unzip, "deflated": inflated, "cfb": compound}

var spellings = map[string]func([]byte) [][]byte{
	"base64": base64Runs, "hex": hexRuns, "a85": ascii85Runs, "escaped": unescaped, "utf16": narrowed,
	"uu": uuFiles, "yEnc": yencFiles,
}

func (h *hunter) look(data []byte, via string, depth, spelt int) {
	if h.found != "" || depth > huntDepth || len(data) < len(h.word) {
		return
	}
	key := sha256.Sum256(data)
	if best, ok := h.clean[key]; ok && best <= spelt {
		return
	}
	h.clean[key] = spelt
	if h.plain(data) {
		delete(h.clean, key)
		h.found = strings.TrimPrefix(via+"/plain", "/")
		return
	}
	defer func() {
		if h.found != "" {
			delete(h.clean, key)
		}
	}()
	for name, unpack := range containers {
		for _, piece := range unpack(data) {
			h.look(piece, via+"/"+name, depth+1, 0)
		}
	}
	if spelt >= h.most || !utf8.Valid(data[:min(len(data), 512)]) && !isText(data) {
		return
	}
	for name, unpack := range spellings {
		for _, piece := range unpack(data) {
			if !bytes.Equal(piece, data) {
				h.look(piece, via+"/"+name, depth+1, spelt+1)
			}
		}
	}
}

// isText is coarse: UTF-16 and what has no control characters to speak of.
func isText(data []byte) bool {
	control := 0
	head := data[:min(len(data), 4096)]
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0 {
			control++
		}
	}
	return control*10 < len(head)
}

// plain looks for the word as it stands, and in the spellings that need no unpacking.
func (h *hunter) plain(data []byte) bool {
	low := bytes.ToLower(data)
	wide := make([]byte, 0, 2*len(h.word))
	for _, u := range utf16.Encode([]rune(h.word)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, form := range [][]byte{[]byte(h.word), wide, append([]byte{0}, wide[:len(wide)-1]...), []byte(hex.EncodeToString([]byte(h.word)))} {
		if bytes.Contains(low, form) {
			return true
		}
	}
	return false
}

func unzip(data []byte) (out [][]byte) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	for _, f := range r.File {
		out = append(out, []byte(f.Name+f.Comment))
		if rc, err := f.Open(); err == nil {
			b, _ := io.ReadAll(io.LimitReader(rc, huntBytes))
			out = append(out, b)
		}
	}
	return out
}

// inflated unpacks whatever may be zlib, gzip, or a local entry of a zip archive.
func inflated(data []byte) (out [][]byte) {
	for i := range data {
		switch {
		case i+2 < len(data) && data[i]&0x0F == 8 && data[i]>>4 <= 7 && (int(data[i])<<8|int(data[i+1]))%31 == 0:
			if r, err := zlib.NewReader(bytes.NewReader(data[i:])); err == nil {
				if b, _ := io.ReadAll(io.LimitReader(r, huntBytes)); len(b) > 8 {
					out = append(out, b)
				}
			}
		case i+30 < len(data) && bytes.HasPrefix(data[i:], []byte("PK\x03\x04")):
			at := i + 30 + int(data[i+26]) + int(data[i+27])<<8 + int(data[i+28]) + int(data[i+29])<<8
			if at < len(data) && data[i+8] == 8 {
				b, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data[at:])), huntBytes))
				out = append(out, b)
			}
		case i+10 < len(data) && bytes.HasPrefix(data[i:], []byte("\x1f\x8b\x08\x00")):
			b, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data[i+10:])), huntBytes))
			out = append(out, b)
		}
	}
	return out
}

func compound(data []byte) (out [][]byte) {
	if !bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0")) {
		return nil
	}
	r, err := mscfb.New(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	for e, err := r.Next(); err == nil; e, err = r.Next() {
		b, _ := io.ReadAll(io.LimitReader(e, huntBytes))
		out = append(out, []byte(e.Name), b)
	}
	return out
}

var (
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-][A-Za-z0-9+/_\s\\-]{14,}={0,2}`)
	hexRun    = regexp.MustCompile(`[0-9A-Fa-f][0-9A-Fa-f\s]{14,}`)
	a85Run    = regexp.MustCompile(`[!-uz\s]{15,}~>`)
	octal     = regexp.MustCompile(`\\([0-7]{1,3})`)
	hexEscape = regexp.MustCompile(`(?:\\x|\\'|#|\\u00)([0-9A-Fa-f]{2})`)
	uEscape   = regexp.MustCompile(`\\u(-?[0-9]{1,5})\??`)
	cssEscape = regexp.MustCompile(`\\0{0,4}([0-9a-fA-F]{2})\s?`)
	noise     = regexp.MustCompile(`<[^<>]*>|<!--.*?-->|/\*.*?\*/|\{\\\*?\\[a-z]+ ?[^{}]*\}|["'+&\s]+`)
)

func base64Runs(data []byte) (out [][]byte) {
	fold := strings.NewReplacer("-", "+", "_", "/", `\/`, "/", `\n`, "", `\r`, "", "\n", "", "\r", "", " ", "", "\t", "", "=", "", `\`, "")
	for _, run := range base64Run.FindAll(data, -1) {
		for piece := range strings.SplitSeq(string(run), "\r\n\r\n") {
			s := fold.Replace(piece)
			for skip := range min(4, len(s)) { // what stands before it may look like it
				if b, err := base64.RawStdEncoding.DecodeString(s[skip : len(s)-(len(s)-skip)%4]); err == nil && len(b) > 8 {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

func hexRuns(data []byte) (out [][]byte) {
	for _, run := range hexRun.FindAll(data, -1) {
		s := strings.Join(strings.Fields(string(run)), "")
		if b, err := hex.DecodeString(s[:len(s)/2*2]); err == nil {
			out = append(out, b)
		}
	}
	return out
}

func ascii85Runs(data []byte) (out [][]byte) {
	for _, run := range a85Run.FindAll(data, -1) {
		if i := bytes.LastIndex(run, []byte("stream\n")); i >= 0 { // what stands before it looks like it
			run = run[i+len("stream\n"):]
		}
		run = bytes.TrimSpace(run)
		b := make([]byte, 4*len(run))
		n, _, _ := ascii85.Decode(b, bytes.TrimSuffix(run, []byte("~>")), true)
		out = append(out, b[:n])
	}
	return out
}

// unescaped takes away what languages of text put between or before characters.
func unescaped(data []byte) (out [][]byte) {
	if len(data) > 1<<20 {
		return nil
	}
	code := func(base int) func([]byte) []byte {
		return func(m []byte) []byte {
			var n int
			digits := strings.TrimLeft(strings.TrimRight(string(m), "? \r\n\t"), `\xu'#`)
			_, _ = fmt.Sscanf(digits, map[int]string{8: "%o", 10: "%d", 16: "%x"}[base], &n)
			return []byte{byte(n)}
		}
	}
	s := string(data)
	out = append(out, octal.ReplaceAllFunc(data, code(8)), hexEscape.ReplaceAllFunc(data, code(16)),
		uEscape.ReplaceAllFunc(data, code(10)), cssEscape.ReplaceAllFunc(data, code(16)), []byte(html.UnescapeString(s)), noise.ReplaceAll(data, nil))
	if u, err := url.PathUnescape(s); err == nil {
		out = append(out, []byte(u))
	}
	if b, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(data))); err == nil {
		out = append(out, b)
	}
	return out
}

// narrowed is UTF-16 as UTF-8.
func narrowed(data []byte) (out [][]byte) {
	if bytes.Count(data, []byte{0}) < len(data)/4 || len(data) > 1<<20 {
		return nil
	}
	for _, big := range []bool{false, true} {
		u := make([]uint16, 0, len(data)/2)
		for i := 0; i+1 < len(data); i += 2 {
			lo, hi := data[i], data[i+1]
			if big {
				lo, hi = hi, lo
			}
			u = append(u, uint16(lo)|uint16(hi)<<8)
		}
		out = append(out, []byte(string(utf16.Decode(u))))
	}
	return out
}

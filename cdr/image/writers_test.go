package image

import (
	"strings"
	"testing"

	"icapd/cdr/kit"
)

// TestWriters has what office programs and editors write into pictures by themselves, and the same with a word in it.
func TestWriters(t *testing.T) {
	p, j, g := encode(t, "image/png"), encode(t, "image/jpeg"), encode(t, "image/gif")
	palette := strings.Repeat("\x10\x80\xF0", 256)
	for name, tt := range map[string]struct {
		kind        string
		stays, goes []byte
	}{
		"date":         {"image/png", pngWith(p, "tEXt", "create-date\x002010-12-20T17:08:36+01:00"), pngWith(p, "tEXt", "create-date\x00"+canary)},
		"ended name":   {"image/png", pngWith(p, "tEXt", "Software\x00QuickTime 7.7.1 (Mac OS X)\x00"), pngWith(p, "tEXt", "Author\x00"+canary+"\x00")},
		"comment":      {"image/png", pngWith(p, "tEXt", "comment\x00Created with GIMP"), pngWith(p, "tEXt", "comment\x00Created with "+canary)},
		"long comment": {"image/png", pngWith(p, "iTXt", "Comment\x00\x00\x00\x00\x00Created with GIMP"), pngWith(p, "iTXt", "Comment\x00\x00\x00"+canary+"\x00\x00Created with GIMP")},
		"turned":       {"image/png", pngWith(p, "orNT", "\x01"), pngWith(p, "orNT", canary)},
		"palette":      {"image/jpeg", jpegWith(j, 0xe3, "MSO Palette "+palette), jpegWith(j, 0xe3, "MSO Palette "+canary+palette[len(canary):])},
		"pattern":      {"image/gif", gifWith(g, 0xfe, "Software: Microsoft Office", ""), gifWith(g, 0xfe, "Software: Microsoft Office", canary)},
		"chunk":        {"image/gif", gifWith(g, 0xff, "MSOFFICE9.0", "\x00\x00\x00\x01sRGB\x00\xae\xce\x1c\xe9"), gifWith(g, 0xff, "MSOFFICE9.0", "\x00\x00\x00\x01sRGB"+canary)},
		"size":         {"image/gif", gifWith(g, 0xff, "STARDIV 5.0", "\x01\xf5\x01\x00\x00\xf5\x01\x00\x00"), gifWith(g, 0xff, "STARDIV 5.0", "\x01"+canary[:8])},
		"mark":         {"image/gif", gifWith(g, 0xff, "ADOBE:IR1.0", "\xde\xed"), gifWith(g, 0xff, "ADOBE:IR1.0", canary)},
	} {
		t.Run(name, func(t *testing.T) {
			if out, job, err := run(t, tt.kind, tt.stays, kit.Switches{}); err != nil || out != nil {
				t.Errorf("%v %v", err, job.Removals())
			}
			out, job, err := run(t, tt.kind, tt.goes, kit.Switches{})
			if err != nil || strings.Contains(string(out), canary[:8]) || len(job.Removals()) != 1 {
				t.Errorf("%v %v", err, job.Removals())
			}
		})
	}
}

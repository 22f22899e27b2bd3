package canary

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// metadataFiles are documents with the canary where nobody sees it and nothing acts; in the photo it is the maker of the
// camera, because text that somebody typed does not stay in pictures.
func metadataFiles(t *testing.T) map[string][]byte {
	t.Helper()
	const c = "zqcanarymeta"
	docx := openPackage(t, "docx")
	docx.sub("docProps/core.xml", "</cp:coreProperties>", "<dc:creator>CANARY</dc:creator></cp:coreProperties>")
	odt := openPackage(t, "odt")
	odt.sub("meta.xml", "</office:meta>", "<meta:initial-creator>CANARY</meta:initial-creator></office:meta>")
	pdf := pdfFile{trailer: "/Info 10 0 R", objects: map[int]string{10: "<< /Author (" + c + ") >>"}}
	doc := openCompound(t, "doc")
	doc.put(userProperties("Reviewer", c, false), "\x05DocumentSummaryInformation")
	files := map[string][]byte{"a.docx": docx.bytes(c), "a.odt": odt.bytes(c), "a.pdf": pdf.write(), "a.doc": doc.write()}
	for _, r := range imageRows(t) {
		if r.ext == "jpg" && r.what == "comment" {
			j := r.make("x")
			exif := slices.Concat([]byte("Exif\x00\x00II*\x00"), le32(8), le16(1, 0x010F, 2), le32(len(c)+1, 26), le32(0), []byte(c+"\x00"))
			files["a.jpg"] = slices.Concat(j[:2], jpegSegment(0xE1, string(exif)), j[2+4+len("<?php x"):])
		}
	}
	return files
}

// TestMetadata holds the profile's switches to what they say: metadata stays by default, byte for byte, and goes where
// it is to go, by one switch for all or by the mode of one type.
func TestMetadata(t *testing.T) {
	in := t.TempDir()
	files := metadataFiles(t)
	if len(files) < 5 {
		t.Fatalf("%d files", len(files))
	}
	for name, data := range files {
		if survivor(data) == "" {
			t.Errorf("%s has no canary", name)
		}
		if err := os.WriteFile(filepath.Join(in, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for what, tt := range map[string]struct {
		flags []string
		gone  []string // nil: of all
	}{
		"as shipped": {nil, []string{}},
		"stripped":   {[]string{"--set", "profiles.default.strip_metadata=true"}, nil},
		"rebuilt":    {[]string{"--set", "profiles.default.cdr=rebuild"}, nil},
		"one type":   {[]string{"--set", `profiles.default.cdr_types={application/pdf: rebuild}`}, []string{"a.pdf"}},
		"one kind":   {[]string{"--set", `profiles.default.cdr_types={"image/*": rebuild}`}, []string{"a.jpg"}},
	} {
		out := filepath.Join(t.TempDir(), "out")
		reports := disarm(t, in, out, tt.flags...)
		for name, data := range files {
			got, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Errorf("%s: %s: refused: %s", what, name, reports[name].Reason)
				continue
			}
			if tt.gone == nil || slices.Contains(tt.gone, name) {
				if how := survivor(got); how != "" {
					t.Errorf("%s: %s: metadata are left (%s): %v", what, name, how, reports[name].Removed)
				}
			} else if !bytes.Equal(got, data) {
				t.Errorf("%s: %s was changed: %v", what, name, reports[name].Removed)
			}
		}
	}
}

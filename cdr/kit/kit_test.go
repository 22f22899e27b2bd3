package kit

import (
	"context"
	"testing"
)

type reporting struct{}

func (reporting) Disarm(_ context.Context, job *Job, _ Document) (Result, error) {
	job.Removed("script", "page", ActionRemoved, "")
	return Result{}, nil
}

// Two documents inside of another report the same thing at the same place of each: those are two lines.
func TestReportOfNestedDocuments(t *testing.T) {
	job := NewJob(ModeDisarm, Switches{}, Limits{}, func(*Document) Handler { return reporting{} })
	for _, name := range []string{"a", "b", "b"} {
		if _, err := job.Recurse(t.Context(), Document{Path: name}); err != nil {
			t.Fatal(err)
		}
	}
	got := job.Removals()
	if len(got) != 3 || got[0].Location != "a/page" || got[1].Location != "b/page" || got[0].Count != 1 {
		t.Fatalf("%+v", got)
	}
	job.Retract(1)
	job.Removed("script", "b/page", ActionRemoved, "")
	job.Removed("script", "b/page", ActionRemoved, "")
	if got = job.Removals(); len(got) != 2 || got[1].Count != 2 {
		t.Fatalf("%+v", got)
	}
}

func TestSniffOffice(t *testing.T) {
	for want, data := range map[string]string{
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document": string(archive(t, "docProps/a", "1", "b", "2", "c", "3", "d", "4", `WORD\document.xml`, "x", "[Content_Types].xml", "y")),
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string(archive(t, "mimetype", "application/epub+zip", "META-INF/MANIFEST.MF", "1", "xl/workbook.xml", "x",
			"[Content_Types].xml", "y")),
		"application/zip":     string(archive(t, "a", "1", "word/x", "2")),
		TypeFlatOPC:           `<?xml version="1.0"?><p:package xmlns:p="http://schemas.microsoft.com/office/2006/xmlPackage">`,
		TypeWordML2003:        `<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">`,
		TypeSpreadsheetML2003: "<\x00W\x00o\x00r\x00k\x00b\x00o\x00o\x00k\x00 xmlns='urn:schemas-microsoft-com:office:spreadsheet'>",
		"text/xml":            `<?xml version="1.0"?><Workbook/>`,
		typeSVG:               `<svg xmlns="&#104;ttp://www.w3.org/2000/svg">`,
		typeXHTML:             `<?xml version="1.0"?><h:html xmlns:h=" http://www.w3.org/1999/xhtml"><h:head/>`,
	} {
		if got := Sniff([]byte(data)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

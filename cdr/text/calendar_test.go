package text

import (
	"encoding/base64"
	"strings"
	"testing"

	"icapd/cdr/kit"
)

const word = "canary51c7"

// disarmCalendar runs the handler, with one for web pages and pictures that stands in for theirs.
func disarmCalendar(tb testing.TB, in string) (string, *kit.Job, error) {
	tb.Helper()
	job := kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, func(doc *kit.Document) kit.Handler {
		if doc.Type == "text/html" || doc.Type == "text/csv" {
			return Format{nil, func(_ *kit.Job, text []byte) ([]byte, bool, error) {
				out := strings.ReplaceAll(string(text), word, "")
				return []byte(out), out != string(text), nil
			}}
		}
		return nil
	})
	r, err := Calendar{}.Disarm(tb.Context(), job, kit.Document{Data: []byte(in)})
	return string(r.Data), job, err
}

func event(lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n" + strings.Join(lines, "\r\n") + "\r\nSUMMARY:kept\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

func TestCalendarCanaries(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, lines := range map[string][]string{
		"program":              {"BEGIN:VALARM", "ACTION:PROCEDURE", "ATTACH:CANARY.exe", "END:VALARM"},
		"program, folded":      {"BEGIN:VAL", " ARM", "acti", "\ton:proce", " dure", "ATTACH:CANARY", "END:VALARM"},
		"program, last":        {"BEGIN:VALARM", "ATTACH:http://CANARY/x", "ACTION:X-RUN", "END:VALARM"},
		"mail":                 {"BEGIN:VALARM", "ACTION:EMAIL", "ATTENDEE:mailto:CANARY@a.test", "END:VALARM"},
		"sound of a reminder":  {`X-MICROSOFT-REMINDERSOUND:\\CANARY\a.wav`},
		"sound from afar":      {"BEGIN:VALARM", "ACTION:AUDIO", "ATTACH;FMTTYPE=audio/basic:http://CANARY/a.au", "END:VALARM"},
		"vCalendar":            {"PALARM:19990101T000000;;;CANARY.exe"},
		"file":                 {"ATTACH:file://CANARY/x"},
		"share":                {`ATTACH:\\\\CANARY\\x`},
		"script":               {"URL:java\tscript:CANARY"},
		"script, folded":       {"URL;VALUE=URI:javasc", " ript:CANARY"},
		"script, group":        {"item1.URL:javascript:CANARY"},
		"script, quoted":       {"URL;ENCODING=QUOTED-PRINTABLE:=6Aavascr=", "ipt:CANARY"},
		"protocol handler":     {"URL:ms-msdt:/id CANARY"},
		"anything else":        {"X-OWN:search-ms:query=CANARY"},
		"parameter":            {`DESCRIPTION;ALTREP="file://CANARY/x":words`},
		"parameter of any":     {`X-OWN;X="javascript:CANARY":words`},
		"markup":               {"X-ALT-DESC;FMTTYPE=text/html:<p>a\\, b</p><script>CANARY</scri", " pt>"},
		"markup, quoted":       {"X-ALT-DESC;FMTTYPE=text/html;ENCODING=QUOTED-PRINTABLE:<p>=", "CANARY</p>"},
		"markup, described":    {"STYLED-DESCRIPTION;VALUE=TEXT;FMTTYPE=text/html:<script>CANARY</script>"},
		"picture from afar":    {"IMAGE;VALUE=URI:https://CANARY.test/a.png"},
		"photo from afar":      {"PHOTO:https://CANARY.test/a.png"},
		"calendar from afar":   {"SOURCE;VALUE=URI:https://CANARY.test/a.ics"},
		"another card":         {"AGENT:BEGIN:VCARD\\nCANARY"},
		"XML":                  {"XML:<a>CANARY</a>"},
		"program in it":        {"ATTACH;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=a.exe:" + b64("MZ\x90\x00"+word+strings.Repeat("\x00", 200))},
		"unknown file":         {"ATTACH;ENCODING=BASE64;VALUE=BINARY:" + b64("\x00\x01\x02"+word)},
		"script in it":         {"ATTACH;VALUE=BINARY;FILENAME=a.bat:" + b64("start "+word)},
		"sheet in it":          {"ATTACH;VALUE=BINARY;FILENAME=a.csv:" + b64("a,b\n1,"+word)},
		"address with a file":  {"ATTACH:data:text/html;base64," + b64("<html><body><script>"+word+"</script></body></html>")},
		"no base64":            {"ATTACH;ENCODING=BASE64:!CANARY"},
		"old base64, no names": {"KEY;X509;BASE64:" + b64("<html><body><script>"+word+"</script></body></html>")},
	} {
		in := event(lines...)
		in = strings.ReplaceAll(in, "CANARY", word)
		out, job, err := disarmCalendar(t, in)
		plain := strings.ReplaceAll(out, "\r\n ", "")
		if err != nil || out == "" || strings.Contains(plain, word) || strings.Contains(plain, b64(word)[:10]) || len(job.Removals()) == 0 {
			t.Errorf("%s: %v %v\n%s", name, err, job.Removals(), out)
			continue
		}
		if !strings.Contains(out, "SUMMARY:kept\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n") {
			t.Errorf("%s took more along than it should:\n%s", name, out)
		}
		if again, _, err := disarmCalendar(t, out); err != nil || again != "" {
			t.Errorf("%s: a second pass made\n%s\nof\n%s (%v)", name, again, out, err)
		}
	}
}

func TestCalendarIsKept(t *testing.T) {
	for name, in := range map[string]string{
		"event": event("ORGANIZER;CN=\"A: B; C\":MAILTO:a@a.test", "DTSTART;TZID=Europe/Berlin:20200101T000000", "URL:https://a.test/x?a=b", "ATTACH:https://a.test/a.pdf",
			"DESCRIPTION:see file://x and javascript:void and so", " on", "LOCATION:room", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "DESCRIPTION:soon", "END:VALARM",
			"BEGIN:VALARM", "ACTION:AUDIO", "ATTACH;VALUE=URI:Chord", "END:VALARM", "X-MICROSOFT-CDO-BUSYSTATUS:BUSY", "GEO:1;2"),
		"card": "BEGIN:VCARD\nVERSION:3.0\nN:Doe;John;;;\nURL:www.a.test\nitem1.URL;type=pref:http\\://a.test/\nTEL:+1 2\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/\n 4AAQ\n\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\nb=3D\nIMPP:aim:x\nEND:VCARD\n",
		"none": "no properties\n;;;\n:::\n\n",
	} {
		if out, job, err := disarmCalendar(t, in); err != nil || out != "" {
			t.Errorf("%s: %v %v\n%s", name, err, job.Removals(), out)
		}
	}
}

// What comes out of any lines is made safe: a second pass finds nothing, and lines are no longer than they may be.
func FuzzCalendar(f *testing.F) {
	f.Add("BEGIN:VALARM\r\nACTION:PROCEDURE\r\nEND:VALARM\r\n")
	f.Add("a.URL;ALTREP=\"x:y\";B:java\r\n\tscript:x\n")
	f.Add("X-ALT-DESC;ENCODING=QUOTED-PRINTABLE:<p>" + word + "=\n\u00e4" + strings.Repeat("\u00e4", 100))
	f.Add("PHOTO;BASE64:/9j/4AAQ\n ZZ\n\nATTACH:data:text/csv;base64,PTE=")
	f.Fuzz(func(t *testing.T, in string) {
		out, job, err := disarmCalendar(t, in)
		if err != nil {
			return
		}
		if (out != "") != (len(job.Removals()) > 0) && !strings.Contains(in, word) && len(job.Removals()) == 0 {
			t.Errorf("%q became %q without a word", in, out)
		}
		again, more, err := disarmCalendar(t, out)
		if err == nil && again != "" {
			t.Errorf("%q\nbecame %q\nand then %q: %v", in, out, again, more.Removals())
		}
	})
}

package clamd

import (
	"regexp"
	"strings"
	"testing"

	"icapd/scan"
)

func TestParseReply(t *testing.T) {
	tests := []struct {
		in   string
		kind replyKind
		text string
	}{
		{"stream: OK", replyOK, ""},
		{"stream: Win.Test.EICAR_HDB-1 FOUND", replyFound, "Win.Test.EICAR_HDB-1"},
		{"stream: Test.Eicar.UNOFFICIAL FOUND", replyFound, "Test.Eicar.UNOFFICIAL"},
		{"stream: Eicar-Test-Signature(44d88612fea8a8f36de82e1278abb02f:68) FOUND", replyFound, "Eicar-Test-Signature"},
		{"stream: odd(name) FOUND", replyFound, "odd(name)"},
		{"stream: OK FOUND", replyFound, "OK"},
		{"INSTREAM size limit exceeded. ERROR", replyTooLarge, ""},
		{"COMMAND READ TIMED OUT", replyStalled, ""},
		{"stream: Can't allocate memory ERROR", replyError, "Can't allocate memory"},
		{"fd[11]: OK", replyOK, ""},
		{"fd[9]: Win.Test.EICAR_HDB-1 FOUND", replyFound, "Win.Test.EICAR_HDB-1"},
		{"fd[9]: Can't read file ERROR", replyError, "Can't read file"},
		{"No file descriptor received. ERROR", replyError, "No file descriptor received."},
		{"Error processing command. ERROR", replyError, "Error processing command."},

		{"", replyInvalid, ""},
		{"OK", replyInvalid, ""},
		{"stream: ok", replyInvalid, ""},
		{"stream: OK ", replyInvalid, ""},
		{" stream: OK", replyInvalid, ""},
		{"1: stream: OK", replyInvalid, ""},
		{"stream: OKbot", replyInvalid, ""},
		{"fd[]: OK", replyInvalid, ""},
		{"fd[-1]: OK", replyInvalid, ""},
		{"fd[1] OK", replyInvalid, ""},
		{"fd[1]: stream: OK", replyInvalid, ""},
		{"stream: OK\n", replyInvalid, ""},
		{"stream:  FOUND", replyInvalid, ""},
		{"FOUND", replyInvalid, ""},
		{"stream: a\x00b FOUND", replyInvalid, ""},
		{" ERROR", replyInvalid, ""},
		{"UNKNOWN COMMAND", replyInvalid, ""},
		{"PONG", replyInvalid, ""},
		{"stream: " + strings.Repeat("x", maxReply) + " FOUND", replyInvalid, ""},
	}
	for _, tt := range tests {
		r, err := parseReply([]byte(tt.in))
		if r.kind != tt.kind || r.text != tt.text || (err == nil) != (tt.kind != replyInvalid) {
			t.Errorf("parseReply(%.80q) = %v %q, %v; want %v %q", tt.in, r.kind, r.text, err, tt.kind, tt.text)
		}
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name     string
		gap      scan.Reason // ReasonError for a finding
		limit    string
		category scan.Category
		severity scan.Severity
	}{
		{"Win.Test.EICAR_HDB-1", scan.ReasonError, "", scan.Malware, scan.High},
		{"Heuristics.Limits.Exceeded.MaxFileSize", scan.ReasonLimit, "MaxFileSize", 0, 0},
		{"Heuristics.Limits.Exceeded.MaxScanTime", scan.ReasonLimit, "MaxScanTime", 0, 0},
		{"Heuristics.Limits.Exceeded", scan.ReasonLimit, "MaxScanSize", 0, 0},
		{"Heuristics.Encrypted.Zip", scan.ReasonEncrypted, "", 0, 0},
		{"Heuristics.Encrypted.PDF", scan.ReasonEncrypted, "", 0, 0},
		{"Heuristics.OLE2.ContainsMacros.VBA", scan.ReasonError, "", scan.ActiveContent, scan.Medium},
		{"Heuristics.Broken.Executable", scan.ReasonError, "", scan.Hazard, scan.Medium},
		{"Heuristics.Phishing.Email.SpoofedDomain", scan.ReasonError, "", scan.Malware, scan.High},
		{"PUA.Win.Tool.Packed-1", scan.ReasonError, "", scan.Malware, scan.Medium},
		{"Heuristics.W32.Parite.B", scan.ReasonError, "", scan.Malware, scan.High},
	}
	for _, tt := range tests {
		f, gap := judge(tt.name)
		switch {
		case gap != nil:
			if gap.Reason != tt.gap || gap.Limit != tt.limit || gap.Err == nil {
				t.Errorf("judge(%q) = gap %v", tt.name, gap)
			}
		case tt.gap != scan.ReasonError || f.Rule != tt.name || f.Category != tt.category || f.Severity != tt.severity:
			t.Errorf("judge(%q) = %+v", tt.name, f)
		}
	}
}

var descriptorOK = regexp.MustCompile(`^fd\[[0-9]+\]: OK$`)

func FuzzParseReply(f *testing.F) {
	for _, s := range []string{
		"stream: OK", "stream: A(b:1) FOUND", "INSTREAM size limit exceeded. ERROR", "COMMAND READ TIMED OUT",
		"stream: x ERROR", "stream: OK FOUND", "fd[10]: OK", "stream: (a:) FOUND",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseReply(b)
		if (err == nil) == (r.kind == replyInvalid) {
			t.Fatalf("%q: kind %v with error %v", b, r.kind, err)
		}
		if r.kind == replyOK && string(b) != "stream: OK" && !descriptorOK.Match(b) {
			t.Fatalf("%q is taken for OK", b)
		}
		fs, rerr := r.result()
		if r.kind != replyOK && len(fs) == 0 && rerr == nil {
			t.Fatalf("%q passes", b)
		}
		if r.kind == replyFound && r.text == "" {
			t.Fatalf("%q: found nothing", b)
		}
	})
}

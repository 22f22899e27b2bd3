package integration

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"icapd/integration/lab"
)

// TestRspamd: a mail filter asks about the parts of mails, and reads the verdict from the ICAP head.
func TestRspamd(t *testing.T) {
	l := newLab(t)
	i, err := l.Icapd(t.Context(), lab.IcapdConfig{Binary: icapdBinary})
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := l.Rspamd(t.Context(), i.Address, "respmod")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		part    []byte
		symbol  string // "" for none
		option  string
		verdict string
		status  int
	}{
		{"clean", []byte("nothing to see here, and rather long, so that it is worth a look\n"), "", "", "clean", 204},
		{"malware", lab.EICAR(), "ICAPD_FOUND", "EICAR_Test_File", "malicious", 200},
		{"in an archive", zipOf(t, []string{"a.txt", "b.com"}, []byte("hello"), lab.EICAR()), "ICAPD_FOUND", "EICAR_Test_File", "malicious", 200},
		{"unscannable", locked(t), "ICAPD_FAIL", "", "unscannable", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			mail := fmt.Sprintf("From: a@b.test\nTo: c@d.test\nSubject: x\nMessage-ID: <%d@b.test>\nMIME-Version: 1.0\n"+
				"Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=m.bin\nContent-Transfer-Encoding: base64\n\n%s\n",
				asked.Add(1), base64.StdEncoding.EncodeToString(c.part))
			found, err := r.Check(t.Context(), mail)
			if err != nil {
				t.Fatal(err)
			}
			options, ok := found[c.symbol]
			if len(found) != min(len(c.symbol), 1) || ok != (c.symbol != "") || !strings.Contains(fmt.Sprint(options), c.option) {
				t.Errorf("rspamd found %v", found)
			}
			a, err := i.WaitAudit(t.Context(), func(a *lab.Audit) bool { return a.Size == int64(len(c.part)) })
			if err != nil {
				t.Fatal(err)
			}
			if a.Verdict != c.verdict || a.ICAPStatus != c.status {
				t.Errorf("%s", a.Line)
			}
		})
	}
}

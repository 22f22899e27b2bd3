package content

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"icapd/scan"
)

var mail = "Received: from x\n\tby y\nFrom: =?utf-8?q?J=C3=B6rg?= <a@b.test>\nSubject: <script>x</script>\nMIME-Version: 1.0\n" +
	"Content-Type: multipart/mixed;\n boundary=\"out\"\n\nThis is a mail.\n--out\nContent-Type: multipart/alternative; boundary=in\n\n" +
	"--in\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nCaf=C3=A9 with a line that goes on =\nand ends\nsecond=20\n" +
	"\n--in\nContent-Type: text/html\n\n<p title=\"x\">hi</p>\n--in--\n\n--out\nContent-Type: message/rfc822\n\n" +
	"From: c@d.test\nSubject: inner\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("the inner body of it")) + "\n" +
	"\n--out\nContent-Type: application/pdf; name=\"=?utf-8?q?=E2=82=AC.pdf?=\"\nContent-Transfer-Encoding: base64\n\n" +
	base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 not much of it")) + "\n--out--\n"

func TestMail(t *testing.T) {
	tree := openTree(t, []byte(mail), Hints{})
	want := []string{
		"body message/rfc822", "body/1 multipart/alternative", "body/1/1 text/plain", "body/1/2 text/html",
		"body/2 message/rfc822", "body/2/body text/plain", "body/€.pdf application/pdf",
	}
	if got := paths(t, tree); !slices.Equal(got, want) || len(tree.Gaps()) > 0 || len(tree.Findings()) > 0 {
		t.Fatalf("%q, gaps %v, findings %v", got, tree.Gaps(), tree.Findings())
	}
	for it := range tree.Items(t.Context()) {
		if it.Path == "body/1/1" {
			if got := string(contents(t, it.Blob)); got != "Café with a line that goes on and ends\nsecond \n" {
				t.Errorf("%q", got)
			}
		}
		if it.Path == "body" {
			fields, err := fieldsOf(t, it)
			if err != nil || fields[0].value != "from x\tby y" || fields[2].path != "/subject" || fields[2].value != "<script>x</script>" {
				t.Errorf("%q %v", fields, err)
			}
		}
	}
}

func TestMailRebuild(t *testing.T) {
	for _, c := range []struct{ path, with, old, fresh string }{
		{"/1/1", "naïve = yes\nsecond", mail[strings.Index(mail, "Caf=C3"):strings.Index(mail, "\n--in\nContent-Type: text/html")], "na=C3=AFve =3D yes\nsecond"},
		{"/1/2", "<p>ho</p>", `<p title="x">hi</p>`, "<p>ho</p>"},
		{"/2/body", "changed", base64.StdEncoding.EncodeToString([]byte("the inner body of it")), "Y2hhbmdlZA=="},
		{"€.pdf", "x", base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 not much of it")), "eA=="},
	} {
		got, err := rebuildText(t, mail, Hints{}, swap(c.path, c.with))
		if want := strings.Replace(mail, c.old, c.fresh, 1); err != nil || got != want {
			t.Errorf("%s: %v, got\n%q\nwant\n%q", c.path, err, got, want)
		}
	}
	got, err := rebuildText(t, mail, Hints{}, editAll("/subject", scan.KindHeader, scan.EditSet, "safe\r\nBcc: x"))
	if want := strings.Replace(strings.Replace(mail, "<script>x</script>", "safe  Bcc: x", 1), "Subject: inner", "Subject: safe  Bcc: x", 1); err != nil || got != want {
		t.Errorf("%v %q", err, got)
	}
}

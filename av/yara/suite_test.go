package yara_test

import (
	"testing"

	"icapd/av/yara"
	"icapd/scan"
	"icapd/scan/scantest"
	"icapd/signatures"
)

// newEngine makes an engine of the built-in rules and whatever change does to the options.
func newEngine(t testing.TB, change func(*yara.Options)) *yara.Engine {
	t.Helper()
	if !yara.Built {
		t.Skip("built without YARA")
	}
	o := yara.Options{Rules: []string{yara.Builtin}, Builtin: signatures.YARA()}
	if change != nil {
		change(&o)
	}
	e, err := yara.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestSuite(t *testing.T) {
	scantest.Engine(t, func(t *testing.T) scan.Engine { return newEngine(t, nil) }, scantest.Options{
		Malicious: []scantest.Sample{{Name: "eicar in text", Rule: "EICAR_Test_File", Data: append([]byte("x "), scantest.EICAR()...)}},
		Clean:     []scantest.Sample{{Name: "text", Data: []byte("nothing to see here")}},
	})
}

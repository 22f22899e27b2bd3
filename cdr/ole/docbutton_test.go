package ole

import (
	"bytes"
	"testing"

	"icapd/cdr/kit"
)

// TestMacroButtonKeepsItsText has buttons whose words stand behind the name of their macro: they stay where they are, if there is
// room for a name that runs nothing.
func TestMacroButtonKeepsItsText(t *testing.T) {
	for _, tt := range []struct{ code, want string }{
		{" MACROBUTTON RunCanary7f1e click ", "       MACROBUTTON NoMacro click "},
		{" MACROBUTTON Shorts click ", "MACROBUTTON NoMacro click "},
		{" MACROBUTTON Short click ", ""},
		{" MACROBUTTON RunCanary7f1e \x13 PAGE \x15", ""},
	} {
		for _, wide := range []bool{false, true} {
			out, job, err := run(t, one(t, docEntries("a\x13"+tt.code+"\x15z", wide, nil, nil)), kit.Switches{})
			if err != nil || len(job.Removals()) == 0 {
				t.Fatalf("%q: %v %v", tt.code, err, job.Removals())
			}
			if flat := bytes.ReplaceAll(out, []byte{0}, nil); bytes.Contains(flat, []byte("RunCanary")) || bytes.Contains(flat, []byte("click")) != (tt.want != "") || !bytes.Contains(flat, []byte("\x13"+tt.want)) {
				t.Errorf("%q became %q", tt.code, flat[max(0, len(flat)-60):])
			}
		}
	}
}

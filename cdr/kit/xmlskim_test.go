package kit

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// trace reads a document to its end, or to what is wrong with it. It returns the end, and what Read said at each place
// that read stopped at: the open elements, and of an end tag what was in the element. With skim, what may be read over is.
func trace(data []byte, skim *XMLSkim) (end string, at map[int]string) {
	at = map[int]string{}
	x := NewXML(data, 8)
	for {
		if skim != nil {
			if tags, low := x.Skim(skim); low < skim.Floor && tags > 0 {
				return fmt.Sprintf("read over the end of element %d", low), at
			}
		}
		t, err := x.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return "end", at
			}
			return err.Error(), at
		}
		if t.Kind != XMLText {
			at[t.Start] = fmt.Sprint(t.Kind, t.End, string(t.Name), t.Kids, x.open)
		}
	}
}

// same checks that a document is the same with and without skimming.
func same(t *testing.T, data []byte, skim XMLSkim) {
	t.Helper()
	want, all := trace(data, nil)
	got, some := trace(data, &skim)
	if got != want {
		t.Errorf("%.200q: %s; %s when skimmed", data, want, got)
	}
	for at, s := range some {
		if all[at] != s {
			t.Errorf("%.200q at %d: %s; %s when skimmed", data, at, all[at], s)
		}
	}
}

var skimSeeds = []string{
	`<a><b c="d"/>text<b x:y='"' ><c/></b ></a>`, `<a b="<"/>`, `<a><b></a></b>`, `<a><!-- c --><b><![CDATA[<c>]]></b><?p i?></a>`, `<a b="c"d="e"/>`,
	`<a><x:b xmlns:x="u"><x:c/></x:b></a>`, `<a>` + strings.Repeat(`<b>`, 9), `<a><b c = "d" / ></a>`, `<a><1/></a>`, `<a><:b></:b><c:></c:></a>`, `<a><b`, `<a><b c`, `<a><b c="`,
	`<a><b 1="2"/></a>`, `<a></a><a></a>`, `<a/>text`, "<a>\n<b\tc='d'\n/></a>\x00", `<a><b/ ></a>`, `<a></a`, `<a><b></bb></a>`,
}

func TestSkim(t *testing.T) {
	var names, attrs NameSet
	names.Add("b")
	attrs.Add("href")
	first := [256]bool{'o': true}
	for _, s := range skimSeeds {
		for _, skim := range []XMLSkim{{Names: &NameSet{}, Attrs: &NameSet{}, First: &[256]bool{}}, {Names: &names, Attrs: &attrs, First: &first, Floor: 2}} {
			same(t, []byte(s), skim)
		}
	}
}

// TestNameSet has names that share the mark of one in the set, which is what the map behind the marks is for.
func TestNameSet(t *testing.T) {
	var set NameSet
	in := map[string]bool{"style": true, "href": true, "p": true, "definedName": true}
	for name := range in {
		set.Add(name)
	}
	marked := 0
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			for _, name := range []string{"s" + string(a) + "yl" + string(b), "h" + string(a) + string(b) + "f", string(a), "definedNam" + string(b)} {
				if set.Has([]byte(name)) != in[name] {
					t.Errorf("%q: %v", name, !in[name])
				}
				if set.marks[name[0]]&nameMark(len(name), name[len(name)/2], name[len(name)-1]) != 0 && !in[name] {
					marked++
				}
			}
		}
	}
	if marked == 0 {
		t.Error("no name shared a mark: nothing was tested")
	}
	if (&NameSet{}).Has([]byte("p")) || set.Has(nil) {
		t.Error("an empty set, or an empty name")
	}
}

// TestSkimStops has documents of which one tag, and no other, must be seen.
func TestSkimStops(t *testing.T) {
	var names, attrs NameSet
	names.Add("stop")
	attrs.Add("href")
	first := [256]bool{'o': true}
	const around = `<q><r s="t"><u/>%s<u/></r></q>`
	for _, tag := range []string{`<stop/>`, `<p:stop/>`, `<u href=""/>`, `<u a="b" p:href='c'/>`, `<u onload=""/>`, `<u xmlns="v"/>`, `<u xmlns:p="v"/>`, `<stop></stop>`} {
		x := NewXML(fmt.Appendf(nil, around, tag), 8)
		if _, err := x.Next(); err != nil {
			t.Fatal(err)
		}
		x.Skim(&XMLSkim{Names: &names, Attrs: &attrs, First: &first, Floor: 1})
		at, err := x.Next()
		if err != nil || at.Start != strings.Index(around, "%s") {
			t.Errorf("%s: stopped at %d, %v", tag, at.Start, err)
		}
	}
}

func FuzzSkim(f *testing.F) {
	for _, s := range skimSeeds {
		f.Add([]byte(s), uint8('b'), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, name, floor uint8) {
		var names, attrs NameSet
		names.Add(string(rune(name%26 + 'a')))
		attrs.Add(string(rune(name/26 + 'a')))
		var first [256]bool
		first[name] = true
		same(t, data, XMLSkim{Names: &names, Attrs: &attrs, First: &first, Floor: int(floor % 4)})
	})
}

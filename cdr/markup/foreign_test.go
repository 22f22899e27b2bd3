package markup

import (
	"strings"
	"testing"

	"icapd/cdr/kit"
)

// What drawings and formulas in pages show stays, as it is if nothing in them acts.
func TestForeignStays(t *testing.T) {
	for in, want := range map[string]string{
		`<p>a</p><svg viewBox="0 0 9 9"><title>t &amp; u</title><style>.a{fill:red}</style><defs><linearGradient id="g"><stop offset="0"/></linearGradient></defs><g class=a><text x=1>shown</text><use xlink:href="#g"/></g></svg><p>b</p>`: "",
		`<math display="block"><mfrac><mi>x</mi><mn>2</mn></mfrac><semantics><mo>=</mo><annotation encoding="application/x-tex">x</annotation></semantics></math>`:                                                                           "",
		`<svg onload="x" viewBox="0 0 9 9"><text>shown</text></svg>`:                   `<svg viewBox="0 0 9 9"><text>shown</text></svg>`,
		`<math><mi href="javascript:x">shown</mi></math>`:                              `<math><mi>shown</mi></math>`,
		`<svg><a href="https://a.test"><text>shown</text></a><script>x</script></svg>`: `<svg><a href="https://a.test"><text>shown</text></a></svg>`,
		`<svg><g><p>shown</p>`:                               `<svg><g></g></svg><p>shown</p>`,
		`<svg><iframe><g></svg><p>shown</p>`:                 `<svg></svg><p>shown</p>`,
		`<svg><own><g>x</g></svg><p>shown</p>`:               `<svg></svg><p>shown</p>`,
		`<svg><style><![CDATA[.a{fill:red}]]></style></svg>`: `<svg><style>.a{fill:red}</style></svg>`,
		`<svg>` + strings.Repeat("<g>", 300) + `shown`:       `<svg>` + strings.Repeat("<g>", 256) + strings.Repeat("</g>", 256) + `</svg>` + strings.Repeat("<g>", 44) + `shown`,
	} {
		out, _, err := run(t, HTML{}, in)
		if err != nil || out != want {
			t.Errorf("%s\nbecame\n%s, %v\nnot\n%s", in, out, err, want)
		}
	}
}

func TestUTF7(t *testing.T) {
	for in, want := range map[string]string{
		"<meta charset=utf-7>a+-b +AOk- +2D3eAA-!": "<meta charset=utf-8>a+b \u00e9 \U0001f600!",

		"+/v8-<p>x</p>": "<p>x</p>",

		"<meta charset=utf-7>1 + 1": "<meta charset=utf-8>1 + 1",

		"<?xml version='1.0' encoding='UTF-7'?><p>+AGE</p>": "<?xml version='1.0' encoding='utf-8'?><p>a</p>",

		"<meta charset=utf-8><p>utf-7: +ADw-script+AD4-</p>": "",
	} {
		if out, _, err := run(t, HTML{}, in); err != nil || out != want {
			t.Errorf("%s became %s, %v", in, out, err)
		}
	}
}

// Rebuilt documents have nothing that their formats do not know.
func TestRebuilt(t *testing.T) {
	for in, want := range map[string]struct {
		format kit.Format
		out    string
	}{
		`<p unknown="x" class=a data-x=1 aria-label=y>a <own>b</own> <x-y>c</x-y><!-- d --></p>`:                            {HTML{}, `<p class="a" data-x="1" aria-label="y">a b c</p>`},
		`<svg viewBox="0 0 1 1" own="x"><own>b</own><text>a</text><metadata>m</metadata></svg>`:                             {HTML{}, `<svg viewBox="0 0 1 1"><text>a</text></svg>`},
		`<svg xmlns:o="urn:o" own="1"><own>b</own><o:x>c</o:x><metadata>m</metadata><!-- d --><text o:a="1">a</text></svg>`: {SVG{}, `<svg xmlns:o="urn:o"><text>a</text></svg>`},
		`<own><text>a</text><svg><script/></svg></own>`:                                                                     {SVG{}, `<own><text>a</text><svg></svg></own>`},
		`<a><!-- b --><?own x?><c>d</c></a>`:                                                                                {XML{}, `<a><c>d</c></a>`},
		`<p class="a">b</p>`:                                                                                                {HTML{}, ""},
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" xml:space="preserve"><g transform="scale(2)"><path d="M0 0" stroke-width="2"/></g></svg>`: {SVG{}, ""},
	} {
		job := kit.NewJob(kit.ModeRebuild, kit.Switches{}, kit.Limits{}, nil)
		r, err := want.format.Disarm(t.Context(), job, kit.Document{Data: []byte(in)})
		if err != nil || string(r.Data) != want.out {
			t.Errorf("%s\nbecame\n%s, %v", in, r.Data, err)
		}
	}
}

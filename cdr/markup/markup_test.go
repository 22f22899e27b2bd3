package markup

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"icapd/cdr/kit"
)

const canary = "canary7f1e55"

func run(tb testing.TB, f kit.Format, in string) (string, *kit.Job, error) {
	tb.Helper()
	job := kit.NewJob(kit.ModeDisarm, kit.Switches{}, kit.Limits{}, nil)
	r, err := f.Disarm(tb.Context(), job, kit.Document{Data: []byte(in)})
	return string(r.Data), job, err
}

func TestCleanStaysAsItIs(t *testing.T) {
	for _, doc := range []string{
		"<!DOCTYPE html>\n<html><head><title>a < b</title><STYLE>p{color:red;background:url(#x)}</STYLE></head><body class=x><p style='color: red'>Hé <a href=https://a.test>x</a><img src='a.png' alt=\"q\"><br/><!-- note --></body></html>",
		`<a href="/relative">x</a><a href="#x">y</a><img src="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="><input value="1"><textarea><b></textarea>`,
	} {
		if out, job, err := run(t, HTML{}, doc); err != nil || out != "" {
			t.Errorf("HTML: %v %v\n%s", err, job.Removals(), out)
		}
	}
	for _, doc := range []string{
		"\ufeff<?xml version=\"1.0\"?>\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"><style>.a{fill:url(#g)}</style><use xlink:href='#a'/><a href=\"https://a.test\"><text>x &amp; y</text></a><animate attributeName=\"x\" to=\"1;2\"/><image href=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\"/></svg>\n",
	} {
		if out, job, err := run(t, SVG{}, doc); err != nil || out != "" {
			t.Errorf("SVG: %v %v\n%s", err, job.Removals(), out)
		}
	}
}

// Whatever carries the canary is gone, and the words around it are not.
func TestHTMLCanaries(t *testing.T) {
	for _, active := range []string{
		"<script>CANARY</script>", "<SCRIPT src=CANARY></SCRIPT >", "<script/x>CANARY</script>", "<scr\x00ipt>CANARY</script>", "<img src=x onerror=CANARY>",
		"<b oNcLiCk = 'CANARY'>b</b>", "<a href=javascript:CANARY>x</a>", "<a href='JaVa&#x9;ScRiPt:CANARY'>x</a>", "<a href='&#1;javascript:CANARY'>x</a>",
		"<a href=vbscript:CANARY>x</a>", "<a href='data:text/html,CANARY'>x</a>", "<img src='data:image/svg+xml,CANARY'>", "<iframe src=CANARY></iframe>",
		"<iframe srcdoc='CANARY'></iframe>", "<frameset><frame src=CANARY></frameset>", "<object data=CANARY></object>", "<embed src=CANARY>",
		"<applet code=CANARY></applet>", "<base href=//CANARY>", "<meta http-equiv=refresh content='0;CANARY'>", "<META HTTP-EQUIV=Set-Cookie content=CANARY>",
		"<link rel=stylesheet href=CANARY>", "<link rel=import href=CANARY>", "<form action=//CANARY>", "<button formaction=javascript:CANARY>b</button>",
		"<svg onload=CANARY></svg>", "<svg><script>CANARY</script></svg>", "<math><mi xlink:href='javascript:CANARY'></math>", "<template><img onerror=CANARY></template>",
		"<noscript><p title='</noscript><img onerror=CANARY>'></noscript>", "<xmp>CANARY</xmp>", "<noembed>CANARY</noembed>", "<!--[if IE]>CANARY<![endif]-->", "<![if IE]>x<![endif]><!-- > CANARY -->",
		"<style>@import 'CANARY';</style>", "<style>p{background:url(//CANARY)}</style>", "<style>p{x:expression(CANARY)}</style>", "<style>p{-moz-binding:url(CANARY)}</style>", `<style>p{b:u\72l(//CANARY)}</style>`,
		"<p style='background:url(//CANARY)'>x</p>", "<p style='width:e/**/xpression(1);background:url(//CANARY)'>x</p>", `<p style="b:\75rl(//CANARY)">x</p>`,
		"<body background=//CANARY>", "<video src=//CANARY></video>", "<input type=image src=//CANARY>", "<table background=https://CANARY></table>", "<img srcset='javascript:CANARY 1x'>",
		"<?import CANARY?>", "<a ping=//CANARY href=#>x</a>", "<html manifest=//CANARY>", "<svg><style><img src=x onerror=CANARY></style></svg>", "<a href=file:///CANARY>x</a>",
		"<img src=x` `onerror=CANARY>", "<x/onclick=CANARY>y", "<p title=\"a\"onclick=CANARY>z</p>",
		"<svg><path d='M0 0' onclick=CANARY /></svg>", "<svg><a href='javascript:CANARY'><text>x</text></a></svg>", "<svg><image href='//CANARY'/></svg>", "<svg><use href='//CANARY#a'/></svg>",
		"<svg><a><set attributeName=href to='javascript:CANARY'/><text>x</text></a></svg>", "<math><annotation-xml encoding=text/html><p>CANARY</p></annotation-xml></math>", "<math><mi href='javascript:CANARY'>x</mi></math>",
		"<svg><style>@import '//CANARY';</style></svg>", "<svg><title><img title='</title><img onerror=CANARY>'></title></svg>", "<svg><foreignObject><p>CANARY</p></foreignObject></svg>", "<svg><rect fill='url(//CANARY#a)'/></svg>",
		"<svg><desc><noembed></desc><img title='</noembed><img onerror=CANARY>'></svg>", "<svg></p><style><a id='</style><img src=1 onerror=CANARY>'></svg>", "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=CANARY&gt;'></math>",
		"<svg><g ev:handler='#CANARY'/></svg>", "<svg xml:base='//CANARY'></svg>", "<svg><![CDATA[</svg><img onerror=CANARY>]]></svg>", "<svg><audio><p>CANARY</p></audio></svg>",
		"<style type=text/javascript>CANARY</style>", "<p title='</style><img onerror=CANARY>'>x</p>", "<p about='javascript:CANARY'>x</p>", "<!--#exec cmd='CANARY'-->", "<p on:click=CANARY>x</p>",
		"<style><style/><img src=x onerror=CANARY></style>", "<t:set attributeName=innerHTML to='&lt;img id=CANARY&gt;'></t:set>", "<scr<script onclick=CANARY>x</scr</script>", "<p xml:base='javascript:CANARY'>x</p>",
		"<meta charset=utf-7>+ADw-script+AD4-CANARY+ADw-/script+AD4-", "<meta charset='UTF-7'>+ADwAcwBjAHIAaQBwAHQAPg-CANARY+ADwALwBzAGMAcgBpAHAAdAA+-",
		"<unfinished onclick=CANARY",
	} {
		in := "<p>before</p>" + strings.ReplaceAll(active, "CANARY", canary)
		if !strings.HasPrefix(active, "<unfinished") {
			in += "<p>after</p>"
		}
		out, job, err := run(t, HTML{}, in)
		if err != nil || out == "" || strings.Contains(out, canary) || len(job.Removals()) == 0 {
			t.Errorf("%s: %v\n%s", active, err, out)
			continue
		}
		if !strings.Contains(out, "before") || strings.Contains(in, "<p>after") && !strings.Contains(out, "after") {
			t.Errorf("%s took more along than it should:\n%s", active, out)
		}
		if again, _, err := run(t, HTML{}, out); err != nil || again != "" {
			t.Errorf("%s: a second pass made\n%s\nof\n%s (%v)", active, again, out, err)
		}
	}
}

func TestSVGCanaries(t *testing.T) {
	for _, active := range []string{
		"<script>CANARY</script>", "<s:script xmlns:s='http://www.w3.org/2000/svg'>CANARY</s:script>", "<g onload='CANARY'/>", "<foreignObject><b>CANARY</b></foreignObject>",
		"<a xlink:href='javascript:CANARY'>x</a>", "<a href='java&#10;script:CANARY'>x</a>", "<use href='//CANARY#x'/>", "<image href='http://CANARY/x.png'/>", "<image href='CANARY.png'/>",
		"<image href='data:image/svg+xml;base64,CANARY'/>", "<feImage href='http://CANARY'/>", "<style>@import url(CANARY);</style>", "<style><![CDATA[p{fill:url(http://CANARY)}]]></style>",
		"<style>p{fill:u&#x72;l(//CANARY)}</style>", "<rect fill='url(http://CANARY)'/>", "<rect style='fill:url(//CANARY)'/>", "<animate attributeName='href' to='CANARY'/>",
		"<set attributeName='onclick' to='CANARY'/>", "<animate attributeName='x' values='javascript:CANARY'/>", "<handler>CANARY</handler>", "<?xml-stylesheet href='CANARY'?>",
		"<g xml:base='http://CANARY'/>", "<iframe src='CANARY'/>", "<html><b>CANARY</b></html>", "<style><x>@import 'CANARY'</x></style>", "<audio src='CANARY'/>",
	} {
		in := `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><text>before</text>` + strings.ReplaceAll(active, "CANARY", canary) + `<text>after</text></svg>`
		out, job, err := run(t, SVG{}, in)
		if err != nil || out == "" || strings.Contains(out, canary) || len(job.Removals()) == 0 {
			t.Errorf("%s: %v\n%s", active, err, out)
			continue
		}
		if !strings.Contains(out, "before") || !strings.Contains(out, "after") {
			t.Errorf("%s took more along than it should:\n%s", active, out)
		}
		if again, _, err := run(t, SVG{}, out); err != nil || again != "" {
			t.Errorf("%s: a second pass made\n%s\nof\n%s (%v)", active, again, out, err)
		}
	}
	if out, _, err := run(t, SVG{}, "<svg><own>a</own><own onclick='x'><b>"+canary+"</b></own><rect onclick='x'/></svg>"); err != nil || out != "<svg><own>a</own><rect/></svg>" {
		t.Errorf("elements of one's own: %q, %v", out, err)
	}
	in := `<!DOCTYPE svg [<!ENTITY x "` + canary + `">]><svg/>`
	if out, _, err := run(t, SVG{}, in); err != nil || out != "<svg/>" {
		t.Errorf("%q, %v", out, err)
	}
	packed := string(pack([]byte("<svg><script>" + canary + "</script></svg>")))
	out, _, err := run(t, SVG{}, packed)
	if err != nil || out == "" {
		t.Fatal(err)
	}
	if plain, err := unpack(kit.NewJob(0, kit.Switches{}, kit.Limits{}, nil), []byte(out)); err != nil || string(plain) != "<svg></svg>" {
		t.Errorf("%s, %v", plain, err)
	}
}

func TestXMLCanaries(t *testing.T) {
	for active, refused := range map[string]bool{
		`<!DOCTYPE a [<!ENTITY x "CANARY">]><a/>`:                                                                                           false,
		`<!DOCTYPE a [<!ENTITY x SYSTEM "CANARY">]><a>&x;</a>`:                                                                              false,
		`<!DOCTYPE a [<!ENTITY % x "<!ENTITY y 'CANARY'>">%x;]><a>&y;</a>`:                                                                  false,
		`<!DOCTYPE a [<!ENTITY x "CANARY&x;">]><a>&x;</a>`:                                                                                  true,
		`<!DOCTYPE a [<!ENTITY x "java">]><a href="&x;script:CANARY"/>`:                                                                     false,
		`<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://CANARY/z3986/2005/ncx-2005-1.dtd"><ncx/>`:                               false,
		`<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd" [<!ENTITY x "CANARY">]><ncx/>`: false,
		`<!DOCTYPE a SYSTEM "http://CANARY/x.dtd"><a/>`:                                                                                     false,
		`<?xml-stylesheet href="CANARY"?><a/>`:                                                                                              false,
		`<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="CANARY"/></a>`:                                                       false,
		`<a><include xmlns="http://www.w3.org/2001/XInclude" href="CANARY"><fallback>CANARY</fallback></include></a>`:                       false,
		`<a xmlns:i="http://www.w3.org/2003/XInclude"><i:include href="CANARY"/></a>`:                                                       false,
		`<a xmlns:x="http://www.mozilla.org/keymaster/gatekeeper/there.is.only.xul"><x:window onload="CANARY"/></a>`:                        false,
		`<a><b xmlns="http://www.mozilla.org/xbl"><constructor>CANARY</constructor></b></a>`:                                                false,
		`<a xmlns:v="urn:schemas-microsoft-com:vml"><v:rect onclick="CANARY"/></a>`:                                                         false,
		`<a xmlns:l="http://xml.apache.org/xalan"><l:component><l:script>CANARY</l:script></l:component></a>`:                               false,
		`<a xmlns:e="http://www.w3.org/2001/xml-events"><e:listener handler="CANARY"/></a>`:                                                 false,
		`<a xmlns:f="http://www.w3.org/2002/xforms"><f:load resource="CANARY"/></a>`:                                                        false,
		`<a xmlns:x="http://www.w3.org/1999/xlink"><b x:href="http://CANARY" x:show="embed"/></a>`:                                          false,
		`<a xmlns:x="http://www.w3.org/1999/xlink"><b x:href="../CANARY" x:show="embed"/></a>`:                                              false,
		`<a xmlns:x="http://www.w3.org/1999/xlink"><b x:href="/CANARY" x:actuate="onLoad"/></a>`:                                            false,
		`<a><?php CANARY ?></a>`:            false,
		`<a href="java&#9;script:CANARY"/>`: false,
	} {
		out, job, err := run(t, XML{}, strings.ReplaceAll(active, "CANARY", canary))
		if refused != (err != nil) || strings.Contains(out, canary) || !refused && (out == "" || len(job.Removals()) == 0) {
			t.Errorf("%s: %v %v\n%s", active, err, job.Removals(), out)
		}
	}
	for _, doc := range []string{
		"\ufeff<?xml version='1.0'?>\n<!DOCTYPE a><a b='&lt;'>&amp;<include/><![CDATA[<x>]]></a>", "<rss><link>javascript is a language</link></rss>",
		`<a xmlns:x="http://www.w3.org/1999/xlink"><b x:href="./Object 1" x:show="embed" x:actuate="onLoad"/></a>`,
		"<?xml version='1.0'?>\n<!DOCTYPE ncx PUBLIC\n  \"-//NISO//DTD ncx 2005-1//EN\" \"http://www.daisy.org/z3986/2005/ncx-2005-1.dtd\">\n<ncx/>",
	} {
		if out, job, err := run(t, XML{}, doc); err != nil || out != "" {
			t.Errorf("%s: %v %v", doc, err, job.Removals())
		}
	}
}

// Illustrator names its namespaces by entities: without them the drawing must say the same.
func TestEntitiesOfDrawings(t *testing.T) {
	in := `<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd" [
	<!ENTITY ns_svg "http://www.w3.org/2000/svg">
	<!ENTITY ns_xlink "http://www.w3.org/1999/xlink">
	<!ENTITY shape "<rect width='1' height='1' onclick='CANARY'/>">
]>
<svg xmlns="&ns_svg;" xmlns:xlink='&ns_xlink;'><text>a &amp; b</text>&shape;<use xlink:href="#a"/></svg>`
	want := `<?xml version="1.0" encoding="utf-8"?>

<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink='http://www.w3.org/1999/xlink'><text>a &amp; b</text><rect width='1' height='1'/><use xlink:href="#a"/></svg>`
	out, job, err := run(t, SVG{}, strings.ReplaceAll(in, "CANARY", canary))
	if err != nil || out != want || len(job.Removals()) != 2 {
		t.Errorf("%v %v\n%s", err, job.Removals(), out)
	}
	if again, _, err := run(t, SVG{}, out); err != nil || again != "" {
		t.Errorf("a second pass made %q (%v)", again, err)
	}
	if out, _, err := run(t, SVG{}, `<!DOCTYPE svg [<!ENTITY x SYSTEM "`+canary+`">]><svg><text>a&x;</text></svg>`); err != nil || out != "<svg><text>a</text></svg>" {
		t.Errorf("an entity from elsewhere: %q, %v", out, err)
	}
}

// Illustrator packs its own form of the drawing into SVG; what is packed is often cut off, and no reader of SVG opens it.
func TestIllustratorsOwn(t *testing.T) {
	in := `<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="http://ns.adobe.com/AdobeIllustrator/10.0/"><switch><foreignObject><i:pgfRef/></foreignObject>` +
		`<g i:extraneous="self"><path d="M0 0"/></g></switch><i:pgf id="a">` + canary + `</i:pgf></svg>`
	want := `<svg xmlns="http://www.w3.org/2000/svg" xmlns:i="http://ns.adobe.com/AdobeIllustrator/10.0/"><switch>` +
		`<g i:extraneous="self"><path d="M0 0"/></g></switch></svg>`
	if out, job, err := run(t, SVG{}, in); err != nil || out != want {
		t.Errorf("%v %v\n%s", err, job.Removals(), out)
	}
}

// Of attributes with one name browsers take the first. Others take the last.
func TestRepeatedAttributes(t *testing.T) {
	for in, want := range map[string]string{
		`<a href="https://a.test/?b=c" href="javascript:x">t</a>`: `<a href="https://a.test/?b=c">t</a>`,
		`<img src=a/b=c=d alt='=' title = "x=y" hidden>`:          "",
		`<a href="https://a.test/?b=c&d=e">t</a>`:                 "",
		`<p class=a=b/title=c alt=d>t</p>`:                        "",
		`<p a=1 b a=2>t</p>`:                                      `<p a="1" b="">t</p>`,
	} {
		if out, _, err := run(t, HTML{}, in); err != nil || out != want {
			t.Errorf("%s: %q, want %q (%v)", in, out, want, err)
		}
	}
}

// XHTML may declare entities, and so may XML that a browser takes for HTML.
func TestEntitiesOfPages(t *testing.T) {
	for in, want := range map[string]string{
		`<!DOCTYPE html [<!ENTITY x "y<b>z</b>">]><html><p>&x; &nbsp;</p></html>`:              `<html><p>y<b>z</b> &#160;</p></html>`,
		`<!-- c --><!DOCTYPE r:r [<!ENTITY x "http://a.test/">]><r:r xmlns:r="&x;">t&x;</r:r>`: `<!-- c --><r:r xmlns:r="http://a.test/">thttp://a.test/</r:r>`,
		`<!DOCTYPE html [<!ENTITY x "y">]><p>no <br> XML &x;`:                                  `]><p>no <br> XML &x;`,
	} {
		out, job, err := run(t, HTML{}, in)
		if err != nil || out != want || len(job.Removals()) == 0 {
			t.Errorf("%s\n%s, want %s (%v) %v", in, out, want, err, job.Removals())
		}
		if again, _, err := run(t, HTML{}, out); err != nil || again != "" {
			t.Errorf("a second pass made %q (%v)", again, err)
		}
	}
	if out, _, err := run(t, HTML{}, `<!DOCTYPE html [<!ENTITY x "`+strings.Repeat("y", 1<<20)+`">]><html>&x;&x;</html>`); err == nil {
		t.Errorf("a bomb: %d bytes", len(out))
	}
}

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"# Title\n\nText with *stars*, `<code>` and [a link](https://a.test \"t\").\n\n[r]: /relative\n<https://a.test> 1 < 2\n": "",
		"[x](javascript:CANARY)":            "[x](#)",
		"[x](java&#115;cript&colon;CANARY)": "[x](#)",
		"[^1]: [x](javascript:CANARY) and":  "[^1]: [x](#) and",
		"[^1]: word: text":                  "",
		"![x]( <data:text/html,CANARY> )":   "![x]( <#> )",
		"[r]: vbscript:CANARY \"title\"":    "[r]: # \"title\"",
		"<script>CANARY</script>\n\ntext":   "\n\ntext",
		"a <img src=x onerror=CANARY> b":    "a <img src=\"x\"> b",
	} {
		out, _, err := run(t, Markdown{}, strings.ReplaceAll(in, "CANARY", canary))
		if err != nil || out != want {
			t.Errorf("%q: %q, want %q (%v)", in, out, want, err)
		}
		if want != "" {
			if again, _, err := run(t, Markdown{}, out); err != nil || again != "" {
				t.Errorf("%q: a second pass made %q", in, again)
			}
		}
	}
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY x "y">]><a xmlns:i="http://www.w3.org/2001/XInclude"><i:include/></a>`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, _, err := run(t, XML{}, string(in))
		if err != nil || out == "" {
			return
		}
		if again, _, err := run(t, XML{}, out); err != nil || again != "" {
			t.Fatalf("a second pass of %q made %q: %v", in, again, err)
		}
	})
}

// What a full parser makes of the output has nothing active in it, whatever the input was.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{"<svg><style><img src=x onerror=1>", "<p style=a:url(x)>", "<!--><script>-->", "<a href='java\nscript:1'>", "<form><math><mtext></form><form><mglyph><style></math><img src onerror=1>", "<title></title><img onerror=1>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		out, job, err := run(t, HTML{}, string(in))
		if !bytes.Equal(before, in) {
			t.Fatal("the input was written to")
		}
		if err != nil {
			return
		}
		if len(job.Removals()) == 0 {
			out = string(in)
		} else if again, _, err := run(t, HTML{}, out); err != nil || again != "" && again != out {
			if third, _, _ := run(t, HTML{}, again); third != "" && third != again {
				t.Fatalf("does not come to rest: %q %q %q", in, out, again)
			}
		}
		root, err := html.Parse(strings.NewReader(out))
		if err != nil {
			return
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && (htmlGone[n.Data] != "" || htmlUnwrapped[n.Data] != "" && n.Data != "frameset") {
				t.Fatalf("<%s> is in what a browser makes of %q", n.Data, out)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") && len(a.Key) > 2 {
					t.Fatalf("%s is in what a browser makes of %q", a.Key, out)
				}
			}
		}
	})
}

func FuzzSVG(f *testing.F) {
	f.Add([]byte(`<svg><style>@import "x"</style><a href="javascript:1" onclick="2"/></svg>`))
	f.Add([]byte(`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg><x><script/></x></svg>`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, _, err := run(t, SVG{}, string(in))
		if err != nil || out == "" {
			return
		}
		again, _, err := run(t, SVG{}, out)
		if err != nil {
			t.Fatalf("the output %q of %q is not read: %v", out, in, err)
		}
		if again != "" {
			if third, _, err := run(t, SVG{}, again); err != nil || third != "" && third != again {
				t.Fatalf("does not come to rest: %q %q %q", in, out, again)
			}
		}
	})
}

func FuzzCSS(f *testing.F) {
	f.Add(`@im\70ort "x"; a{b:url( "javascript:x" )}/*`)
	f.Fuzz(func(t *testing.T, css string) {
		clean, _ := cleanCSS(css, false)
		if plain := plainCSS(clean); activeCSS(plain, 0, len(plain)) >= 0 {
			t.Fatalf("%q is left of %q", clean, css)
		}
	})
}

func BenchmarkHTML(b *testing.B) {
	doc := "<html><body>" + strings.Repeat(`<p class="a" style="color:red">Some text with a <a href="https://a.test/x">link</a> in it.</p>`+"\n", 5000)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, _, err := run(b, HTML{}, doc); err != nil {
			b.Fatal(err)
		}
	}
}

package main

import (
	"strings"
	"testing"

	"icapd/icap"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// barriers lists what keeps people from using a page: fields and buttons without a name, text without contrast (WCAG
// 2.1, 1.4.3 and 1.4.11), headings that skip a level, header cells without text, a page that is wider than its window.
const barriers = `(() => {
	let looked = 0;
	const out = [], shown = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
	const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
	const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
	const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
	const name = (e) => (e.getAttribute("aria-label") || (e.labels && [...e.labels].map((l) => l.textContent).join(" ")) || e.textContent || "").trim();
	for (const e of document.querySelectorAll("input:not([type=hidden]), textarea, select, button, a[href]")) {
		if (shown(e) && !name(e)) out.push("no name: " + e.outerHTML.slice(0, 90));
		if (e.tabIndex > 0) out.push("its own place in the order of focus: " + e.outerHTML.slice(0, 90));
	}
	for (const e of document.querySelectorAll("body *")) {
		const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
		if (!text || !shown(e)) continue;
		looked++;
		const s = getComputedStyle(e), large = parseFloat(s.fontSize) >= 24 || parseFloat(s.fontSize) >= 18.6 && s.fontWeight >= 700;
		const r = ratio(parse(s.color), behind(e));
		if (r < (large ? 3 : 4.5)) out.push("contrast " + r.toFixed(2) + ": " + e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40));
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]):not([type=checkbox]), textarea, select")) {
		const r = ratio(parse(getComputedStyle(e).borderTopColor), behind(e.parentElement));
		if (shown(e) && r < 3) out.push("edge " + r.toFixed(2) + ": " + e.outerHTML.slice(0, 60));
	}
	if (looked < 3) out.push("nothing to look at: " + looked);
	let level = 0;
	for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
		const n = Number(h.tagName[1]);
		if (n > level + 1) out.push("heading " + h.tagName + " after level " + level + ": " + h.textContent);
		level = n;
	}
	for (const th of document.querySelectorAll("th")) if (!th.textContent.trim()) out.push("a column without a name");
	if (document.documentElement.lang !== "en" || !document.title || document.querySelectorAll("main").length !== 1) out.push("no language, title or main");
	if (document.documentElement.scrollWidth > window.innerWidth) out.push("wider than its window: " + document.documentElement.scrollWidth);
	return out.join("\n");
})()`

// TestConsoleIsAccessible looks for barriers on every page: in light and dark, on a desk and on a telephone.
func TestConsoleIsAccessible(t *testing.T) {
	p, _ := startConsole(t, "")
	client := &icap.Client{}
	defer client.Close()
	send(t, p, client, "/v1/users/4711", "application/json", clean)
	send(t, p, client, "/v1/comments/"+strings.Repeat("long-", 60), "application/json", injected)
	send(t, p, client, "/shop/cart", "application/json", injected)
	b := openTab(t, "http://"+p.adm)
	b.visit("/")
	message := result(b, "a message", chromedp.Evaluate[string](`document.querySelector("tr.a-block a").getAttribute("href")`))
	b.visit("/quarantine")
	b.do("an entry", chromedp.WaitReady(css("tbody a")))
	entry := result(b, "an entry", chromedp.Evaluate[string](`document.querySelector("tbody a").getAttribute("href")`))
	for _, width := range []int64{1280, 390} {
		if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: 844, DeviceScaleFactor: 1,
		}); err != nil {
			t.Fatal(err)
		}
		for _, scheme := range []string{"light", "dark"} {
			if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/", message, "/engines", "/rules", "/quarantine", entry, "/apis", "/try", "/config", "/login"} {
				b.visit(path)
				if found := result(b, "barriers", chromedp.Evaluate[string](barriers)); found != "" {
					t.Errorf("%s, %s, %d wide:\n%s", path, scheme, width, found)
				}
				if scheme == "light" && width == 390 && (path == "/" || path == message) {
					b.picture("console-narrow" + map[bool]string{true: "-message"}[path == message])
				}
			}
		}
	}
	// Without a mouse: the first stop skips to the content, then come the pages in their order.
	b.visit("/rules")
	var order []string
	for range 4 {
		b.do("tab", chromedp.KeyEvent("\t"))
		order = append(order, result(b, "focus", chromedp.Evaluate[string](`document.activeElement.textContent.trim()`)))
	}
	if got := strings.Join(order, ", "); got != "Skip to content, icapd, Overview, Engines" {
		t.Errorf("the order of focus: %s", got)
	}
	if shown := result(b, "outline", chromedp.Evaluate[bool](`getComputedStyle(document.activeElement).outlineStyle !== "none"`)); !shown {
		t.Error("what has the focus does not show it")
	}
	b.good()
}

"use strict";
// The pages work without this file; it adds live updates, filters, keys and dropping of files.
(() => {
	const $ = (q) => document.querySelector(q);
	const el = (name, cls, text) => {
		const e = document.createElement(name);
		if (cls) e.className = cls;
		if (text !== undefined) e.textContent = text;
		return e;
	};
	const size = (n) => {
		const units = ["B", "KiB", "MiB", "GiB", "TiB"];
		let i = 0;
		while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
		return i ? n.toFixed(1) + " " + units[i] : n + " B";
	};

	// Rows that can be filtered and walked through.
	const rows = () => [...document.querySelectorAll("table.rows tbody tr")].filter((r) => !r.hidden);
	const filter = $(".filter"), only = $("#only"), filtered = filter && filter.closest("main").querySelector("table.rows");
	const apply = (row) => {
		const text = filter ? filter.value.trim().toLowerCase() : "";
		const has = (row.textContent + " " + (row.dataset.find || "")).toLowerCase();
		row.hidden = Boolean(text && !has.includes(text)) || Boolean(only && only.checked && row.matches(".a-allow:not(.shadowed)"));
	};
	const applyAll = () => filtered && filtered.querySelectorAll("tbody tr").forEach(apply);
	if (filter) {
		filter.addEventListener("input", applyAll);
		if (filter.value) applyAll(); // a link may name what to look for
	}
	if (only) only.addEventListener("change", () => only.form.requestSubmit()); // of all that are held, not of the rows here

	// Columns that can be sorted by, but for the live one, which has its order.
	document.querySelectorAll("table.rows:not(#messages)").forEach((t) => {
		t.querySelectorAll("thead th").forEach((th, column) => {
			const b = el("button", "sort", th.textContent);
			b.type = "button";
			th.replaceChildren(b);
			b.addEventListener("click", () => {
				const down = th.ariaSort === "ascending" || (!th.ariaSort && th.classList.contains("n"));
				t.querySelectorAll("th").forEach((o) => o.removeAttribute("aria-sort"));
				th.ariaSort = down ? "descending" : "ascending";
				const value = (tr) => { const c = tr.cells[column]; return c.dataset.value || c.textContent.trim(); };
				const sorted = [...t.tBodies[0].rows].sort((a, b) => value(a).localeCompare(value(b), "en", { numeric: true }));
				if (down) sorted.reverse();
				t.tBodies[0].append(...sorted);
			});
		});
	});

	let at = null;
	const step = (d) => {
		const all = rows();
		if (!all.length) return;
		const i = at ? all.indexOf(at) + d : 0;
		if (at) at.classList.remove("at");
		at = all[Math.max(0, Math.min(all.length - 1, i))];
		at.classList.add("at");
		at.scrollIntoView({ block: "nearest" });
		const link = at.querySelector("a, button");
		if (link) link.focus({ preventScroll: true });
	};
	document.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		if (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) {
			if (e.key === "Escape") e.target.blur();
			return;
		}
		const pages = document.querySelectorAll("nav a");
		if (e.key >= "1" && e.key <= String(pages.length)) pages[e.key - 1].click();
		else if (e.key === "/" && filter) { e.preventDefault(); filter.focus(); }
		else if (e.key === "j") step(1);
		else if (e.key === "k") step(-1);
	});

	// A file dropped on the page is one chosen. One that is too large is not sent for nothing.
	const drop = $("#drop"), file = $("#file"), trial = $("#try");
	if (drop && file) {
		trial.addEventListener("submit", (e) => {
			const busy = $("#busy"), most = Number(trial.dataset.max), chosen = file.files[0];
			if (chosen && chosen.size > most) {
				e.preventDefault();
				busy.textContent = chosen.name + " has " + size(chosen.size) + ", and " + size(most) + " is the most: icapd scan FILE looks at files of any size";
				busy.className = "bad";
				return;
			}
			busy.className = "dim";
			busy.textContent = "looking …";
		});
		$("#text").addEventListener("keydown", (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) trial.requestSubmit(); });
		const over = (on) => (e) => { e.preventDefault(); drop.classList.toggle("over", on); };
		drop.addEventListener("dragover", over(true));
		drop.addEventListener("dragleave", over(false));
		drop.addEventListener("drop", (e) => {
			over(false)(e);
			if (e.dataTransfer.files.length) { file.files = e.dataTransfer.files; trial.requestSubmit(); }
		});
	}

	// Live messages.
	const table = $("#messages tbody");
	if (!table) return;
	const keep = 200, live = $("#live"), pulse = $("#pulse");
	const put = (id, n) => { const e = $(id); if (e) e.textContent = n; };
	const count = (id) => { const e = $(id); if (e) e.textContent = Number(e.textContent) + 1; };
	const total = (bytes) => { const e = $("#total-bytes"); e.dataset.bytes = bytes; e.textContent = size(bytes); };
	const row = (m) => {
		const tr = el("tr", "new a-" + m.action + (m.shadowed ? " shadowed" : ""));
		tr.dataset.id = m.request_id;
		tr.dataset.find = [m.request_id, m.client, m.user, m.peer, m.api, m.profile, m.service, m.trace_id,
			...(m.findings || []).flatMap((f) => [f.rule, f.class]), ...(m.gaps || []).flatMap((g) => [g.engine, g.reason])].join(" ");
		const cell = (cls, child) => { const td = el("td", cls); if (child !== undefined) td.append(child); tr.append(td); return td; };
		cell("", new Date(m.time).toISOString().slice(11, 19)); // UTC, as the rows of the page and the log have it
		cell("", el("span", "tag v-" + m.verdict, m.verdict));
		const act = cell("", el("span", "tag a-" + m.action, m.action));
		if (m.shadowed) act.append(el("span", "dim", " (shadow: " + m.shadowed + ")"));
		const a = el("a", "", (m.method || "") + " " + (m.url || "(no URL)"));
		a.href = "/messages/" + encodeURIComponent(m.request_id);
		cell("url", a);
		cell("", m.status || "");
		cell("type", m.type || "");
		cell("n", size(m.size));
		cell("n", m.ms.toFixed(1));
		cell("", m.rule || "");
		return tr;
	};
	let waiting = [], planned = false;
	const flush = () => {
		planned = false;
		for (const m of waiting.slice(-keep)) {
			const tr = row(m);
			apply(tr);
			table.prepend(tr);
		}
		waiting = [];
		while (table.rows.length > keep) ([...table.rows].reverse().find((r) => r.hidden) || table.lastElementChild).remove();
		const empty = $(".empty");
		if (empty) empty.remove();
	};
	// What came since the page was made, or since the stream was lost, is sent first.
	let source = null, newest = table.dataset.newest, later = 0;
	const say = (text, bad) => { if (pulse.textContent !== text) pulse.textContent = text; pulse.className = bad ? "bad" : "dim"; };
	const close = () => { clearTimeout(later); if (source) source.close(); source = null; };
	// The browser tries again by itself when a stream ends, but not when it is refused.
	const refused = async () => {
		close();
		let status = 0;
		try { status = (await fetch("/api/v1/status")).status; } catch { /* nobody answers */ }
		if (status === 401 || status === 403) { say("○ logged out: load the page again", true); return; }
		say(status === 200 ? "○ too many are watching; trying again" : "○ icapd does not answer; trying again", true);
		later = setTimeout(open, 5000);
	};
	const open = () => {
		close();
		source = new EventSource("/api/v1/stream?totals=1&after=" + encodeURIComponent(newest));
		source.onopen = () => say("●");
		source.onerror = () => {
			if (source && source.readyState === EventSource.CLOSED) refused();
			else say("○ icapd does not answer; trying again", true);
		};
		source.addEventListener("totals", (e) => {
			const t = JSON.parse(e.data);
			put("#total", t.messages);
			for (const a of ["block", "rewrite", "allow"]) put("#total-" + a, t.actions[a] || 0);
			total(t.bytes);
		});
		source.onmessage = (e) => {
			const m = JSON.parse(e.data);
			newest = m.request_id;
			count("#total");
			count("#total-" + m.action);
			total(Number($("#total-bytes").dataset.bytes) + m.size);
			waiting.push(m);
			if (waiting.length > keep) waiting.shift();
			if (!planned) { planned = true; setTimeout(flush, 100); }
		};
	};
	const start = () => {
		if (!live.checked) { close(); say("paused"); return; }
		if (document.hidden) { close(); return; } // a browser has six connections for all tabs together
		open();
	};
	live.addEventListener("change", start);
	document.addEventListener("visibilitychange", start);
	start();
})();

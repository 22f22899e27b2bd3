package event

import (
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"icapd/scan"
)

// AppendFields appends the event's fields as the inside of a JSON object, without its braces: the bytes that
// encoding/json makes of an Event when it does not escape HTML, at a fraction of its cost, since there is an event for
// each message. What JSON has no number for, such as an infinite duration, is null.
func (e *Event) AppendFields(b []byte) []byte {
	b = e.Time.AppendFormat(append(b, `"time":"`...), time.RFC3339Nano)
	b = text(b, `","request_id":`, e.RequestID)
	b = text(b, `,"service":`, e.Service)
	b = text(b, `,"direction":`, e.Direction)
	b = text(b, `,"peer":`, e.Peer)
	b = textIf(b, `,"client":`, e.Client)
	b = textIf(b, `,"user":`, e.User)
	b = list(b, `,"groups":[`, e.Groups, func(b []byte, s *string) []byte { return appendString(b, *s) })
	b = textIf(b, `,"method":`, e.Method)
	b = textIf(b, `,"url":`, e.URL)
	b = textIf(b, `,"host":`, e.Host)
	b = numberIf(b, `,"status":`, e.Status)
	b = textIf(b, `,"type":`, e.Type)
	b = strconv.AppendInt(append(b, `,"size":`...), e.Size, 10)
	b = e.appendDecision(b)
	if t := e.Trace; t != nil {
		b = text(b, `,"trace":{"id":`, t.ID)
		b = append(text(b, `,"span_id":`, t.SpanID), '}')
	}
	b = strconv.AppendInt(append(b, `,"icap_status":`...), int64(e.ICAPStatus), 10)
	b = textIf(b, `,"error":`, e.Error)
	return e.Durations.append(b)
}

func (e *Event) appendDecision(b []byte) []byte {
	b = textIf(b, `,"api":`, e.API)
	b = textIf(b, `,"profile":`, e.Profile)
	b = text(b, `,"verdict":`, e.Verdict)
	b = text(b, `,"action":`, e.Action)
	b = textIf(b, `,"rule":`, e.Rule)
	b = textIf(b, `,"reason":`, e.Reason)
	b = textIf(b, `,"shadowed":`, e.Shadowed)
	b = list(b, `,"findings":[`, e.Findings, appendFinding)
	b = list(b, `,"gaps":[`, e.Gaps, appendGap)
	b = list(b, `,"changes":[`, e.Changes, appendChange)
	return numberIf(b, `,"omitted":`, e.Omitted)
}

func appendFinding(b []byte, f *FindingRecord) []byte {
	b = text(b, `{"engine":`, f.Engine)
	b = text(b, `,"rule":`, f.Rule)
	b = text(b, `,"class":`, f.Class)
	b = text(b, `,"severity":`, f.Severity)
	b = text(b, `,"path":`, f.Path)
	b = text(b, `,"detail":`, f.Detail)
	b = textIf(b, `,"via":`, f.Via)
	b = textIf(b, `,"description":`, f.Description)
	return append(textIf(b, `,"reference":`, f.Reference), '}')
}

func appendGap(b []byte, g *GapRecord) []byte {
	b = text(b, `{"engine":`, g.Engine)
	b = text(b, `,"path":`, g.Path)
	b = text(b, `,"error":`, g.Error)
	b = text(b, `,"reason":`, g.Reason)
	return append(textIf(b, `,"limit":`, g.Limit), '}')
}

func appendChange(b []byte, c *scan.Change) []byte {
	b = text(b, `{"rewriter":`, c.Rewriter)
	b = text(b, `,"path":`, c.Path)
	b = text(b, `,"vector":`, c.Vector)
	b = text(b, `,"action":`, c.Action)
	b = textIf(b, `,"detail":`, c.Detail)
	return append(strconv.AppendInt(append(b, `,"count":`...), int64(c.Count), 10), '}')
}

func (d *Durations) append(b []byte) []byte {
	b = appendMillis(append(b, `,"durations":{"receive_ms":`...), d.Receive)
	b = millisIf(b, `,"decode_ms":`, d.Decode)
	b = millisIf(b, `,"walk_ms":`, d.Walk)
	b = appendMillis(append(b, `,"scan_ms":`...), d.Scan)
	b = millisIf(b, `,"rewrite_ms":`, d.Rewrite)
	b = appendMillis(append(b, `,"reply_ms":`...), d.Reply)
	b = appendMillis(append(b, `,"total_ms":`...), d.Total)
	b = list(b, `,"engines":[`, d.Engines, func(b []byte, t *EngineTime) []byte {
		b = text(b, `{"engine":`, t.Engine)
		b = strconv.AppendInt(append(b, `,"items":`...), int64(t.Items), 10)
		return append(appendMillis(append(b, `,"ms":`...), t.Busy), '}')
	})
	return append(b, '}')
}

// list appends a member that is an array, unless it is empty; key ends with its bracket.
func list[T any](b []byte, key string, items []T, one func([]byte, *T) []byte) []byte {
	if len(items) == 0 {
		return b
	}
	b = append(b, key...)
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, &items[i])
	}
	return append(b, ']')
}

func text(b []byte, key, s string) []byte { return appendString(append(b, key...), s) }

func textIf(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return text(b, key, s)
}

func numberIf(b []byte, key string, n int) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), int64(n), 10)
}

func millisIf(b []byte, key string, v float64) []byte {
	if v == 0 {
		return b
	}
	return appendMillis(append(b, key...), v)
}

// appendMillis appends the shortest number that v is read back from, as encoding/json does. What Millis returns has three
// decimals at most and fewer than 16 digits, so that its digits are that number.
func appendMillis(b []byte, v float64) []byte {
	if v > 0 && v < 1e9 {
		if n := int64(v*1000 + 0.5); float64(n)/1000 == v {
			return appendThousandths(b, n)
		}
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	if size := math.Abs(v); size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, v, 'e', -1, 64)
	if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-07 is e-7
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

func appendThousandths(b []byte, n int64) []byte {
	b = strconv.AppendInt(b, n/1000, 10)
	rest := n % 1000
	if rest == 0 {
		return b
	}
	b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// plain are the bytes that stand for themselves in a JSON string.
func plain(c byte) bool { return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' }

// plain8 is plain for eight bytes at once: in a word of bytes below 0x80, a subtraction from all of them borrows from a
// neighbour's high bit only where a byte is too small.
func plain8(s string) bool {
	_ = s[7]
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	below := w - ' '*ones
	quote := (w ^ '"'*ones) - ones
	slash := (w ^ '\\'*ones) - ones
	return (w|below|quote|slash)&highs == 0
}

// appendString appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		if len(s)-i >= 8 && plain8(s[i:]) {
			i += 8
			continue
		}
		if plain(s[i]) {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r >= utf8.RuneSelf && r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		b = appendEscaped(append(b, s[from:i]...), r)
		i += size
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// appendEscaped appends a character that may not stand in a JSON string as it is, or better does not: U+2028 and U+2029
// end lines in JavaScript.
func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

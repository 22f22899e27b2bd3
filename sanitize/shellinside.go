package sanitize

import "bytes"

// backtick looks at `command` substitutions. Markdown quotes commands in the same way, so text around speaks
// against it.
func (r *shellReading) backtick(i int) {
	const around = 160 // bytes in which text is looked for
	end := bytes.IndexByte(r.s[i+1:min(len(r.s), i+514)], '`')
	if end <= 0 {
		return
	}
	w := r.command(i + 1)
	if w.kind == 0 || w.argument == argumentNone {
		return
	}
	if w.kind != commandRare && !w.path && w.argument != argumentStrong && w.argument != argumentNext {
		return
	}
	n := wordsUpTo(r.s[max(0, i-around):i], 2)
	if n < 2 {
		n += wordsUpTo(r.s[i+end+2:min(len(r.s), i+end+2+around)], 2-n)
	}
	if n >= 2 && bytes.IndexByte(r.s, ' ') >= 0 || quotedWord(r.s, i, i+end+1) || listed(r.s, i, i+end+1) {
		return
	}
	r.sign(signShellSubstitution, i, i+end+2)
}

// listed reports whether one bare word between the marks at i and j is an entry of a list with another one nearby.
func listed(s []byte, i, j int) bool {
	const near = 48 // bytes
	if i < 2 || s[i-1] != ' ' || s[i-2] != '-' && s[i-2] != '*' || j+1 < len(s) && s[j+1] != '\n' && s[j+1] != ' ' && s[j+1] != ':' || bytes.ContainsAny(s[i+1:j], " /$\t") {
		return false
	}
	entry := []byte{s[i-2], ' ', '`'}
	return bytes.Contains(s[max(0, i-near):i-2], entry) || bytes.Contains(s[j:min(len(s), j+near)], entry)
}

// quotedWord reports whether one bare word stands between the marks at i and j, and words of text around them.
func quotedWord(s []byte, i, j int) bool {
	return !bytes.ContainsAny(s[i+1:j], " /$\t") && isBlank(at(s, i-1)) && isBlank(at(s, j+1)) && wordsUpTo(s[j+1:min(len(s), j+160)], 1) >= 1
}

// dollar looks at $(command), $IFS and the tricks with parameters that build words.
func (r *shellReading) dollar(i int) {
	rest := r.s[i+1:]
	trick := false
	switch at(rest, 0) {
	case '(':
		if at(rest, 1) != '(' {
			r.substitution(i, i+2)
		}
	case 'i':
		trick = bytes.HasPrefix(rest, []byte("ifs")) && !isWord(at(rest, 3))
	case '{':
		trick = parameterTrick(rest[1:])
	case '\'':
		if i > 0 && r.s[i-1] == '=' {
			trick = r.command(i+2).kind != 0
		} else {
			trick = at(rest, 1) == '\\' && (at(rest, 2) == 'x' || at(rest, 2) == '1')
		}
	}
	if trick {
		r.sign(signShellTrick, i, i+24)
	}
}

// parameterTrick reports whether s, what stands behind the brace of a parameter, is one of those that words are cut out of.
func parameterTrick(s []byte) bool {
	name := "ifs"
	switch at(s, 0) {
	case 'i':
	case 'p':
		if name = "path:"; at(s, 1) == 'w' {
			name = "pwd:"
		}
	case 'h':
		name = "home:"
	case 'l':
		name = "ls_colors:"
	case 's':
		name = "shell:"
	default:
		return false
	}
	return bytes.HasPrefix(s, []byte(name))
}

func (r *shellReading) substitution(i, inside int) {
	w := r.command(inside)
	if r.s[i] == '$' && r.makeVariable(inside) {
		return
	}
	if w.kind != 0 && w.argument != argumentNone && !r.filledIn(i, inside, w) && (w.kind == commandRare || w.argument != argumentWord) {
		r.sign(signShellSubstitution, i, w.end+24)
	} else if inside < len(r.s) && (r.s[inside] == '`' || r.s[inside] == '<' && r.s[i] == '$') {
		r.sign(signShellSubstitution, i, inside+24)
	}
}

// makeVariable reports whether what stands at i, behind $(, is the name of a variable of make: programs are called in small
// letters.
func (r *shellReading) makeVariable(i int) bool {
	if len(r.s) != len(r.l.view) {
		return false
	}
	start := i
	for i < len(r.s) && ('A' <= r.l.view[i] && r.l.view[i] <= 'Z' || r.l.view[i] == '_' && i > start) {
		i++
	}
	return i > start+1 && at(r.s, i) == ')'
}

// printers are commands that scripts and manuals put into other commands for what they print: the day, the folder, the
// number of processors.
var printers = map[string]bool{"pwd": true, "date": true, "nproc": true, "dirname": true, "basename": true, "git": true, "cmd": true, "command": true}

// filledIn reports whether the substitution at i is one of printers in a longer command line: by itself, or behind a
// separator, it is a try whether commands run.
func (r *shellReading) filledIn(i, inside int, w shellWord) bool {
	if !printers[w.name] || w.path || r.s[i] != '$' || len(r.l.via) > 0 {
		return false
	}
	end := bytes.IndexByte(r.s[inside:min(len(r.s), inside+80)], ')')
	if end < 0 || bytes.ContainsAny(r.s[inside:inside+end], ";|&`/<>$") {
		return false
	}
	return words(r.s[:i]) >= 2 || bytes.HasPrefix(r.s, []byte("docker ")) || words(r.s[:i]) >= 1 && words(r.s[inside+end:]) >= 1
}

// brace looks at {cat,/etc/passwd}: words without spaces.
func (r *shellReading) brace(i int) {
	rest := r.s[i+1:]
	end := bytes.IndexByte(rest[:min(len(rest), 256)], '}')
	if end < 0 {
		return
	}
	inner := rest[:end]
	if i == 0 && !bytes.ContainsAny(inner, " :\"") && (bytes.Contains(inner, []byte(",-")) || bytes.Contains(inner, []byte(",/"))) {
		r.sign(signShellTrick, i, i+end+2)
		return
	}
	name, args, found := bytes.Cut(bytes.TrimLeft(inner, ","), []byte(","))
	if found && commandOf(name) != 0 && (len(args) > 0 && bytes.ContainsAny(args[:1], "/-.$~") || i == 0) || !found && len(inner) > 0 && inner[0] == ',' && commandOf(name) == commandRare {
		r.sign(signShellTrick, i, i+end+2)
	}
}

package content

import "bytes"

// Wrappers that servers put around JSON so that it does not run, or does run, as a script.
var jsonGuards = []string{")]}',", ")]}'", ")]}", "while(1);", "while (1);", "for(;;);", "for (;;);", "{}&&", "throw 1;", "/**/"}

// jsonWrapper returns where JSON stands in data: behind a guard, or in the parentheses of a JSONP call. It
// returns all of data if there is neither.
func jsonWrapper(data []byte) (from, to int) {
	from, to = 0, len(data)
	i := afterSpace(data, 0)
	if i < to && data[i] != '{' && data[i] != '[' && data[i] != '"' {
		for _, g := range jsonGuards {
			if bytes.HasPrefix(data[i:], []byte(g)) {
				i += len(g)
				from = i
				break
			}
		}
	} else if bytes.HasPrefix(data[i:], []byte("{}&&")) {
		return i + 4, to
	}
	if f, t, ok := jsonp(data[from:]); ok {
		return from + f, from + t
	}
	return from, to
}

// maxCallback bounds the name of a JSONP callback.
const maxCallback = 256

// jsonp finds the argument of "name(argument);". The name may be a path: "a.b['c']" is not accepted.
func jsonp(data []byte) (from, to int, ok bool) {
	i := afterSpace(data, 0)
	start := i
	for i < len(data) && i-start < maxCallback && isIdent(data[i]) {
		i++
	}
	if i == start || data[start]-'0' <= 9 {
		return 0, 0, false
	}
	i = afterSpace(data, i)
	if i >= len(data) || data[i] != '(' {
		return 0, 0, false
	}
	end := len(data)
	for end > i && (data[end-1] == ';' || data[end-1] == '\n' || data[end-1] == '\r' || data[end-1] == ' ' || data[end-1] == '\t') {
		end--
	}
	if end-1 <= i || data[end-1] != ')' {
		return 0, 0, false
	}
	return i + 1, end - 1, true
}

func isIdent(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c == '.'
}

package sanitize

import (
	"bytes"
	"strings"
)

// builders are the programs that scripts of packages, images and pipelines begin with, and helpers what may follow
// them there: they build, test, copy and filter what is in the folder at hand.
var (
	builders = wordSet("npm npx yarn pnpm bun node tsc jest mocha vitest eslint prettier webpack vite rollup esbuild babel husky lerna turbo nx next nuxt ng gulp grunt " +
		"rimraf cross-env concurrently nodemon ts-node tsx standard xo ava tap nyc c8 karma cypress playwright stylelint tslint microbundle tsup parcel run-s run-p npm-run-all shx " +
		"make cmake go cargo mvn gradle ./gradlew ./mvnw dotnet composer phpunit bundle rake pytest tox poetry pipenv pip pip3 twine flake8 mypy black ruff " +
		"git docker docker-compose podman kubectl helm terraform ansible-playbook brew apt apt-get systemctl journalctl tar zcat rm mkdir cp mv ls grep find ps cd")
	helpers = wordSet("rm mkdir cp mv ls grep head tail wc sort uniq cut tr awk sed echo touch true false exit cd test tee less more find ps jq rimraf mkdirp copyfiles cpy cpx chmod tar gzip zip export column diff do done dirname basename nproc pwd date command which")
)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// maxCommandLine is the length of a value that may be a command line by itself, in bytes.
const maxCommandLine = 512

// commandLine reports whether text in lower case is a command line of those who build and run software, and none but
// harmless programs are in it: "npm run build && cp src/a.css dist/". What is injected into a command begins behind
// the value that it breaks out of, and names a program of another kind, a file of the system, or an address.
func commandLine(s []byte) bool {
	s = bytes.TrimSpace(s)
	if len(s) < 8 || len(s) > maxCommandLine || isSeparator(s[0]) || bytes.ContainsAny(s, "`\n\r<\x00%\\") {
		return false
	}
	s = bytes.TrimPrefix(s, []byte("$ "))
	s = bytes.TrimPrefix(s, []byte("/bin/sh -c ")) // as the history of an image has it
	s = bytes.TrimSuffix(s, []byte(" && rm -rf /var/lib/apt/lists/*"))
	if name := program(firstPart(s)); !builders[name] && name != "for" { // as of most texts
		return false
	}
	if containsAny(s, "${", "/etc/", "/dev/", "/proc/", "/root", "://", "base64", "passwd", "shadow", "~/", " -exec", "--exec", " -c ", "../..", "/tmp/", "$ifs", "system") {
		return false
	}
	if bytes.Contains(s, []byte(" -e ")) && (!bytes.HasPrefix(s, []byte("node -e ")) || containsAny(s, "child_process", "exec", "spawn", "eval", "http", "net", "'fs'", "constructor")) {
		return false
	}
	return harmlessCommands(s)
}

// harmlessCommands reports whether all commands of a line, and those whose output is put into it, are harmless.
func harmlessCommands(s []byte) bool {
	if bytes.Contains(s, []byte("$(")) { // what is put in is a command like the others
		s = bytes.ReplaceAll(s, []byte("$("), []byte(";"))
	}
	first := true
	for part := range bytes.FieldsFuncSeq(s, func(r rune) bool { return r == ';' || r == '|' || r == '&' }) {
		name := program(part)
		if name == "for" && first { // for NAME in
			if len(bytes.Fields(part)) != 3 || !bytes.HasSuffix(bytes.TrimRight(part, " "), []byte(" in")) {
				return false
			}
			first = false
			continue
		}
		if !builders[name] && (first || !helpers[name]) {
			return false
		}
		if leavesFolder(name, part) {
			return false
		}
		if first && (name == "ls" || name == "ps" || name == "cd" || name == "rm" || name == "find" || name == "mkdir") && words(part) == 0 && !bytes.Contains(part, []byte(" ")) {
			return false
		}
		first = false
	}
	return !first
}

// leavesFolder reports whether a command is about files of the system, not of the folder at hand, or removes all there are.
func leavesFolder(name string, part []byte) bool {
	switch name {
	case "rm", "find", "ls", "grep":
		return bytes.Contains(part, []byte(" /")) || name == "rm" && bytes.IndexByte(part, '*') >= 0
	}
	return false
}

// firstPart returns the first command of a command line.
func firstPart(s []byte) []byte {
	s = bytes.TrimLeft(s, ";|&")
	if i := bytes.IndexAny(s, ";|&"); i >= 0 {
		s = s[:i]
	}
	return s
}

// program returns the name of the program that a part of a command line runs, behind variables that it sets.
func program(part []byte) string {
	for w := range bytes.FieldsSeq(part) {
		if bytes.IndexByte(w, '=') > 0 && w[0] != '-' || string(w) == "sudo" {
			continue
		}
		return string(w)
	}
	return ""
}

// scripted are words that a line of a shell script may have beside those of builders and helpers: of the language itself,
// and programs that read what the script is about.
var scripted = wordSet("fi for case esac in done [ [[ test } ( local export readonly return exit break continue shift set unset trap : . printf cat read command which type uname readlink realpath expr cmp " +
	"dpkg dpkg-query rpm install ln chmod chown gzip gunzip zcat xz bzip2 fgrep egrep pwd nproc hostname getopt mktemp logger paste join seq tac rev fold install-info update-alternatives")

// behindThem are words of the language behind which a command begins.
var behindThem = wordSet("if then else elif while until do ! { eval")

// scriptLine reports whether text in lower case is a line of a shell script and not one that was brought into a command: it
// begins by giving a variable a value or asking for a condition, and runs nothing but harmless programs.
func scriptLine(s []byte) bool {
	s = behindPattern(bytes.TrimSpace(s))
	if len(s) < 8 || len(s) > maxCommandLine || bytes.ContainsAny(s, "\n\r\x00%\\") && !bytes.Contains(s, []byte("sed ")) || !beginsScript(s) {
		return false
	}
	if containsAny(s, "/etc/passwd", "/etc/shadow", "/dev/tcp", "/dev/udp", "/proc/", "/root", "://", "base64", "~/", " -exec", "--exec", "$ifs", "${ifs", "/tmp/", "; id", "flag", "secret", ".ssh", "\n", "|sh", "| sh") {
		return false
	}
	return scriptCommands(s)
}

// behindPattern returns what a line of a case does, behind its pattern: *.dvi) base=x ;;
func behindPattern(s []byte) []byte {
	end := bytes.IndexByte(s, ')')
	if end <= 0 || end > 24 || !bytes.HasSuffix(s, []byte(";;")) || bytes.ContainsAny(s[:end], "`$(\"' ") || !isBlank(at(s, end+1)) {
		return s
	}
	return bytes.TrimLeft(s[end+1:], " \t")
}

// beginsScript reports whether text begins with NAME=, a condition, or a loop.
func beginsScript(s []byte) bool {
	for _, word := range []string{"if ", "while ", "for ", "[ ", "elif ", "local ", "export ", "test "} {
		if bytes.HasPrefix(s, []byte(word)) {
			return true
		}
	}
	if bytes.HasPrefix(s, []byte("echo ")) {
		return bytes.HasSuffix(s, []byte(">&2"))
	}
	if bytes.HasPrefix(s, []byte("case ")) {
		return bytes.HasSuffix(s, []byte(" in"))
	}
	name := 0
	for name < len(s) && isWord(s[name]) {
		name++
	}
	if name < 1 || name+2 >= len(s) || s[name] != '=' {
		return false
	}
	value := s[name+1:]
	value = bytes.TrimPrefix(value, []byte{'"'})
	return bytes.HasPrefix(value, []byte("$(")) || bytes.HasPrefix(value, []byte("`"))
}

// scriptCommands reports whether the commands of a line, those whose output is put into it too, are all known as harmless.
func scriptCommands(s []byte) bool {
	for i := 0; i < len(s); {
		for i < len(s) && bytes.IndexByte([]byte(" \t\"'(){};&|`"), s[i]) >= 0 || i+1 < len(s) && s[i] == '$' && s[i+1] == '(' {
			i++
		}
		start := i
		for i < len(s) && bytes.IndexByte([]byte(" \t;&|`()\"'"), s[i]) < 0 {
			i++
		}
		word := string(s[start:i])
		switch assigns := bytes.IndexByte(s[start:i], '='); {
		case word == "":
		case assigns > 0 && isWord(word[assigns-1]):
			i = start + assigns + 1 // the value may be a command's output
		case word[0] == '$': // whatever stands in there
			return false
		case word[0] == '-' || word[0] == '>' || word[0] == '<' || isDigit(word[0]):
		case behindThem[word]:
			continue
		case !builders[word] && !helpers[word] && !scripted[word]:
			return false
		}
		i = nextCommand(s, i)
	}
	return true
}

// nextCommand returns where the next command of a line begins, behind i.
func nextCommand(s []byte, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case ';', '|', '&', '`':
			return i
		case '$':
			if at(s, i+1) == '(' {
				return i
			}
		case '\'':
			if end := bytes.IndexByte(s[i+1:], '\''); end >= 0 {
				i += end + 1
			}
		}
	}
	return i
}

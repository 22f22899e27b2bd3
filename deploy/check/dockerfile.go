package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile returns what is wrong with a Dockerfile: what BuildKit cannot parse or warns of, and what our images
// promise: a user that is not root, by number, so that Kubernetes can see it; pinned base images; a program without a
// shell around it.
func dockerfile(file string) (problems []string) {
	report := func(format string, args ...any) {
		problems = append(problems, file+": "+fmt.Sprintf(format, args...))
	}
	f, err := os.Open(file)
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		report("%v", err)
		return problems
	}
	for _, w := range parsed.Warnings {
		report("%s", w.Short)
	}
	lint := linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, _ []parser.Range) { report("%s: %s", rule, message) },
	})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		report("%v", err)
		return problems
	}
	if len(stages) == 0 {
		report("no stage")
		return problems
	}
	for _, s := range stages {
		if !strings.Contains(s.BaseName, ":") && s.BaseName != "scratch" && !named(stages, s.BaseName) {
			report("stage %q: base image %s has no tag", s.Name, s.BaseName)
		}
	}
	final(&stages[len(stages)-1], report)
	return problems
}

func named(stages []instructions.Stage, name string) bool {
	for _, s := range stages {
		if s.Name == name {
			return true
		}
	}
	return false
}

// final checks the stage that becomes the image.
func final(s *instructions.Stage, report func(string, ...any)) {
	var user string
	var health, exec bool
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.HealthCheckCommand:
			health = c.Health != nil && len(c.Health.Test) > 0 && c.Health.Test[0] == "CMD"
		case *instructions.EntrypointCommand:
			exec = !c.PrependShell
		}
	}
	if id, _, _ := strings.Cut(user, ":"); id == "" || id == "0" || strings.Trim(id, "0123456789") != "" {
		report("the image runs as %q; wants a number that is not 0", user)
	}
	if !health {
		report("no HEALTHCHECK in exec form")
	}
	if !exec {
		report("no ENTRYPOINT in exec form")
	}
}

package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose returns what is wrong with a Compose file: what Compose does not accept, files that it mounts and that are
// not there, and services with more rights than they need.
func compose(file string) (problems []string) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("check"))
	if err != nil {
		return []string{err.Error()}
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", file, err)}
	}
	if len(project.Services) == 0 {
		return []string{file + ": no service"}
	}
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[name]
		for _, p := range confined(&s) {
			problems = append(problems, fmt.Sprintf("%s: service %s: %s", file, name, p))
		}
		for _, v := range s.Volumes {
			if found, _ := filepath.Glob(v.Source); v.Type == types.VolumeTypeBind && len(found) == 0 {
				problems = append(problems, fmt.Sprintf("%s: service %s: nothing to mount at %s", file, name, v.Source))
			}
		}
	}
	return problems
}

// confined says what a service could do without.
func confined(s *types.ServiceConfig) (problems []string) {
	if s.Privileged {
		problems = append(problems, "privileged")
	}
	if !slices.Contains(s.CapDrop, "ALL") {
		problems = append(problems, "capabilities are not dropped (cap_drop: [ALL])")
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		problems = append(problems, "no security_opt no-new-privileges:true")
	}
	for _, p := range s.Ports {
		if p.HostIP != "127.0.0.1" {
			problems = append(problems, fmt.Sprintf("port %d is published on all addresses", p.Target))
		}
	}
	return problems
}

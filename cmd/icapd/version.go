package main

import (
	"fmt"
	"runtime"
	"strings"

	"icapd/conf"

	"github.com/spf13/cobra"
)

// about is what version prints.
type about struct {
	Version  string            `json:"version"`
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	Engines  map[string]string `json:"engines"` // versions: of libyara, of rule sets
}

func (c *cli) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "print the version of icapd, of what it is built with, and of its built-in rules",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a := about{Version: c.version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Engines: map[string]string{}}
			p, err := buildEngines(conf.Default(), c.version, nil)
			if err != nil {
				return failWith(err)
			}
			defer p.close()
			for _, e := range p.engines {
				a.Engines[e.Name()] = engineVersion(e)
			}
			if asJSON {
				return encode(c.out, a)
			}
			var text strings.Builder
			fmt.Fprintf(&text, "icapd %s\n%s %s\n", a.Version, a.Go, a.Platform)
			for _, e := range p.engines {
				fmt.Fprintf(&text, "%-10s %s%s\n", e.Name(), a.Engines[e.Name()], p.detail(e))
			}
			for _, n := range p.notes {
				text.WriteString(n + "\n")
			}
			_, err = c.out.Write([]byte(text.String()))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
